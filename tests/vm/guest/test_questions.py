# SPDX-License-Identifier: GPL-2.0-or-later
"""The answers that the made-up kernel of the unit tests is held to are those of this kernel."""

from __future__ import annotations

import json
from pathlib import Path

from pyvfio import Kernel
from tests.unit.pyvfio import questions
from tests.vm.guest import devices

STORED = Path(questions.__file__).with_name("answers.json")


def test_the_stored_answers_are_true() -> None:
    said = questions.answers(Kernel(), devices.address("e1000e"))
    assert said == json.loads(STORED.read_text())["answers"]
