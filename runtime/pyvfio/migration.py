# SPDX-License-Identifier: GPL-2.0-or-later
"""Migration: what a device holds, taken out of one and put into another (linux/vfio.h, version 2).

`device.migration.save(file)` stops the device and writes what it holds to a file, and
`other.migration.load(file)` lets another one run on from there.
"""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from pyvfio import errors, migstream, reset
from pyvfio.errors import MigrationError, VfioError
from pyvfio.features import DeviceFeatures, Feature
from pyvfio.handle import Handle
from pyvfio.migstate import SAVING, STREAMING, MigFlags, MigState, way
from pyvfio.migstream import Sink, Source
from pyvfio.uapi import feature as uapi

CHUNK: Final = 1 << 20
"""Bytes that are asked for at once."""


@dataclass(frozen=True, slots=True)
class PrecopyInfo:
    """How much there is to read while the device still runs (struct vfio_precopy_info).

    Attributes:
        initial_bytes: Bytes left of what should be read before the device is stopped.
        dirty_bytes: Bytes of what has changed since it was read.
        reinit: There is more initial data than there was; told since Linux 7.1, where
            `Feature.MIG_PRECOPY_INFO_V2` was set.
    """

    initial_bytes: int
    dirty_bytes: int
    reinit: bool = False


class MigrationStream(Handle):
    """The descriptor by which a device gives or takes what it holds (`data_fd`).

    It belongs to the device, and is closed when that leaves the state: do not close it.
    """

    def read(self, size: int = CHUNK) -> bytes:
        """Read what comes next, up to `size` bytes; none at the end.

        While the device runs (PRE_COPY) the end is one for the time being: when the device has
        been stopped (STOP_COPY) there is more.

        Raises:
            VfioError: the kernel refused.
        """
        fd = self.fileno()
        try:
            return self.kernel.read(fd, size)
        except OSError as error:
            if error.errno == errno.ENOMSG:
                return b""
            raise VfioError.of(error, "read", self.path, {"size": size}) from error

    def write(self, data: bytes) -> int:
        """Write all of `data`, and return its length.

        Raises:
            VfioError: the kernel refused: the device does not take such data.
        """
        rest = memoryview(data)
        fd = self.fileno()
        while rest:
            try:
                done = self.kernel.write(fd, rest)
            except OSError as error:
                failed = VfioError.of(error, "write", self.path, {"size": len(rest)})
                advice = "the device does not take this data: it is another one's, or was changed"
                raise failed.refined(VfioError, advice) from error
            if not done:
                advice = "the device takes no more of it"
                raise VfioError(errno.EIO, "write", self.path, {"size": len(rest)}, advice)
            rest = rest[done:]
        return len(data)

    def __iter__(self) -> Iterator[bytes]:
        """Yield what there is, to the end."""
        while data := self.read():
            yield data


