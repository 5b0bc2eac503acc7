# SPDX-License-Identifier: GPL-2.0-or-later
"""The made-up kernel answers as a real one did."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.pyvfio import iommufd_questions, noiommu_questions, questions
from tests.unit.pyvfio.fake.kernel import FakeKernel
from tests.unit.pyvfio.fake.machine import Machine
from tests.unit.pyvfio.fake.machines import NIC, OTHER_TWIN, TWIN

HERE = Path(__file__).parent


def compare(said: dict[str, int | str], stored: str) -> None:
    real = json.loads((HERE / stored).read_text())
    wrong = {
        question: f"{said.get(question)} here, {answer} of Linux {real['kernel']}"
        for question, answer in real["answers"].items()
        if said.get(question) != answer
    }
    assert wrong == {}
    assert said.keys() == real["answers"].keys()


@pytest.mark.parametrize("iommufd", [False, True])
def test_it_answers_as_a_real_kernel(kernel: FakeKernel, machine: Machine, iommufd: bool) -> None:
    machine.iommufd = iommufd
    compare(questions.answers(kernel, NIC), "answers.json")


def test_it_answers_as_a_real_kernel_does_with_iommufd(
    kernel: FakeKernel, machine: Machine
) -> None:
    machine.iommufd = True
    said = iommufd_questions.answers(kernel, NIC, (TWIN, OTHER_TWIN))
    compare(said, "iommufd_answers.json")


def test_it_answers_as_a_real_kernel_does_without_an_iommu(
    kernel: FakeKernel, machine: Machine
) -> None:
    machine.noiommu = True
    machine.functions[NIC].iommu = False
    compare(noiommu_questions.answers(kernel, NIC), "noiommu_answers.json")
