# SPDX-License-Identifier: GPL-2.0-or-later
"""pyvfio.uapi is the header of the kernel that is booted; the compiler is asked."""

from __future__ import annotations

from tests.unit.pyvfio import header

from . import image


def test_uapi_is_the_header_of_the_kernel_that_is_booted() -> None:
    command = header.find_compiler()
    assert command is not None, f"install a C compiler: one of {', '.join(header.COMPILERS)}"
    for each, at_least in ((header.VFIO, 300), (header.IOMMUFD, 150)):
        report = header.compare(image.headers(), command, each)
        assert report.version == tuple(int(number) for number in image.KERNEL.split("."))
        assert (report.wrong, report.unknown) == ([], [])
        assert report.equal > at_least
