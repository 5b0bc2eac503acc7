# SPDX-License-Identifier: GPL-2.0-or-later
"""The made-up kernel answers as a real one did."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.pyvfio.fake.kernel import FakeKernel
from tests.unit.pyvfio.fake.machines import NIC
from tests.unit.pyvfio.questions import answers

REAL = json.loads((Path(__file__).parent / "answers.json").read_text())


def test_it_answers_as_a_real_kernel(kernel: FakeKernel) -> None:
    said = answers(kernel, NIC)
    wrong = {
        question: f"{said.get(question)} here, {answer} of Linux {REAL['kernel']}"
        for question, answer in REAL["answers"].items()
        if said.get(question) != answer
    }
    assert wrong == {}
    assert said.keys() == REAL["answers"].keys()
