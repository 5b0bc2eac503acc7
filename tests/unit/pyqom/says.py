# SPDX-License-Identifier: GPL-2.0-or-later
"""What an error says, to the letter: QEMU's texts are the contract."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pyqom import Error


@contextmanager
def refused(text: str, kind: type[Exception] = Error) -> Iterator[None]:
    """What is done inside must raise `kind` with exactly this text."""
    with pytest.raises(kind) as caught:
        yield
    assert str(caught.value) == text
