# SPDX-License-Identifier: GPL-2.0-or-later
"""Chains of capabilities that an enemy wrote: each walk ends, within bounds, or is refused."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from pyvfio import pcicap
from pyvfio.capabilities import HEADER, parse_chain
from pyvfio.errors import MalformedReply

FIXED = 24


@st.composite
def chained(draw: st.DrawFn) -> tuple[bytes, list[tuple[int, int, bytes]]]:
    """Draw a chain that is laid out in an order of its own, and what is in it."""
    wanted = draw(
        st.lists(
            st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.binary(max_size=20)),
            min_size=1,
            max_size=8,
        )
    )
    order = draw(st.permutations(range(len(wanted))))
    places, at = {}, FIXED
    for number in order:
        places[number] = at
        at += HEADER + len(wanted[number][2])
    reply = bytearray(at)
    struct.pack_into("=I", reply, 0, places[0])
    for number, (identity, version, data) in enumerate(wanted):
        following = places.get(number + 1, 0)
        struct.pack_into("=HHI", reply, places[number], identity, version, following)
        reply[places[number] + HEADER : places[number] + HEADER + len(data)] = data
    return bytes(reply), wanted


@given(chained())
def test_a_chain_is_read_in_its_order(
    given_chain: tuple[bytes, list[tuple[int, int, bytes]]],
) -> None:
    reply, wanted = given_chain
    (first,) = struct.unpack_from("=I", reply)
    assert [(c.id, c.version, c.data) for c in parse_chain(reply, first, FIXED)] == wanted


@given(st.binary(max_size=400), st.integers(0, 500))
def test_any_bytes_are_a_chain_or_refused(reply: bytes, first: int) -> None:
    try:
        chain = parse_chain(reply, first, FIXED)
    except MalformedReply:
        return
    assert sum(HEADER + len(each.data) for each in chain) <= max(0, len(reply) - FIXED)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), max_size=40), st.integers(0, 40))
def test_any_small_graph_is_a_chain_or_refused(edges: list[tuple[int, int]], first: int) -> None:
    """Offsets that hit other headers in whole or in half: circles, overlaps, ends."""
    reply = bytes(FIXED) + b"".join(struct.pack("=HHI", number, 1, 4 * to) for number, to in edges)
    try:
        chain = parse_chain(reply, 4 * first, FIXED)
    except MalformedReply:
        return
    assert len(chain) <= len(edges)


def walked(config: bytes, size: int) -> list[pcicap.PciCapability]:
    """Walk both lists, and let no read leave configuration space."""

    def read8(offset: int) -> int:
        assert 0 <= offset < 0x100
        return config[offset]

    def read32(offset: int) -> int:
        assert 0x100 <= offset <= size - 4
        assert offset % 4 == 0
        return int.from_bytes(config[offset : offset + 4], "little")

    return [*pcicap.standard(read8), *pcicap.extended(read32, size)]


@given(st.data(), st.sampled_from([0x100, 0x1000]))
def test_any_configuration_space_is_walked_to_an_end(data: st.DataObject, size: int) -> None:
    config = bytearray(0x1000)
    config[pcicap.PCI_STATUS] = pcicap.PCI_STATUS_CAP_LIST
    config[pcicap.PCI_CAPABILITY_LIST] = data.draw(st.integers(0, 0xFF))
    for _ in range(data.draw(st.integers(0, 40))):
        at = data.draw(st.integers(0x40, 0xFE))
        config[at : at + 2] = data.draw(st.binary(min_size=2, max_size=2))
    for _ in range(data.draw(st.integers(0, 40))):
        at = data.draw(st.integers(0x40, 0x3FF)) * 4
        following = data.draw(st.integers(0, 0xFFF))
        struct.pack_into("<I", config, at, following << 20 | data.draw(st.integers(0, 0xFFFFF)))
    found = walked(bytes(config), size)
    offsets = [each.offset for each in found]
    assert len(set(offsets)) == len(offsets)
    assert all(each.extended == (each.offset >= 0x100) for each in found)
