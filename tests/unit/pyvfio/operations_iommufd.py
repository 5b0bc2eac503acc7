# SPDX-License-Identifier: GPL-2.0-or-later
"""What a user can ask of iommufd; and what can be asked of any device, of one that is had by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pyvfio
from pyvfio import Container, Device, Hwpt, Ioas, Iommufd, IovaRange, NoIommu
from pyvfio.handle import Handle
from tests.unit.pyvfio.fake.kernel import FakeKernel
from tests.unit.pyvfio.fake.machines import EDU, NIC, OTHER_TWIN, TOKEN, TWIN, VIRTUAL
from tests.unit.pyvfio.operations import OPERATIONS, Operation, Unmapper, kernel_only
from tests.unit.pyvfio.operations_features import FEATURES

BY_GROUP = frozenset(
    {
        *("open container", "open group", "open device in a container", "extension"),
        *("open device with token", "open second device of a group", "group status"),
        *("iommu info", "hot reset info", "hot reset", "dirty tracking"),
        *("dma unmap with its dirty pages", "eventfd", "wait"),
        *("sysfs functions", "sysfs place", "sysfs neighbours"),
    }
)
"""What is a container's or a group's, or no device's at all."""

Prepare = Callable[[FakeKernel, ExitStack], Any]


def with_iommufd(prepare: Prepare) -> Prepare:
    """Prepare on a machine that has iommufd."""

    def prepared(kernel: FakeKernel, stack: ExitStack) -> Any:
        kernel.machine.iommufd = True
        return prepare(kernel, stack)

    return prepared


def iommufd(kernel: FakeKernel, stack: ExitStack) -> Iommufd:
    """Open an iommufd and let it have its address space."""
    opened = stack.enter_context(Iommufd(kernel))
    assert opened.ioas.id
    return opened


def looking_at_tokens(kernel: FakeKernel, stack: ExitStack) -> FakeKernel:
    """Let the kernel look at tokens when a device is bound."""
    del stack
    kernel.machine.bind_tokens = True
    return kernel


def without_iommu(kernel: FakeKernel, stack: ExitStack) -> FakeKernel:
    """Let a device have no IOMMU, and the administrator have allowed that."""
    del stack
    kernel.machine.functions[EDU].iommu = False
    kernel.machine.noiommu = True
    return kernel


def with_spaces(kernel: FakeKernel, stack: ExitStack) -> tuple[Device, Ioas, Hwpt]:
    """Open a device, map memory for it, and make another address space, and a page table of it."""
    whole = iommufd(kernel, stack)
    opened = whole.open_device(NIC)
    opened.dma.allocate(4096)
    other = whole.allocate_ioas()
    return opened, other, whole.allocate_hwpt(opened, other)


def twins(kernel: FakeKernel, stack: ExitStack) -> Device:
    """Open both functions of a group."""
    whole = iommufd(kernel, stack)
    first = whole.open_device(TWIN)
    whole.open_device(OTHER_TWIN)
    return first


class Back:
    """An attachment to take back."""

    def __init__(self, opened: Device, before: Ioas | Hwpt | None) -> None:
        self.opened = opened
        self.before = before

    def close(self) -> None:
        """Attach the device to what it had."""
        assert self.before is not None
        self.opened.attach(self.before)


class Closing:
    """Things to close one after the other."""

    def __init__(self, *those: Any) -> None:
        self.those = those

    def close(self) -> None:
        """Close them in their order."""
        for each in self.those:
            each.close()


def attached(opened: Device, target: Ioas | Hwpt) -> Back:
    """Attach a device to something else."""
    before = opened.attached_to
    opened.attach(target)
    return Back(opened, before)


def detached(opened: Device) -> Back:
    """Detach a device."""
    before = opened.attached_to
    opened.detach()
    return Back(opened, before)


def adopted(whole: Iommufd) -> Device:
    """Open a device's file by hand, and let the iommufd have it."""
    with Handle.open(whole.kernel, "/dev/vfio/devices/vfio1") as handle:
        found = whole.adopt_device(handle.fileno())
        handle.release()
    return found


def mapped_alone(whole: Iommufd) -> Unmapper:
    """Map memory where no device is."""
    return Unmapper(whole.dma.allocate(8192))


def as_container(kernel: FakeKernel) -> Container:
    """Use an iommufd as a container, with a device and memory."""
    with ExitStack() as undo:
        whole = undo.enter_context(Container(kernel, path="/dev/iommu"))
        whole.open_device(EDU).dma.allocate(4096)
        undo.pop_all()
    return whole


def both_ways() -> Iterator[Operation]:
    """Yield what can be asked of any device, on a machine whose devices are had by iommufd."""
    for each in (*OPERATIONS, *FEATURES):
        if each.name not in BY_GROUP and not each.name.startswith(("pyvfio", "bind", "unbind")):
            name = f"{each.name}, by iommufd"
            yield replace(each, name=name, prepare=with_iommufd(each.prepare))


OWN = (
    Operation("open iommufd", kernel_only, Iommufd),
    Operation("choose a backend", kernel_only, lambda k: pyvfio.choose_backend(NIC, k)),
    Operation(
        "open device with token, by iommufd",
        looking_at_tokens,
        lambda k: pyvfio.open_device(VIRTUAL, vf_token=TOKEN, kernel=k),
    ),
    Operation("open device in an iommufd", iommufd, lambda i: i.open_device(NIC)),
    Operation("adopt device", iommufd, adopted),
    Operation("second device of a group in an iommufd", twins, lambda d: d.hot_reset_info()),
    Operation("hot reset, by iommufd", twins, lambda d: d.hot_reset()),
    Operation("allocate address space", iommufd, lambda i: i.allocate_ioas()),
    Operation("ranges of an address space", iommufd, lambda i: i.iova_ranges()),
    Operation("allow addresses", iommufd, lambda i: i.ioas.allow_iovas([IovaRange(4096, 8191)])),
    Operation("map without devices", iommufd, mapped_alone),
    Operation("allocate page table", with_spaces, lambda s: s[0].iommu.allocate_hwpt(s[0])),
    Operation("what an IOMMU can", with_spaces, lambda s: s[0].iommu.hw_info(s[0])),
    Operation("attach to an address space", with_spaces, lambda s: attached(s[0], s[1])),
    Operation("attach to a page table", with_spaces, lambda s: attached(s[0], s[2])),
    Operation("detach", with_spaces, lambda s: detached(s[0])),
    Operation("close address space", with_spaces, lambda s: Closing(s[2], s[1]).close()),
    Operation("close iommufd", with_spaces, lambda s: s[0].iommu.close()),
    Operation("iommufd as a container", kernel_only, as_container),
)

WITHOUT = (
    Operation("open container without IOMMU", kernel_only, NoIommu),
    Operation(
        "open device without IOMMU",
        without_iommu,
        lambda k: pyvfio.open_device(EDU, backend="noiommu", kernel=k),
    ),
)


IOMMUFD = (
    *(replace(each, prepare=with_iommufd(each.prepare)) for each in OWN),
    *WITHOUT,
    *both_ways(),
)