class Migration:
    """The migration of a device: `Device.migration`.

    What a call does to the state is told with each. When one fails, the error's `state` tells in
    which state the device is: as a rule that from which it came. In MigState.ERROR, which is the
    kernel's word for a device that cannot go on, only a reset helps: `recover`.
    """

    def __init__(self, handle: Handle, features: DeviceFeatures) -> None:
        self._handle = handle
        self._features = features
        self._stream: MigrationStream | None = None

    def __repr__(self) -> str:
        return f"Migration({self._handle.path})"

    @property
    def supported(self) -> bool:
        """Whether the device can migrate.

        Raises:
            VfioError: the kernel failed.
        """
        return self._features.supports(Feature.MIGRATION, get=True)

    @cached_property
    def flags(self) -> MigFlags:
        """What the device can.

        Raises:
            NotAvailable: it cannot migrate.
            VfioError: the kernel refused.
        """
        kind = uapi.vfio_device_feature_migration
        return MigFlags(self._features.get(Feature.MIGRATION, kind).flags)

    @property
    def state(self) -> MigState:
        """The state that the device is in.

        Raises:
            NotAvailable: it cannot migrate.
            MalformedReply: it is in a state that this package does not know.
            VfioError: the kernel refused.
        """
        kind = uapi.vfio_device_feature_mig_state
        number = self._features.get(Feature.MIG_DEVICE_STATE, kind).device_state
        try:
            return MigState(number)
        except ValueError as error:
            raise errors.MalformedReply(
                errno.EPROTO,
                uapi.VFIO_DEVICE_FEATURE.name,
                self._handle.path,
                {"feature": Feature.MIG_DEVICE_STATE.name, "state": number},
                "no such state is known here",
            ) from error

    @property
    def stream(self) -> MigrationStream | None:
        """The stream of the state that the device is in, None if it has none.

        STOP_COPY and both of PRE_COPY share one, which goes on from one state to the other.
        """
        return self._stream

    def data_size(self) -> int:
        """Estimate how many bytes there are to read when the device is stopped.

        Raises:
            NotAvailable: it cannot migrate, or Linux does not tell (before 6.2).
            VfioError: the kernel refused.
        """
        kind = uapi.vfio_device_feature_mig_data_size
        return int(self._features.get(Feature.MIG_DATA_SIZE, kind).stop_copy_length)

    def precopy_info(self) -> PrecopyInfo:
        """Estimate how many bytes there are to read by now (VFIO_MIG_GET_PRECOPY_INFO).

        Raises:
            VfioError: the kernel refused: EINVAL if the state is neither of PRE_COPY.
        """
        stream = self._stream
        if stream is None:
            raise self._refusal(errno.EINVAL, "precopy_info", "the device is not being copied")
        info = uapi.vfio_precopy_info.sized()
        stream.ioctl(uapi.VFIO_MIG_GET_PRECOPY_INFO, info)
        reinit = bool(info.flags & uapi.VFIO_PRECOPY_INFO_REINIT)
        return PrecopyInfo(info.initial_bytes, info.dirty_bytes, reinit)

    def set_state(self, new: MigState) -> MigrationStream | None:
        """Go to a state, through others where need be (`migstate.way`); return its stream.

        Raises:
            NotAvailable: the device cannot migrate.
            NoSuchArc: no way leads there; the kernel was not asked.
            MigrationError: the kernel refused.
        """
        old, new = self.state, MigState(new)
        passed = way(self.flags, old, new)
        if passed is None:
            raise self._no_way(old, new)
        if passed:
            self._go(old, new)
        return self._stream

    def _go(self, old: MigState, new: MigState) -> None:
        order = uapi.vfio_device_feature_mig_state(new, -1)
        set_it = uapi.VFIO_DEVICE_FEATURE_SET
        try:
            self._features.transact(
                Feature.MIG_DEVICE_STATE, set_it, order, old=old.name, new=new.name
            )
        except VfioError as error:
            raise self._refused(error) from error
        before = self._stream
        if order.data_fd >= 0:
            path = f"{self._handle.path} {new.name}"
            self._stream = MigrationStream(self._handle.kernel, order.data_fd, path)
        elif new not in STREAMING:
            self._stream = None
        if before is not None and before is not self._stream:
            before.close()

    def _refused(self, error: VfioError) -> MigrationError:
        """Tell where the device is after the kernel has declined to change its state."""
        try:
            now: MigState | None = self.state
        except VfioError:
            now = None
        match now:
            case None:
                advice = "it does not tell its state either: reset it"
            case MigState.ERROR:
                advice = "it has failed: only a reset helps, which loses what it holds"
            case _:
                advice = f"it is in {now.name}"
        if now is not None and now not in STREAMING:
            self.end_session()
        return error.refined(MigrationError, advice, state=now)

    def _no_way(self, old: MigState, new: MigState) -> VfioError:
        known = " and ".join(flag.name or "" for flag in self.flags)
        advice = f"no way leads from {old.name} to {new.name} for a device that knows {known}"
        if old is MigState.ERROR:
            advice = "the device has failed: only a reset helps, which loses what it holds"
        elif old is MigState.STOP_COPY and new in SAVING:
            advice += "; go to RUNNING first, and begin anew"
        asked = uapi.VFIO_DEVICE_FEATURE.name
        shown = {"feature": Feature.MIG_DEVICE_STATE.name, "old": old.name, "new": new.name}
        error = VfioError(errno.EINVAL, asked, self._handle.path, shown)
        return error.refined(errors.NoSuchArc, advice, state=old)

    def _refusal(self, number: int, call: str, advice: str) -> VfioError:
        return VfioError(number, call, self._handle.path, advice=advice)

    @contextmanager
    def stop_copy(self, *, then: MigState = MigState.STOP) -> Iterator[MigrationStream]:
        """Stop the device and give the stream of what it holds, to be read to its end.

        Behind the with block the device is in `then`. If something fails - in the block, too - it
        is in the state in which it was before, and has all that it held.

        Raises:
            NotAvailable: it cannot migrate.
            MigrationError: it is in ERROR or RESUMING, or the kernel refused.
        """
        with self._saving(MigState.STOP_COPY, then) as stream:
            yield stream

    @contextmanager
    def pre_copy(self, *, then: MigState = MigState.STOP) -> Iterator[MigrationStream]:
        """Give the stream of what the device holds, which runs on.

        Read it as long as `precopy_info` tells of initial bytes, call `set_state(STOP_COPY)`, and
        read the rest. Behind the with block the device is in `then`, or, if it was not stopped in
        the block, in the state in which it was before. Errors as `stop_copy`.
        """
        with self._saving(MigState.PRE_COPY, then) as stream:
            yield stream

    @contextmanager
    def _saving(self, first: MigState, then: MigState) -> Iterator[MigrationStream]:
        before = self._idle_state(first)
        with ExitStack() as undo:
            undo.callback(self._go_back, before)
            yield self._begin(first)
            if self.state is MigState.STOP_COPY:
                self.set_state(then)
                undo.pop_all()

    def _idle_state(self, wanted: MigState) -> MigState:
        """Return the state, in which nothing is being saved or loaded."""
        state = self.state
        if state in STREAMING:
            # What is being saved would be ended without a word, or what is loaded left half done.
            advice = f"the device is in {state.name}: finish that, or go to RUNNING"
            error = self._refusal(errno.EBUSY, wanted.name, advice)
            raise error.refined(MigrationError, advice, state=state)
        return state

    def _begin(self, state: MigState) -> MigrationStream:
        stream = self.set_state(state)
        if stream is None:
            raise self._refusal(errno.EPROTO, state.name, "the kernel gave no stream")
        return stream

    def _go_back(self, state: MigState) -> None:
        """Go back after a failure, if the device can."""
        if self.state is not MigState.ERROR:
            self.set_state(state)

    @contextmanager
    def resuming(self, *, then: MigState = MigState.RUNNING) -> Iterator[MigrationStream]:
        """Stop the device and give a stream to write into what another one held.

        Behind the with block the device has taken it, and is in `then`. If something fails - in
        the block, too - it is reset, and in RUNNING: the kernel knows no other way out. What it
        held before is as its driver left it. Where it fails before it has begun to take anything,
        it is in the state in which it was before.

        Raises:
            NotAvailable: it cannot migrate.
            MigrationError: it is in ERROR or a saving state, or the kernel refused.
            ResetUnsupported: something failed, and it could not be reset.
        """
        before = self._idle_state(MigState.RESUMING)
        with ExitStack() as undo:
            undo.callback(self._give_up, before)
            stream = self._begin(MigState.RESUMING)
            undo.pop_all()
        with ExitStack() as undo:
            undo.callback(self.recover)
            yield stream
            # In two steps: what the device says of the data is told as of the data.
            self.set_state(MigState.STOP)
            self.set_state(then)
            undo.pop_all()

    def _give_up(self, before: MigState) -> None:
        """Leave what the device was left in on its way to RESUMING."""
        if self.state in (MigState.RESUMING, MigState.ERROR):
            self.recover()
        else:
            self.set_state(before)

    def recover(self) -> None:
        """Reset the device, after which it is in RUNNING, whatever it was in.

        Raises:
            ResetUnsupported: Linux has no way to.
            VfioError: the kernel refused.
        """
        reset.reset(self._handle)
        self.end_session()

    def save(self, file: Sink, *, pre_copy: bool = False, then: MigState = MigState.STOP) -> int:
        """Write what the device holds to a binary file (`migstream`); return the bytes of data.

        Afterwards the device is in `then`: in STOP, since what it held goes on somewhere else. If
        something fails, it is in the state in which it was before, and has all that it held.

        Args:
            file: Open for writing; it is written from where it stands, and stays open.
            pre_copy: Save what can be while the device runs, and so stop it for a shorter time.
            then: The state to leave it in: RUNNING if it is to go on here.

        Raises:
            NotAvailable: the device cannot migrate.
            MigrationError: it is in ERROR or RESUMING, knows no PRE_COPY, or the kernel refused.
            VfioError: the data could not be read.
            OSError: the file could not be written.
        """
        if not pre_copy:
            with self.stop_copy(then=then) as stream:
                return self._save(stream, migstream.Writer(file))
        with self.pre_copy(then=then) as stream:
            writer = migstream.Writer(file)
            while self.precopy_info().initial_bytes and (data := stream.read()):
                writer.write(data)
            self.set_state(MigState.STOP_COPY)
            return self._save(stream, writer)

    @staticmethod
    def _save(stream: MigrationStream, writer: migstream.Writer) -> int:
        for data in stream:
            writer.write(data)
        writer.finish()
        return writer.size

    def load(self, file: Source, *, then: MigState = MigState.RUNNING) -> int:
        """Let the device have what `save` wrote of another one; return the bytes of data.

        A file that one can go back in is read to its end before the device is touched: if it is
        cut off or was changed, nothing happens to the device. Of any other that is noticed late;
        then, and if the device itself declines the data, it is reset and in RUNNING. The file can
        be loaded again, and what it was saved of still has it all.

        Args:
            file: Open for reading; it is read from where it stands to the end of what was saved.
            then: The state to leave the device in.

        Raises:
            NotAvailable: the device cannot migrate.
            BadStream: the file is not what `save` writes.
            MigrationError: the device declines the data, is in ERROR or a saving state, or the
                kernel refused.
            VfioError: the device declines the data while it is written.
            OSError: the file could not be read.
        """
        self._check_whole(file)
        size = 0
        data = migstream.pieces(file)
        first = next(data, b"")
        with self.resuming(then=then) as stream:
            size += stream.write(first)
            for piece in data:
                size += stream.write(piece)
        return size

    @staticmethod
    def _check_whole(file: Source) -> None:
        """Read a file to its end and go back, if that can be."""
        if isinstance(file, io.IOBase) and file.seekable():
            start = file.tell()
            for _piece in migstream.pieces(file):
                pass
            file.seek(start)

    def end_session(self) -> None:
        """Close the stream, since the device has left the state that it belongs to.

        Raises:
            VfioError: the kernel reported a failure. It is closed nevertheless.
        """
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
