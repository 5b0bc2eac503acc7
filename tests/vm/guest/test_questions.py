# SPDX-License-Identifier: GPL-2.0-or-later
"""The answers that the made-up kernel of the unit tests is held to are those of this kernel."""

from __future__ import annotations

import json
from pathlib import Path

from pyvfio import Kernel
from tests.unit.pyvfio import iommufd_questions, questions
from tests.vm.guest import devices

HERE = Path(questions.__file__).parent


def stored(name: str) -> dict[str, int | str]:
    answers: dict[str, int | str] = json.loads((HERE / name).read_text())["answers"]
    return answers


def test_the_stored_answers_are_true() -> None:
    said = questions.answers(Kernel(), devices.address("e1000e"))
    assert said == stored("answers.json")


def test_the_stored_answers_about_iommufd_are_true() -> None:
    twins = devices.address("edu-in-a-pair"), devices.address("e1000e-in-a-pair")
    said = iommufd_questions.answers(Kernel(), devices.address("e1000e"), twins)
    assert said == stored("iommufd_answers.json")
