# SPDX-License-Identifier: GPL-2.0-only
"""Whether a device can migrate, and its way through the states of a migration (twin of QEMU's hw/vfio/migration.c).

`vfio_migration_realize` decides it when the device is realized: either `VFIODevice.migration` is there afterwards, or
a blocker is, or realize is refused. Saving and loading are in `savevm`.

QEMU 7.2 speaks the first version of the kernel's interface, which no Linux since 5.18 has: there a device never can.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from dataclasses import dataclass

from pyqom import Error, OnOffAuto, at_least, current, object_get_canonical_path
from pyqom.migration import migrate_add_blocker, migrate_del_blocker
from pyqom.qdev import BUS_GET_CLASS
from pyvfio import Device, VfioError
from pyvfio.features import Feature
from pyvfio.migration import MigrationStream
from pyvfio.migstate import MigFlags, MigState

from .device import VFIODevice, vfio_device_list

_MULTIPLE = "Multiple VFIO devices migration is supported only if all of them support P2P migration"

_QAPI_STATES: dict[MigState, str] = {
    state: state.name.lower().replace("_", "-") for state in MigState if state is not MigState.ERROR
}
"""QapiVfioMigrationState."""


@dataclass(eq=False, slots=True)
class VFIOMigration:
    """What a device that can migrate has for it (struct VFIOMigration).

    `mig_flags` is what it can, `idstr` what a file of saved state calls it. `device_state` is the state that it was
    brought to last.
    """

    mig_flags: MigFlags
    idstr: str
    device_state: MigState = MigState.RUNNING


def vfio_migration_realize(vbasedev: VFIODevice) -> None:
    """Get ready for migration, or say why there can be none (since 8.0; vfio_migration_probe before).

    Raises:
        Error: enable-migration=on, and it cannot migrate; or -only-migratable, and it cannot or must not.
    """
    if not at_least("8.0"):
        _block(vbasedev, Error("VFIO device doesn't support migration"))
        return
    name = vbasedev.name
    if vbasedev.enable_migration == OnOffAuto.OFF:
        _block(vbasedev, Error(f"{name}: Migration is disabled for VFIO device"))
        return
    code = _init(vbasedev)
    if code:
        text = (
            f"{name}: VFIO migration is not supported in kernel"
            if code == errno.ENOTTY
            else f"{name}: Migration couldn't be initialized for VFIO device, err: {-code}"
            f" ({os.strerror(code)})"
        )
        _block(vbasedev, Error(text))
        return
    try:
        _check(vbasedev)
    except Error:
        _deinit(vbasedev)
        raise


def _check(vbasedev: VFIODevice) -> None:
    """Look at what a device that could migrate must have besides, or be refused or blocked."""
    tracks = vbasedev.dirty_pages_supported
    if vbasedev.device_dirty_page_tracking == OnOffAuto.OFF:
        tracks = False
    if not tracks and not vbasedev.iommu_dirty_tracking:
        text = f"{vbasedev.name}: VFIO device doesn't support device and IOMMU dirty tracking"
        if vbasedev.enable_migration == OnOffAuto.AUTO:
            _block(vbasedev, Error(text))
            return
        current().warn(f"{text}\n")
    if not _multiple_supported():
        _block_multiple(vbasedev)


def _init(vbasedev: VFIODevice) -> int:
    """Ask what the device can (vfio_migration_init); 0 if it is enough, or an errno."""
    device = _open(vbasedev)
    if vbasedev.dev is None:
        return errno.EINVAL
    try:
        flags = device.migration.flags
    except VfioError as error:
        return error.errno or errno.EINVAL
    if not flags & MigFlags.STOP_COPY:
        return errno.EOPNOTSUPP
    vbasedev.dirty_pages_supported = _logs(device)
    bus = vbasedev.dev.parent_bus
    get_path = None if bus is None else BUS_GET_CLASS(bus).get_dev_path
    idstr = "vfio" if get_path is None else f"{get_path(vbasedev.dev)}/vfio"
    vbasedev.migration = VFIOMigration(flags, idstr)
    return 0


def _logs(device: Device) -> bool:
    """Whether the device tells where it writes to (vfio_dma_logging_supported)."""
    try:
        return device.features.supports(Feature.DMA_LOGGING_START, set=True)
    except VfioError:
        # Whatever went wrong, it does not.
        return False


def _deinit(vbasedev: VFIODevice) -> None:
    """Migrate no more (vfio_migration_deinit)."""
    vbasedev.migration = None
    reasons = current().migration_blockers
    if _multiple_supported():
        for reason in [each for each in reasons if str(each) == _MULTIPLE]:
            migrate_del_blocker(reason)


def _block(vbasedev: VFIODevice, reason: Error) -> None:
    """Refuse the device, or let nothing migrate as long as it is there (vfio_block_migration)."""
    if at_least("8.0") and vbasedev.enable_migration == OnOffAuto.ON:
        raise reason
    migrate_add_blocker(reason)
    vbasedev.migration_blocker = reason


def _multiple_supported() -> bool:
    """Whether the devices that can migrate can do so together (vfio_multiple_devices_migration_is_supported)."""
    found = [each.migration for each in vfio_device_list() if each.migration is not None]
    return len(found) <= 1 or all(each.mig_flags & MigFlags.P2P for each in found)


def _block_multiple(vbasedev: VFIODevice) -> None:
    """Refuse the device, or block once for all of them (vfio_block_multiple_devices_migration)."""
    if vbasedev.enable_migration == OnOffAuto.ON:
        raise Error(_MULTIPLE)
    if all(str(reason) != _MULTIPLE for reason in current().migration_blockers):
        migrate_add_blocker(Error(_MULTIPLE))


def vfio_migration_exit(vbasedev: VFIODevice) -> None:
    """Be no more in the way of any migration (same name in QEMU)."""
    if vbasedev.migration is not None:
        _deinit(vbasedev)
    migrate_del_blocker(vbasedev.migration_blocker)
    vbasedev.migration_blocker = None


def _open(vbasedev: VFIODevice) -> Device:
    if vbasedev.device is None:
        raise Error(f"vfio {vbasedev.name}: the device is not open")
    return vbasedev.device


def vfio_migration(vbasedev: VFIODevice) -> VFIOMigration:
    """What the device has for migration.

    Raises:
        Error: nothing, for the reason that it told when it was realized.
    """
    if vbasedev.migration is not None:
        return vbasedev.migration
    _open(vbasedev)
    reason = vbasedev.migration_blocker
    raise Error(str(reason) if reason else f"{vbasedev.name}: the device does not migrate")


# --- states ---------------------------------------------------------------------------------------


def vfio_migration_set_state(
    vbasedev: VFIODevice, new: MigState, recover: MigState
) -> MigrationStream | None:
    """Bring the device to a state, and return the stream of that state (same name in QEMU).

    If it does not come there it is brought to `recover`; MigState.ERROR stands for a reset, after which it is in
    RUNNING and has lost what it held.

    Raises:
        Error: it did not come there.
    """
    migration = vfio_migration(vbasedev)
    device = _open(vbasedev)
    if new is migration.device_state:
        return device.migration.stream
    try:
        stream = device.migration.set_state(new)
    except VfioError as error:
        text = f"{vbasedev.name}: Failed setting device state to {new.name}."
        reason = os.strerror(error.errno or 0)
        hint = f"{error.advice}\n" if error.advice else ""
        if recover is MigState.ERROR:
            vfio_migration_reset(vbasedev)
            text = f"{text} Recover state is ERROR. Resetting device: {reason}"
            raise Error(text, hint=hint) from error
        _recover(vbasedev, device, recover)
        text = f"{text} Setting device in recover state {recover.name}: {reason}"
        raise Error(text, hint=hint) from error
    _entered(vbasedev, migration, new)
    return stream


def _recover(vbasedev: VFIODevice, device: Device, state: MigState) -> None:
    try:
        device.migration.set_state(state)
    except VfioError as error:
        reason = os.strerror(error.errno or 0)
        current().warn(
            f"{vbasedev.name}: Failed setting device in recover state, err: {reason}. Resetting device\n"
        )
        vfio_migration_reset(vbasedev)
        return
    _entered(vbasedev, vfio_migration(vbasedev), state)


def vfio_migration_reset(vbasedev: VFIODevice) -> None:
    """Reset the device, which is in RUNNING then and holds nothing.

    Raises:
        Error: it cannot be reset; QEMU gives up here.
    """
    try:
        _open(vbasedev).migration.recover()
    except VfioError as error:
        reason = os.strerror(error.errno or 0)
        text = f"{vbasedev.name}: Failed resetting device, err: {reason}"
        raise Error(text, hint=f"{error.advice}\n" if error.advice else "") from error
    _entered(vbasedev, vfio_migration(vbasedev), MigState.RUNNING)


def vfio_migration_was_reset(vbasedev: VFIODevice) -> None:
    """Know that the device may be in another state, since somebody has reset it."""
    migration, device = vbasedev.migration, vbasedev.device
    if migration is None or device is None:
        return
    # One that does not tell its state now is asked again when it is brought to another.
    with suppress(VfioError):
        migration.device_state = device.migration.state


def _entered(vbasedev: VFIODevice, migration: VFIOMigration, state: MigState) -> None:
    """Remember the state, and tell of it with migration-events=on (vfio_migration_set_device_state)."""
    migration.device_state = state
    dev = vbasedev.dev
    if not vbasedev.migration_events or dev is None:
        return
    told: dict[str, object] = {
        "device-id": dev.id or "",
        "qom-path": object_get_canonical_path(dev),
        "device-state": _QAPI_STATES[state],
    }
    current().event("VFIO_MIGRATION", told)


def vfio_vm_stop(vbasedev: VFIODevice) -> None:
    """Stop the device as the machine stops: in STOP, or from PRE_COPY in STOP_COPY (vfio_vmstate_change).

    QEMU resets a device that does not stop, since it must; here it stays in the state that it was in.

    Raises:
        Error: it did not stop.
    """
    migration = vfio_migration(vbasedev)
    before = migration.device_state
    copying = before in (MigState.PRE_COPY, MigState.PRE_COPY_P2P)
    if before in (MigState.RUNNING, MigState.PRE_COPY):
        _quiesce(vbasedev, MigState.PRE_COPY_P2P if copying else MigState.RUNNING_P2P, before)
    vfio_migration_set_state(vbasedev, MigState.STOP_COPY if copying else MigState.STOP, before)


def vfio_vm_start(vbasedev: VFIODevice) -> None:
    """Let the device run as the machine runs (vfio_vmstate_change).

    QEMU resets a device that does not run; here it stays in STOP.

    Raises:
        Error: it does not run.
    """
    if vfio_migration(vbasedev).device_state is MigState.STOP:
        _quiesce(vbasedev, MigState.RUNNING_P2P, MigState.STOP)
    vfio_migration_set_state(vbasedev, MigState.RUNNING, MigState.STOP)


def _quiesce(vbasedev: VFIODevice, state: MigState, recover: MigState) -> None:
    """First let all devices leave each other alone, if this one knows to (vfio_vmstate_change_prepare)."""
    if vfio_migration(vbasedev).mig_flags & MigFlags.P2P:
        vfio_migration_set_state(vbasedev, state, recover)


def vfio_multifd_setup(vbasedev: VFIODevice) -> None:
    """Choose the way of the device's state (same name in QEMU): there is one channel here.

    Raises:
        Error: x-migration-multifd-transfer=on wants more of them.
    """
    if at_least("10.0") and vbasedev.migration_multifd_transfer == OnOffAuto.ON:
        raise Error(
            f"{vbasedev.name}: Multifd device transfer requested but unsupported in the current"
            " config"
        )
