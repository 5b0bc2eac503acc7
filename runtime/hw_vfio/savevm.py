# SPDX-License-Identifier: GPL-2.0-only
"""A device that was saved to a binary file, and loaded from it into another one.

Twin of what QEMU's hw/vfio/migration.c does between vfio_save_setup and vfio_load_cleanup. The file is one of QEMU's,
with the sections of this one device in it; all numbers are in network order:

    be32 0x5145564D "QEVM", be32 3
    byte 1, be32 1, counted string "0000:00:02.0/vfio", be32 0, be32 1          begin: section 1, of which device
        be64 DEV_SETUP_STATE, be64 END_OF_STATE
    byte 0x7E, be32 1
    byte 2, be32 1                                                              any number: while it still runs
        be64 DEV_DATA_STATE, be64 size, bytes; be64 END_OF_STATE
    byte 0x7E, be32 1
    byte 3, be32 1                                                              when it has stopped
        any number of be64 DEV_DATA_STATE, be64 size, bytes; be64 END_OF_STATE
    byte 0x7E, be32 1
    byte 4, be32 1, counted string "0000:00:02.0/vfio", be32 0, be32 1          its configuration
        be64 DEV_CONFIG_STATE, configuration (`pci_vmstate`), be64 END_OF_STATE
    byte 0x7E, be32 1
    byte 0
    byte 6, be32 size, JSON                                                     QEMU reads and skips it

QEMU's are all of these frames, and what is in them of vfio-pci: QEMU 10.0 loads such a file (`-global
migration.send-configuration=off -incoming file:...`). In a file that QEMU writes there are sections of memory and of
other devices too, and one that names the machine in front: these are refused here, with the text that QEMU has for
sections of devices that it has not. Ours is `sha256` in the JSON, over all that is before the byte 6, by which a file
that was changed is refused; one without it is taken as it is. MSI-X tables are not emulated here (`pci_vmstate`).

Nothing is lost by a bad file: it is read to its end and compared with the device before the device is touched. If
the device itself declines its part, it gets back what it held, which is saved before (in a file if it is large).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, Final

from pyqom import Error, World, at_least, current
from pyqom.migration import migration_is_blocked
from pyvfio import VfioError
from pyvfio.migration import MigrationStream
from pyvfio.migstate import MigFlags, MigState

from .device import VFIOConfigState, VFIODevice
from .migration import (
    vfio_migration,
    vfio_migration_reset,
    vfio_migration_set_state,
    vfio_multifd_setup,
    vfio_vm_start,
    vfio_vm_stop,
)
from .qemu_file import (
    QEMU_VM_EOF,
    QEMU_VM_SECTION_END,
    QEMU_VM_SECTION_FULL,
    QEMU_VM_SECTION_PART,
    QEMU_VM_SECTION_START,
    Reader,
    Section,
    Sink,
    Source,
    Writer,
)

# hw/vfio/vfio-migration-internal.h, up to 10.0 include/hw/vfio/vfio-common.h
VFIO_MIG_FLAG_END_OF_STATE: Final = 0xFFFFFFFFEF100001
VFIO_MIG_FLAG_DEV_CONFIG_STATE: Final = 0xFFFFFFFFEF100002
VFIO_MIG_FLAG_DEV_SETUP_STATE: Final = 0xFFFFFFFFEF100003
VFIO_MIG_FLAG_DEV_DATA_STATE: Final = 0xFFFFFFFFEF100004
VFIO_MIG_FLAG_DEV_INIT_DATA_SENT: Final = 0xFFFFFFFFEF100005
VFIO_MIG_FLAG_DEV_CONFIG_LOAD_READY: Final = 0xFFFFFFFFEF100006

SECTION_ID: Final = 1
"""The number of the device's sections. QEMU takes 0 for its timers, also when these are not in the file."""

DATA_BUFFER_SIZE: Final = 1 << 20
"""Bytes of device data that are read at once (VFIO_MIG_DEFAULT_DATA_BUFFER_SIZE)."""

IN_MEMORY: Final = 16 << 20
"""Bytes of device data that are kept in memory; what is longer goes to a temporary file."""

_PRE_COPY = (MigState.PRE_COPY, MigState.PRE_COPY_P2P)


@dataclass(frozen=True, slots=True)
class Saved:
    """What a device held: `data` is its own, to be read from the beginning; `config` fits the device it is for."""

    data: IO[bytes]
    config: VFIOConfigState | None


def _spool() -> IO[bytes]:
    return tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)


