# SPDX-License-Identifier: GPL-2.0-or-later
"""Migration: the states beside what the kernel's header says of them, and any sequence of calls."""

from __future__ import annotations

import errno
import io
import os
import re
from collections.abc import Iterator
from itertools import pairwise, product
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import pyvfio
from pyvfio import errors
from pyvfio.migstate import ARCS, FORBIDDEN, SAVING, STREAMING, Arc, MigFlags, MigState, knows, way
from tests.unit.pyvfio.fake.extras import Extras, Held
from tests.unit.pyvfio.fake.kernel import FakeKernel
from tests.unit.pyvfio.fake.machine import Function, Machine

S = MigState
LEGAL = [MigFlags(number) for number in (1, 3, 5, 7)]
"""What a device can be able to do: stopping and copying at least."""


def header() -> str:
    """Return a header that tells of all states."""
    named = os.environ.get("QOMGEN_KERNEL_HEADERS", "").split(":")
    folders = [Path(each) for each in named if each]
    folders += [*Path("/usr/src").glob("linux-headers-*-common/include/uapi"), Path("/usr/include")]
    for folder in folders:
        file = folder / "linux/vfio.h"
        if file.exists() and "VFIO_DEVICE_STATE_PRE_COPY_P2P" in (text := file.read_text()):
            return text
    pytest.skip("install linux-headers-6.12.*-common, or name folders in QOMGEN_KERNEL_HEADERS")


def told() -> tuple[set[Arc], set[Arc]]:
    """Return the arcs that a header tells of, and those of which it says that they are not."""
    text = (
        header()
        .partition("behavior for the FSM arcs:")[2]
        .partition("enum vfio_device_mig_state")[0]
    )
    arcs: set[Arc] = set()
    forbidden: set[Arc] = set()
    paragraph: set[Arc] = set()
    for line in text.splitlines():
        words = line.strip(" *")
        if found := re.fullmatch(r"([A-Z0-9_]+) -> ([A-Z0-9_]+)", words):
            paragraph.add((MigState[found[1]], MigState[found[2]]))
        elif words and paragraph:
            # The first line behind the arcs' names says what becomes of them.
            (forbidden if "not permitted" in words else arcs).update(paragraph)
            paragraph = set()
    return arcs, forbidden


def test_the_arcs_are_those_of_the_header() -> None:
    arcs, forbidden = told()
    assert arcs == ARCS
    assert forbidden == FORBIDDEN


def every_way(
    arcs: set[Arc], passed: tuple[MigState, ...], new: MigState
) -> Iterator[tuple[MigState, ...]]:
    """Yield all ways that pass no state twice."""
    if passed[-1] is new:
        yield passed
        return
    for start, end in arcs:
        if start is passed[-1] and end not in passed:
            yield from every_way(arcs, (*passed, end), new)


def test_the_way_is_the_one_that_the_header_selects() -> None:
    """The shortest; and of those that are equally short the one without saving states within."""
    arcs, forbidden = told()
    states = set(S) - {S.ERROR}
    for old, new in product(states, states):
        ways = list(every_way(arcs, (old,), new))
        shortest = min(map(len, ways))
        least = [w for w in ways if len(w) == shortest]
        direct = [w for w in least if not SAVING & set(w[1:-1])] or least
        assert len(direct) == 1, "the header leaves no choice"
        for flags in LEGAL:
            expected = tuple(state for state in direct[0][1:] if knows(flags, state))
            if (old, new) in forbidden or not (knows(flags, old) and knows(flags, new)):
                assert way(flags, old, new) is None
            else:
                assert way(flags, old, new) == expected


@pytest.mark.parametrize("flags", LEGAL)
def test_a_way_goes_on_from_where_it_has_come_to(flags: MigFlags) -> None:
    """The kernel looks anew at each state for the next one, so the rest must be the same way."""
    for old, new in product(S, S):
        passed = way(flags, old, new)
        for place, state in enumerate(passed or ()):
            assert way(flags, state, new) == (passed or ())[place + 1 :]


@pytest.mark.parametrize("flags", LEGAL)
def test_data_is_never_half_done_on_the_way(flags: MigFlags) -> None:
    """No way passes RESUMING, or the saving states and out of them again."""
    for old, new in product(S, S):
        passed = (old, *(way(flags, old, new) or ()))
        assert S.RESUMING not in passed[1:-1]
        inside = [state in SAVING for state in passed]
        assert sum(one != two for one, two in pairwise(inside)) <= 2
        if old not in SAVING and new not in SAVING:
            assert not any(inside)


@pytest.mark.parametrize("flags", [MigFlags(0), MigFlags.P2P, MigFlags.PRE_COPY])
def test_without_stopping_and_copying_there_is_nothing(flags: MigFlags) -> None:
    assert all(way(flags, old, new) is None for old, new in product(S, S))


FIRST, SECOND = "0000:01:00.0", "0000:02:00.0"
HELD = {FIRST: b"first", SECOND: b"other"}


