# SPDX-License-Identifier: GPL-2.0-or-later
"""What the doctor finds, as values, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, TypeVar

from pyvfio.address import PciAddress
from pyvfio.doctor.users import User

AUTO: Final = "auto"
IOMMUFD: Final = "iommufd"
LEGACY: Final = "legacy"
NOIOMMU: Final = "noiommu"

SHAPE: Final = 1
"""Version of the JSON. It rises when something is taken away or means something else."""

IDS: Final = {
    "no-such-device": "there is no PCI function at this address",
    "no-iommu": "the device is behind no IOMMU",
    "noiommu-off": "the kernel gives out no devices without an IOMMU",
    "no-interrupt-remapping": "the IOMMU does not remap interrupts",
    "module-missing": "a module of the kernel is not loaded",
    "not-bound": "no driver of VFIO has the device",
    "group-not-viable": "the host drives another device of the IOMMU group",
    "busy": "somebody has the device, or its group, open",
    "node-missing": "a file below /dev that has to be opened is not there",
    "backend-missing": "the kernel does not have the way that was asked for",
    "permission": "this user may not open a file below /dev",
    "not-permitted": "something other than the file's mode keeps this process from opening it",
    "memlock": "the process may not pin as much memory as it wants",
    "vf-token": "opening the device wants a token",
    "dead": "the device does not answer",
    "unexplained": "opening it failed, for a reason that none of the above is",
}
"""All causes that there are."""

Value = TypeVar("Value")

Json: TypeAlias = "str | int | bool | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True, slots=True)
class Seen:
    """A piece of evidence: a file, and what it said."""

    path: str
    value: str

    def __str__(self) -> str:
        return f"{self.path}: {self.value}"


@dataclass(frozen=True, slots=True)
class Finding:
    """A cause for which the device cannot be opened.

    Attributes:
        id: Which, of IDS.
        summary: What it is, in a line.
        seen: What was seen.
        why: Why it matters.
        advice: What to do, in words.
        commands: The same as lines for a shell of root's.
        udev: Lines of a udev rule that makes it last, where one fits.
        backends: The ways of opening the device that it bars.
    """

    id: str
    summary: str
    seen: tuple[Seen, ...]
    why: str
    advice: str
    commands: tuple[str, ...] = ()
    udev: tuple[str, ...] = ()
    backends: tuple[str, ...] = ()

    def barring(self, *backends: str) -> Finding:
        """Return it with the ways that it bars."""
        return replace(self, backends=backends)

    def to_json(self) -> dict[str, Json]:
        """Return it in the shape that the guide tells."""
        return {
            "id": self.id,
            "summary": self.summary,
            "seen": [{"path": each.path, "value": each.value} for each in self.seen],
            "why": self.why,
            "advice": self.advice,
            "commands": list(self.commands),
            "udev": list(self.udev),
            "backends": list(self.backends),
        }


def merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Put together what is the same cause for several ways, in the order of the first of each."""
    found: dict[str, Finding] = {}
    for each in findings:
        known = found.get(each.id)
        found[each.id] = each if known is None else _both(known, each)
    return tuple(found.values())


def _both(one: Finding, other: Finding) -> Finding:
    summary = one.summary if one.summary == other.summary else f"{one.summary}; {other.summary}"
    return replace(
        one,
        summary=summary,
        seen=_union(one.seen, other.seen),
        commands=_union(one.commands, other.commands),
        udev=_union(one.udev, other.udev),
        backends=_union(one.backends, other.backends),
    )


def _union(one: tuple[Value, ...], other: tuple[Value, ...]) -> tuple[Value, ...]:
    return tuple(dict.fromkeys((*one, *other)))


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the doctor has to say of a device.

    Attributes:
        address: Of which.
        user: For whom.
        backend: By which way it can be opened: `iommufd`, `legacy` or `noiommu`; None if by none.
        findings: Why it cannot be opened; nothing if it can.
        notes: What is no obstacle, and good to know.
        attempts: What was opened to find out, and with what result. All is closed again.
    """

    address: PciAddress
    user: User
    backend: str | None
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    attempts: tuple[Seen, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing was found that bars the device."""
        return not self.findings

    def to_json(self) -> dict[str, Json]:
        """Return it in the shape that the guide tells."""
        return {
            "shape": SHAPE,
            "address": str(self.address),
            "user": {
                "name": self.user.name,
                "uid": self.user.uid,
                "gids": list(self.user.gids),
            },
            "healthy": self.healthy,
            "backend": self.backend,
            "findings": [each.to_json() for each in self.findings],
            "notes": list(self.notes),
            "attempts": [{"path": each.path, "value": each.value} for each in self.attempts],
        }

    def lines(self) -> Iterator[str]:
        """Tell it to a person."""
        yield f"{self.address} for {self.user}"
        if self.healthy:
            yield f"  nothing is in the way: it can be opened through {self.backend}"
        for each in self.findings:
            yield f"  {each.id}: {each.summary}"
            for seen in each.seen:
                yield f"    seen: {seen}"
            yield f"    why:  {each.why}"
            yield f"    do:   {each.advice}"
            for command in each.commands:
                yield f"      # {command}"
            if each.udev:
                yield "    or, for good, in /etc/udev/rules.d/70-vfio.rules:"
                for rule in each.udev:
                    yield f"      {rule}"
        for note in self.notes:
            yield f"  note: {note}"
        for attempt in self.attempts:
            yield f"  tried: open {attempt}"