@contextmanager
def _saving(world: World) -> Iterator[None]:
    """While this lasts, nobody may begin to be in the way of it (RUN_STATE_SAVE_VM)."""
    world.saving = True
    try:
        yield
    finally:
        world.saving = False


# --- save -----------------------------------------------------------------------------------------


def vfio_save(vbasedev: VFIODevice, file: Sink, *, then: MigState = MigState.RUNNING) -> int:
    """Write what the device holds to a binary file, and return how many bytes were written.

    A device that can be copied while it runs is stopped for the rest only. If something fails it is as it was before.

    Args:
        vbasedev: The device, which is realized.
        file: Open for writing; it is written from where it stands, and stays open.
        then: RUNNING if the device goes on here, STOP if it goes on somewhere else.

    Raises:
        Error: the device cannot migrate, something must not, or the kernel refused.
        OSError: the file refused.
    """
    migration = vfio_migration(vbasedev)
    migration_is_blocked()
    before = migration.device_state
    writer = Writer(file)
    section = Section(SECTION_ID, migration.idstr)
    with _saving(current()), ExitStack() as undo:
        undo.callback(_go_back, vbasedev, before)
        writer.put_header()
        _save_setup(vbasedev, writer, section)
        _save_iterate(vbasedev, writer, section)
        vfio_vm_stop(vbasedev)
        _save_complete(vbasedev, writer, section)
        _save_config(vbasedev, writer, section)
        writer.put_end(_description(section))
        # vfio_save_cleanup
        vfio_migration_set_state(vbasedev, MigState.STOP, MigState.STOP)
        undo.pop_all()
    if then is MigState.RUNNING:
        vfio_vm_start(vbasedev)
    return writer.size


def _save_setup(vbasedev: VFIODevice, writer: Writer, section: Section) -> None:
    """Begin to copy a device that runs, if it can be (vfio_save_setup)."""
    migration = vfio_migration(vbasedev)
    vfio_multifd_setup(vbasedev)
    writer.put_section(QEMU_VM_SECTION_START, section)
    writer.put_be64(VFIO_MIG_FLAG_DEV_SETUP_STATE)
    if migration.mig_flags & MigFlags.PRE_COPY:
        state = migration.device_state
        if state is MigState.RUNNING:
            vfio_migration_set_state(vbasedev, MigState.PRE_COPY, MigState.RUNNING)
        elif state is not MigState.STOP:
            raise Error(f"{vbasedev.name}: Invalid device state {int(state)}")
    writer.put_be64(VFIO_MIG_FLAG_END_OF_STATE)
    writer.put_footer(section)


def _save_iterate(vbasedev: VFIODevice, writer: Writer, section: Section) -> None:
    """Copy what there is at first of a device that runs (vfio_save_iterate).

    QEMU goes on until the rest is small; what has changed meanwhile is all in the rest here.
    """
    device = vbasedev.device
    if device is None or vfio_migration(vbasedev).device_state not in _PRE_COPY:
        return
    stream = device.migration.stream
    if stream is None:
        return
    try:
        while device.migration.precopy_info().initial_bytes:
            data = stream.read(DATA_BUFFER_SIZE)
            if not data:
                break
            writer.put_section(QEMU_VM_SECTION_PART, section)
            _put_data(writer, data)
            writer.put_be64(VFIO_MIG_FLAG_END_OF_STATE)
            writer.put_footer(section)
    except VfioError as error:
        raise _unreadable(vbasedev, error) from error


def _save_complete(vbasedev: VFIODevice, writer: Writer, section: Section) -> None:
    """Copy the rest of a device that has stopped (vfio_save_complete_precopy)."""
    stream = vfio_migration_set_state(vbasedev, MigState.STOP_COPY, MigState.STOP)
    writer.put_section(QEMU_VM_SECTION_END, section)
    for data in _data(vbasedev, stream):
        _put_data(writer, data)
    writer.put_be64(VFIO_MIG_FLAG_END_OF_STATE)
    writer.put_footer(section)


def _put_data(writer: Writer, data: bytes) -> None:
    """Write data of the device (vfio_save_block)."""
    writer.put_be64(VFIO_MIG_FLAG_DEV_DATA_STATE)
    writer.put_be64(len(data))
    writer.put_buffer(data)


def _data(vbasedev: VFIODevice, stream: MigrationStream | None) -> Iterator[bytes]:
    """What the stream of a stopped device gives, piece by piece."""
    if stream is None:
        raise Error(f"{vbasedev.name}: the kernel gave no stream of the device's data")
    try:
        while data := stream.read(DATA_BUFFER_SIZE):
            yield data
    except VfioError as error:
        raise _unreadable(vbasedev, error) from error


