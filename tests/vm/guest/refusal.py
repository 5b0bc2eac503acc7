# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel says when it refuses."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pyvfio import VfioError


@contextmanager
def refused(number: int) -> Iterator[None]:
    """The kernel refuses what is done within, with this errno."""
    with pytest.raises(VfioError) as error:
        yield
    assert errno.errorcode[error.value.errno or 0] == errno.errorcode[number]