FAILS = st.none() | st.none() | st.integers(1, 12)
"""Which call fails."""


class Calls(RuleBasedStateMachine):
    """Two devices, any calls, any of which may fail. What they hold is never lost or mixed."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = Machine(
            {
                name: Function(name, group, extras=Extras(Held(7, data)))
                for group, (name, data) in enumerate(HELD.items(), 1)
            }
        )
        self.kernel = FakeKernel(self.machine)
        self.devices = {name: pyvfio.open_device(name, kernel=self.kernel) for name in HELD}
        self.expected = dict(HELD)
        self.saved: list[tuple[bytes, bytes]] = []

    def teardown(self) -> None:
        """Close all."""
        for device in self.devices.values():
            device.close()
        assert not self.kernel.leaks()
        self.machine.close()

    def _real_state(self, name: str) -> MigState:
        files = [each for group in self.kernel.groups.values() for each in group.devices]
        (file,) = (each for each in files if each.function.address == name)
        return MigState(file.features.migration.state)

    def _failing(self, after: int | None) -> None:
        """Let a call fail."""
        self.kernel.calls.clear()
        self.kernel.fail_at = after
        self.kernel.fail_with = errno.EIO

    @rule(name=st.sampled_from(list(HELD)), new=st.sampled_from(list(S)), after=FAILS)
    def go(self, name: str, new: MigState, after: int | None) -> None:
        """Set a state."""
        old = self._real_state(name)
        refused: errors.NoSuchArc | None = None
        self._failing(after)
        try:
            stream = self.devices[name].migration.set_state(new)
        except errors.NoSuchArc as error:
            refused = error
        except errors.VfioError:
            # What was being loaded is not there: the device declines to leave RESUMING.
            assert old is S.RESUMING or self.kernel.failed
        else:
            assert way(MigFlags(7), old, new) is not None
            assert self._real_state(name) is new
            assert (stream is None) == (new not in STREAMING)
        self._failing(None)
        if refused is not None:
            assert way(MigFlags(7), old, new) is None
            assert refused.state is old

    @rule(
        name=st.sampled_from(list(HELD)),
        pre_copy=st.booleans(),
        then=st.sampled_from([S.STOP, S.RUNNING]),
        after=FAILS,
    )
    def save(self, name: str, pre_copy: bool, then: MigState, after: int | None) -> None:
        """Save."""
        file = io.BytesIO()
        old = self._real_state(name)
        self._failing(after)
        try:
            self.devices[name].migration.save(file, pre_copy=pre_copy, then=then)
        except errors.VfioError:
            assert old in STREAMING or self.kernel.failed
        else:
            assert self._real_state(name) is then
            self.saved.append((file.getvalue(), self.expected[name]))
        self._failing(None)

    @rule(
        name=st.sampled_from(list(HELD)),
        which=st.integers(0, 20),
        cut=st.none() | st.integers(0, 80),
        seekable=st.booleans(),
        after=FAILS,
    )
    def load(
        self, name: str, which: int, cut: int | None, seekable: bool, after: int | None
    ) -> None:
        """Load what was saved, or a part of it."""
        if not self.saved:
            return
        data, held = self.saved[which % len(self.saved)]
        whole = cut is None or cut >= len(data)
        file: io.BytesIO | Once = (io.BytesIO if seekable else Once)(data[:cut])
        old = self._real_state(name)
        self._failing(after)
        try:
            self.devices[name].migration.load(file)
        except errors.BadStream:
            assert not whole
            assert self.kernel.calls == [] or not seekable, "the device was not touched"
        except errors.VfioError:
            assert not whole or old in STREAMING or self.kernel.failed
            assert whole or not seekable
            if self._data(name) == held:
                # It had all of it when a later call failed.
                self.expected[name] = held
        else:
            assert whole
            assert self._real_state(name) is S.RUNNING
            self.expected[name] = held
        self._failing(None)

    @rule(name=st.sampled_from(list(HELD)))
    def reset(self, name: str) -> None:
        """Reset."""
        self.devices[name].reset()
        assert self._real_state(name) is S.RUNNING

    def _data(self, name: str) -> bytes:
        return self.machine.functions[name].extras.held.data

    @invariant()
    def nothing_is_lost(self) -> None:
        """Each has what it had, or all of what it was given."""
        assert {name: self._data(name) for name in HELD} == self.expected

    @invariant()
    def a_stream_is_open_where_there_is_one(self) -> None:
        """Descriptors and states agree."""
        opened = [name for name in self.kernel.leaks().files if name.startswith("stream")]
        wanted = [name for name in HELD if self._real_state(name) in STREAMING]
        assert opened == [f"stream of {name}" for name in wanted]
        for name, device in self.devices.items():
            assert (device.migration.stream is not None) == (name in wanted)


class Once:
    """A file that one cannot go back in."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, size: int) -> bytes:
        """Read."""
        part, self.data = self.data[:size], self.data[size:]
        return part


TestCalls = Calls.TestCase
TestCalls.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