def _unreadable(vbasedev: VFIODevice, error: VfioError) -> Error:
    reason = os.strerror(error.errno or 0)
    hint = f"{error.advice}\n" if error.advice else ""
    return Error(f"{vbasedev.name}: the device's data could not be read: {reason}", hint=hint)


def _save_config(vbasedev: VFIODevice, writer: Writer, section: Section) -> None:
    """Write the configuration (vfio_save_state)."""
    writer.put_section(QEMU_VM_SECTION_FULL, section)
    writer.put_be64(VFIO_MIG_FLAG_DEV_CONFIG_STATE)
    if vbasedev.ops is not None and vbasedev.ops.vfio_save_config is not None:
        vbasedev.ops.vfio_save_config(vbasedev, writer)
    writer.put_be64(VFIO_MIG_FLAG_END_OF_STATE)
    writer.put_footer(section)


def _description(section: Section) -> dict[str, object]:
    """What QEMU tells of the sections in JSON, as far as it concerns one device of its old style."""
    device = {
        "name": section.idstr,
        "instance_id": section.instance_id,
        "version": section.version_id,
    }
    return {"page_size": 4096, "devices": [device]}


def _go_back(vbasedev: VFIODevice, state: MigState) -> None:
    """Bring a device back that has all that it held (vfio_migration_state_notifier)."""
    if vfio_migration(vbasedev).device_state is not state:
        vfio_migration_set_state(vbasedev, state, MigState.ERROR)


# --- load -----------------------------------------------------------------------------------------


def vfio_load(vbasedev: VFIODevice, file: Source, *, then: MigState = MigState.RUNNING) -> None:
    """Let the device have what `vfio_save` wrote of another one, at the same place of its machine.

    If something fails the device holds what it held, and is in the state in which it was.

    Args:
        vbasedev: The device, which is realized.
        file: Open for reading; it is read from where it stands to the end of what was saved.
        then: RUNNING if the device shall run, STOP if not yet.

    Raises:
        Error: the device cannot migrate, the file is none such or another device's, or the device declines the data.
    """
    migration = vfio_migration(vbasedev)
    vfio_multifd_setup(vbasedev)
    before = migration.device_state
    with ExitStack() as files:
        new = files.enter_context(_spool())
        saved = _read(vbasedev, Reader(file), new)
        old = _copy(vbasedev, files.enter_context(_spool()), before)
        try:
            _give(vbasedev, saved)
            if then is MigState.RUNNING:
                vfio_vm_start(vbasedev)
        except Error as error:
            _give_back(vbasedev, old, before, error)
            raise


def _read(vbasedev: VFIODevice, reader: Reader, data: IO[bytes]) -> Saved:
    """Read a file to its end (qemu_loadvm_state)."""
    reader.get_header()
    section: Section | None = None
    config: VFIOConfigState | None = None
    whole = False
    while (kind := reader.get_byte()) != QEMU_VM_EOF:
        if kind in (QEMU_VM_SECTION_START, QEMU_VM_SECTION_FULL):
            section = _known(vbasedev, reader.get_section())
        elif kind in (QEMU_VM_SECTION_PART, QEMU_VM_SECTION_END):
            number = reader.get_be32()
            if section is None or number != section.section_id:
                raise Error(f"Unknown savevm section {number}")
        else:
            raise Error(f"Unknown savevm section type {kind}")
        try:
            config = _load_state(vbasedev, reader, data) or config
        except Error as error:
            where = f"instance 0x{section.instance_id:x} of device '{section.idstr}'"
            error.append_hint(f"error while loading state for {where}\n")
            raise
        reader.check_footer(section)
        whole = whole or kind == QEMU_VM_SECTION_END
    reader.get_end()
    if not whole or config is None:
        raise Error(f"{vbasedev.name}: the file does not hold all of a device")
    data.seek(0)
    return Saved(data, config)


def _known(vbasedev: VFIODevice, section: Section) -> Section:
    """See whether a section is this device's (find_se, qemu_loadvm_section_start_full)."""
    expected = vfio_migration(vbasedev).idstr
    if (section.idstr, section.instance_id) != (expected, 0):
        raise Error(
            f"Unknown savevm section or instance '{section.idstr}' {section.instance_id}. Make sure that your"
            " current VM setup matches your saved VM setup, including any hotplugged devices",
            hint=f"this device is '{expected}'\n",
        )
    if section.version_id > 1:
        raise Error(f"savevm: unsupported version {section.version_id} for '{section.idstr}' v1")
    return section


