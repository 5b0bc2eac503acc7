# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever is asked of an iommufd, and whichever call fails: both sides know the same of it."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from pyvfio import Device, DmaMapping, Hwpt, Ioas, Iommufd
from pyvfio.errors import VfioError
from tests.unit.pyvfio.fake.cdev import CdevFile
from tests.unit.pyvfio.fake.iommufd import Space
from tests.unit.pyvfio.fake.kernel import FakeKernel
from tests.unit.pyvfio.fake.machines import EDU, NIC, OTHER_TWIN, TWIN, standard

# Not ENOENT: of an unmapping it is no failure, but the answer that nothing was mapped.
ERRNOS = (errno.EIO, errno.EINVAL, errno.ENOMEM, errno.EBUSY)
NAMES = (EDU, NIC, TWIN, OTHER_TWIN)
FAULTS = st.none() | st.tuples(st.integers(1, 6), st.sampled_from(ERRNOS))
"""Which of the next calls fails, and how."""


class Iommufds(RuleBasedStateMachine):
    """An iommufd with devices, of which two share a group, spaces, page tables and memory."""

    devices = Bundle("devices")
    targets = Bundle("targets")
    memory = Bundle("memory")

    def __init__(self) -> None:
        super().__init__()
        self.machine = standard()
        self.machine.iommufd = True
        self.kernel = FakeKernel(self.machine)
        self.iommufd = Iommufd(self.kernel)
        self.spaces: list[Ioas] = [self.iommufd.ioas]

    @contextmanager
    def failing(self, fault: tuple[int, int] | None) -> Iterator[None]:
        """Let a call fail."""
        if fault is not None:
            self.kernel.fail_at = len(self.kernel.calls) + fault[0]
            self.kernel.fail_with = fault[1]
        try:
            yield
        finally:
            self.kernel.fail_at = None

    def attempt(self, fault: tuple[int, int] | None, do: Callable[[], Any]) -> Any:
        """Do something that may be refused; return what it brought, `multiple()` for nothing."""
        with self.failing(fault):
            try:
                return do()
            except VfioError:
                return multiple()

    @initialize(target=devices)
    def open_all(self) -> Any:
        return multiple(*map(self.iommufd.open_device, NAMES))

    @initialize(target=targets)
    def two_spaces(self) -> Any:
        self.spaces.append(self.iommufd.allocate_ioas())
        return multiple(*self.spaces)

    @rule(target=devices, name=st.sampled_from(NAMES), fault=FAULTS)
    def open_device(self, name: str, fault: tuple[int, int] | None) -> Any:
        if any(each.name == name for each in self.iommufd.devices):
            return multiple()
        return self.attempt(fault, lambda: self.iommufd.open_device(name))

    @rule(target=targets, fault=FAULTS)
    def allocate_space(self, fault: tuple[int, int] | None) -> Any:
        made = self.attempt(fault, self.iommufd.allocate_ioas)
        if isinstance(made, Ioas):
            self.spaces.append(made)
        return made

    @rule(target=targets, device=devices, space=targets, fault=FAULTS)
    def allocate_table(
        self, device: Device, space: Ioas | Hwpt, fault: tuple[int, int] | None
    ) -> Any:
        if device.closed or isinstance(space, Hwpt) or space.closed:
            return multiple()
        return self.attempt(fault, lambda: self.iommufd.allocate_hwpt(device, space))

    @rule(device=devices, what=targets, fault=FAULTS)
    def attach(self, device: Device, what: Ioas | Hwpt, fault: tuple[int, int] | None) -> None:
        if not device.closed and not what.closed:
            self.attempt(fault, lambda: device.attach(what))

    @rule(device=devices, fault=FAULTS)
    def detach(self, device: Device, fault: tuple[int, int] | None) -> None:
        if not device.closed:
            self.attempt(fault, device.detach)

    @rule(
        target=memory,
        place=st.integers(0, 9),
        pages=st.integers(1, 3),
        at=st.none() | st.sampled_from((0x10000, 0x11000, 0xFEE00000, 1 << 40)),
        fault=FAULTS,
    )
    def allocate(
        self, place: int, pages: int, at: int | None, fault: tuple[int, int] | None
    ) -> Any:
        space = self.spaces[place % len(self.spaces)]
        return self.attempt(fault, lambda: space.dma.allocate(pages * 4096, iova=at))

    @rule(mapping=consumes(memory), fault=FAULTS)
    def unmap(self, mapping: DmaMapping, fault: tuple[int, int] | None) -> None:
        self.attempt(fault, mapping.unmap)

    @rule(device=consumes(devices), fault=FAULTS)
    def close_device(self, device: Device, fault: tuple[int, int] | None) -> None:
        self.attempt(fault, device.close)

    @rule(what=consumes(targets), fault=FAULTS)
    def close_target(self, what: Ioas | Hwpt, fault: tuple[int, int] | None) -> None:
        self.attempt(fault, what.close)

    @invariant()
    def both_sides_know_the_same(self) -> None:
        (file,) = self.kernel.iommufds
        self.spaces = [each for each in self.spaces if not each.closed] or [self.iommufd.ioas]
        for space in self.spaces:
            inside = file.objects[space.id]
            assert isinstance(inside, Space)
            mapped = {each.iova: (each.vaddr, each.size) for each in space.dma.mappings}
            assert mapped == inside.mapped
        tied = {each.function.address: each for each in self.kernel.devices}
        assert set(tied) == {each.name for each in self.iommufd.devices}
        for device in self.iommufd.devices:
            kernel_side = tied[device.name]
            assert isinstance(kernel_side, CdevFile)
            assert kernel_side.bound is not None
            table = kernel_side.bound.table
            number = None if table is None else file.number_of(table)
            assert number == device.page_table_id
            if table is not None:
                assert device.attached_to is not None
                assert {each.iova for each in device.dma.mappings} == set(table.space.mapped)

    def teardown(self) -> None:
        self.iommufd.close()
        assert not self.kernel.leaks(), self.kernel.leaks()
        self.machine.close()


TestIommufds = Iommufds.TestCase
TestIommufds.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
