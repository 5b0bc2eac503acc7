# SPDX-License-Identifier: GPL-2.0-or-later
"""What a user can ask of a device beside regions and interrupts, each as an operation."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable
from contextlib import ExitStack

import pyvfio
from pyvfio import Hwpt, Iommufd, IovaRange
from pyvfio.container import Container
from pyvfio.device import Device
from pyvfio.dirty import DirtyTracking, HwptDirtyTracking
from pyvfio.dma import DmaMapping
from pyvfio.features import Feature
from pyvfio.migstate import MigState
from pyvfio.uapi import feature as uapi
from tests.unit.pyvfio.fake.kernel import FakeKernel
from tests.unit.pyvfio.fake.machine import Bar, Function
from tests.unit.pyvfio.fake.machines import NIC, SOURCE, TARGET
from tests.unit.pyvfio.operations import Operation, container, device

PAGE = 4096
Prepare = Callable[[FakeKernel, ExitStack], Device]


def changed(name: str, change: Callable[[Function], None]) -> Prepare:
    """Open a function that is another one than the machine's."""

    def prepare(kernel: FakeKernel, stack: ExitStack) -> Device:
        change(kernel.machine.functions[name])
        return device(name)(kernel, stack)

    return prepare


def physical(function: Function) -> None:
    """Let it have virtual functions."""
    function.extras.physical = True


def exporting(function: Function) -> None:
    """Let it export regions."""
    function.extras.dma_buf = True


def tracked_table(kernel: FakeKernel, stack: ExitStack) -> Hwpt:
    """Make a page table whose dirty pages can be tracked."""
    kernel.machine.iommufd = kernel.machine.iommu_tracks = True
    whole = stack.enter_context(Iommufd(kernel))
    return whole.allocate_hwpt(whole.open_device(NIC), dirty_tracking=True)


def table_tracked(table: Hwpt) -> HwptDirtyTracking:
    """Track dirty pages of a page table and ask for them."""
    with ExitStack() as undo:
        tracking = undo.enter_context(table.track_dirty_pages())
        tracking.report(0, 0x10000)
        undo.pop_all()
    return tracking


class Back:
    """A device that stands still, to go on."""

    def __init__(self, opened: Device) -> None:
        self.opened = opened

    def close(self) -> None:
        """Let it go on."""
        self.opened.migration.set_state(MigState.RUNNING)


def all_states(opened: Device) -> Back:
    """Go through all states that can be gone through."""
    back = Back(opened)
    with ExitStack() as undo:
        undo.callback(back.close)
        for state in (
            MigState.RUNNING_P2P,
            MigState.PRE_COPY,
            MigState.PRE_COPY_P2P,
            MigState.STOP_COPY,
            MigState.STOP,
        ):
            opened.migration.set_state(state)
        undo.pop_all()
    return back


def copied(opened: Device) -> Back:
    """Read the stream by hand, while the device runs and when it has stopped."""
    with opened.migration.pre_copy() as stream:
        opened.migration.precopy_info()
        data = b"".join(stream)
        opened.migration.set_state(MigState.STOP_COPY)
        data += b"".join(stream)
    assert data.endswith(bytes(range(48)))
    return Back(opened)


def saved(kernel: FakeKernel, stack: ExitStack) -> tuple[Device, io.BytesIO]:
    """Open what is to take what another one holds."""
    file = io.BytesIO()
    with pyvfio.open_device(SOURCE, kernel=kernel) as source:
        source.migration.save(file)
    file.seek(0)
    return device(TARGET)(kernel, stack), file


def refused(kernel: FakeKernel, stack: ExitStack) -> Device:
    """Open a device that is being loaded, with too little."""
    opened = device(TARGET)(kernel, stack)
    stream = opened.migration.set_state(MigState.RESUMING)
    assert stream is not None
    stream.write(b"short")
    return opened


def copying(kernel: FakeKernel, stack: ExitStack) -> Device:
    """Open a device that is being saved."""
    opened = device(SOURCE)(kernel, stack)
    opened.migration.set_state(MigState.PRE_COPY)
    return opened


def logged(opened: Device) -> pyvfio.DmaLogging:
    """Log DMA and ask for it."""
    with ExitStack() as undo:
        log = undo.enter_context(opened.dma_logging([IovaRange(0, 0xFFFF)]))
        log.report(0, 0x10000)
        undo.pop_all()
    return log


def tracked(opened: Container) -> DirtyTracking:
    """Track dirty pages and ask for them."""
    with ExitStack() as undo:
        tracking = undo.enter_context(opened.dirty_tracking())
        tracking.report(0, 0x10000)
        undo.pop_all()
    return tracking


def full_container(kernel: FakeKernel, stack: ExitStack) -> Container:
    """Open a container with a device."""
    whole = container(kernel, stack)
    whole.open_device(NIC)
    return whole


def tracking_of_a_page(kernel: FakeKernel, stack: ExitStack) -> tuple[DirtyTracking, DmaMapping]:
    """Track dirty pages of a container in which something is mapped."""
    whole = full_container(kernel, stack)
    mapping = whole.dma.allocate(PAGE)
    return stack.enter_context(whole.dirty_tracking()), mapping


def all_extras_on(kernel: FakeKernel, stack: ExitStack) -> Device:
    """Open a device, save it, log its DMA, and tie an eventfd to a register."""
    opened = changed(SOURCE, lambda function: function.bars.update({0: Bar(PAGE)}))(kernel, stack)
    opened.migration.set_state(MigState.PRE_COPY)
    opened.bar(0).ioeventfd(0, 4, 1)
    opened.low_power(wakeup=True)
    return opened


FEATURES = (
    Operation("features probe", device(SOURCE), lambda d: d.features.supports(Feature.MIGRATION)),
    Operation(
        "features get",
        device(SOURCE),
        lambda d: d.features.get(Feature.MIGRATION, uapi.vfio_device_feature_migration),
    ),
    Operation(
        "vf token", changed(SOURCE, physical), lambda d: d.features.set_vf_token(uuid.UUID(int=1))
    ),
    Operation("migration sizes", device(SOURCE), lambda d: d.migration.data_size()),
    Operation("migration states", device(SOURCE), all_states),
    Operation("migration by hand", device(SOURCE), copied),
    Operation(
        "migration save and go on",
        device(SOURCE),
        lambda d: d.migration.save(io.BytesIO(), then=MigState.RUNNING),
    ),
    Operation(
        "migration save with copying before",
        device(SOURCE),
        lambda d: d.migration.save(io.BytesIO(), pre_copy=True, then=MigState.RUNNING),
    ),
    Operation("migration load", saved, lambda given: given[0].migration.load(given[1])),
    Operation("close migration by a reset", refused, lambda d: d.migration.recover()),
    Operation("close device that is being saved", copying, lambda d: d.close()),
    Operation("dma logging", device(SOURCE), logged),
    Operation("dirty tracking", full_container, tracked),
    Operation("dirty tracking of a page table", tracked_table, table_tracked),
    Operation(
        "dma unmap with its dirty pages",
        tracking_of_a_page,
        lambda given: given[0].unmap(given[1]),
    ),
    Operation("low power", device(NIC), lambda d: d.low_power()),
    Operation("low power with a wake-up", device(NIC), lambda d: d.low_power(wakeup=True)),
    Operation("ioeventfd", device(NIC), lambda d: d.bar(0).ioeventfd(0, 4, 1)),
    Operation("dma-buf", changed(NIC, exporting), lambda d: d.bar(0).export_dma_buf()),
    Operation("close device with all extras on", all_extras_on, lambda d: d.close()),
)