def _load_state(vbasedev: VFIODevice, reader: Reader, data: IO[bytes]) -> VFIOConfigState | None:
    """Read what is in a section: add to `data`, or return a configuration (vfio_load_state)."""
    name = vbasedev.name
    while (flag := reader.get_be64()) != VFIO_MIG_FLAG_END_OF_STATE:
        if flag == VFIO_MIG_FLAG_DEV_DATA_STATE:
            size = reader.get_be64()
            while size:
                piece = reader.get_buffer(min(size, DATA_BUFFER_SIZE))
                data.write(piece)
                size -= len(piece)
        elif flag == VFIO_MIG_FLAG_DEV_CONFIG_STATE:
            return _load_config(vbasedev, reader)
        elif flag == VFIO_MIG_FLAG_DEV_SETUP_STATE:
            end = reader.get_be64()
            if end != VFIO_MIG_FLAG_END_OF_STATE:
                raise Error(f"{name}: SETUP STATE: EOS not found 0x{end:x}")
            return None
        elif flag == VFIO_MIG_FLAG_DEV_INIT_DATA_SENT and at_least("8.1"):
            raise Error(f"{name}: Received INIT_DATA_SENT but switchover ack is not used")
        elif flag == VFIO_MIG_FLAG_DEV_CONFIG_LOAD_READY and at_least("10.1"):
            raise Error(f"{name}: got DEV_CONFIG_LOAD_READY outside multifd transfer")
        else:
            raise Error(f"{name}: Unknown tag 0x{flag:x}")
    return None


def _load_config(vbasedev: VFIODevice, reader: Reader) -> VFIOConfigState | None:
    """Read a configuration (vfio_load_device_config_state)."""
    config = None
    name = vbasedev.name
    if vbasedev.ops is not None and vbasedev.ops.vfio_load_config is not None:
        try:
            config = vbasedev.ops.vfio_load_config(vbasedev, reader)
        except Error as error:
            error.append_hint(f"{name}: Failed to load device config space\n")
            raise
    end = reader.get_be64()
    if end != VFIO_MIG_FLAG_END_OF_STATE:
        raise Error(f"{name}: Failed loading device config space, end flag incorrect 0x{end:x}")
    return config


def _copy(vbasedev: VFIODevice, data: IO[bytes], before: MigState) -> Saved:
    """Stop the device, and keep what it holds now."""
    with ExitStack() as undo:
        undo.callback(_go_back, vbasedev, before)
        vfio_vm_stop(vbasedev)
        stream = vfio_migration_set_state(vbasedev, MigState.STOP_COPY, MigState.STOP)
        for piece in _data(vbasedev, stream):
            data.write(piece)
        vfio_migration_set_state(vbasedev, MigState.STOP, MigState.STOP)
        undo.pop_all()
    data.seek(0)
    ops = vbasedev.ops
    config = None if ops is None or ops.vfio_config is None else ops.vfio_config(vbasedev)
    return Saved(data, config)


def _give(vbasedev: VFIODevice, saved: Saved) -> None:
    """Let a stopped device have what one held; it is stopped then (vfio_load_setup to vfio_load_cleanup).

    Raises:
        Error: it declines; it may be in RESUMING still, or was reset.
    """
    stream = vfio_migration_set_state(vbasedev, MigState.RESUMING, MigState.STOP)
    if stream is None:
        raise Error(f"{vbasedev.name}: the kernel gave no stream for the device's data")
    try:
        while piece := saved.data.read(DATA_BUFFER_SIZE):
            stream.write(piece)
    except VfioError as error:
        reason = os.strerror(error.errno or 0)
        hint = f"{error.advice}\n" if error.advice else ""
        text = f"{vbasedev.name}: the device declines the data: {reason}"
        raise Error(text, hint=hint) from error
    vfio_migration_set_state(vbasedev, MigState.STOP, MigState.ERROR)
    if saved.config is not None:
        try:
            saved.config.apply()
        except VfioError as error:
            reason = os.strerror(error.errno or 0)
            text = f"{vbasedev.name}: Failed to load device config space: {reason}"
            raise Error(text, hint=f"{error}\n") from error


def _give_back(vbasedev: VFIODevice, old: Saved, state: MigState, error: Error) -> None:
    """Let the device have what it held, since it declined what it should have got."""
    migration = vfio_migration(vbasedev)
    try:
        if migration.device_state is MigState.RESUMING:
            # There is no other way out of half a load.
            vfio_migration_reset(vbasedev)
        if migration.device_state is not MigState.STOP:
            vfio_vm_stop(vbasedev)
        _give(vbasedev, old)
        _go_back(vbasedev, state)
    except Error as second:
        error.append_hint(f"what the device held is lost: {second}\n")
