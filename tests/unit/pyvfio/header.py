# SPDX-License-Identifier: GPL-2.0-or-later
"""pyvfio.uapi beside the kernel's own headers, of which the real compiler tells the truth.

`python -m tests.unit.pyvfio.header [INCLUDE...]` compares with the headers of the machine, or with
those below folders that hold linux/vfio.h and linux/iommufd.h (a kernel's include/uapi).
"""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from pyvfio.uapi import container, device, feature, iommufd, pci
from pyvfio.uapi.base import Ioctl, Struct
from pyvfio.uapi.history import IOMMUFD_SINCE, SINCE

COMPILERS = ("cc", "gcc", "clang")
SYSTEM = Path("/usr/include")

LEFT_OUT_OF_VFIO = {
    r"VFIO_(TYPE|BASE)|(_UAPI)?VFIO_H": "what the requests are made of, and the guard of the header",
    r"VFIO_DEVICE_API_\w+_STRING": "texts for drivers of mediated devices",
    r"(?i)vfio_\w*(spapr|eeh|nvlink2|nvidia|ibm)\w*": "POWER",
    r"(?i)vfio_\w*(ccw|ap_|zpci)\w*": "s390",
    r"(?i)vfio_\w*gfx\w*": "planes and displays of graphics cards",
    r"(__VFIO_RESERVED|VFIO)_TYPE1_NESTING_IOMMU": "it never was of use, and is gone",
    r"(?i)vfio_(device|region)_\w*(migration|state_v1)\w*": "migration before Linux 5.18",
    r"VFIO_DEVICE_STATE_(IS_ERROR|SET_ERROR|MASK|VALID)": "the same",
    r"VFIO_DEVICE_STATE_NR": "a count, not a state",
}
"""What of linux/vfio.h is not here, as patterns of names, and why."""

LEFT_OUT_OF_IOMMUFD = {
    r"IOMMUFD_TYPE|_(UAPI_)?IOMMUFD_H": "what the requests are made of, and the guard of the header",
    r"(?i)iommu\w*_(viommu|vdevice|vevent|veventq|hw_queue)\w*": "IOMMUs of guests",
    r"(?i)iommufd_vevent_header": "the same",
    r"(?i)iommu_\w*(vtd_s1|vtd_inv|arm_smmuv3|tegra241|_amd)\w*": "page tables that guests make",
    r"(?i)iommu\w*_hwpt_invalidate\w*": "the same",
    r"(?i)iommu\w*_(fault|pgfault|page_resp)\w*": "page faults of devices, which guests answer",
    r"(?i)iommu\w*_ioas_change_process": "handing an iommufd to a process that takes over",
}
"""The same of linux/iommufd.h."""


@dataclass(frozen=True)
class Header:
    """A header, and what of pyvfio.uapi is its twin.

    Attributes:
        name: As programs include it.
        modules: Which have its structs and numbers.
        struct: How its structs' names begin.
        number: How its numbers' names begin.
        since: Which Linux brought what was not there at first.
        left_out: What is not here, as patterns of names, and why.
    """

    name: str
    modules: tuple[ModuleType, ...]
    struct: str
    number: str
    since: Mapping[str, tuple[int, int]]
    left_out: Mapping[str, str]

    def structs(self) -> dict[str, type[Struct]]:
        """Return the structs by name."""
        return {
            name: value
            for module in self.modules
            for name, value in vars(module).items()
            if isinstance(value, type)
            and issubclass(value, Struct)
            and name.startswith(self.struct)
        }

    def numbers(self) -> dict[str, int]:
        """Return the constants and requests by name."""
        return {
            name: value.number if isinstance(value, Ioctl) else value
            for module in self.modules
            for name, value in vars(module).items()
            if name.startswith(self.number) and isinstance(value, (int, Ioctl))
        }

    def brought(self, name: str) -> tuple[int, int]:
        """Return the Linux that brought something."""
        whole = self.since.get(name.partition(".")[0], (0, 0))
        return max(whole, self.since.get(name, (0, 0)))


VFIO = Header(
    "linux/vfio.h", (container, device, feature, pci), "vfio_", "VFIO_", SINCE, LEFT_OUT_OF_VFIO
)
IOMMUFD = Header(
    "linux/iommufd.h", (iommufd,), "iommu_", "IOMMU", IOMMUFD_SINCE, LEFT_OUT_OF_IOMMUFD
)
HEADERS = (VFIO, IOMMUFD)


@dataclass
class Report:
    """What was compared.

    Attributes:
        header: Which header.
        version: The Linux that it is of, None if its folder does not tell.
        compiler: Which compiler told.
        wrong: What differs.
        equal: How many facts are the same.
        absent: What the header does not have.
        unknown: What the header has that is neither here nor left out on purpose.
    """

    header: Path
    version: tuple[int, int] | None
    compiler: str
    wrong: list[str] = field(default_factory=list)
    equal: int = 0
    absent: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        linux = "unknown" if self.version is None else f"{self.version[0]}.{self.version[1]}"
        equal = f"{self.equal} sizes, offsets and numbers are equal, {len(self.wrong)} differ"
        lines = [f"oracle: {self.compiler}, {self.header} (Linux {linux}): {equal}", *self.wrong]
        if self.absent:
            lines.append(f"not in that header: {' '.join(self.absent)}")
        if self.unknown:
            lines.append(f"not in pyvfio.uapi: {' '.join(self.unknown)}")
        return "\n".join(lines)


def fields(struct: type[Struct]) -> Iterator[tuple[str, int, int]]:
    """Yield name, offset and size of each field, those of an anonymous union among them."""
    anonymous = getattr(struct, "_anonymous_", ())
    for name, kind, *_bits in struct._fields_:
        if name in anonymous:
            inner = getattr(struct, name).offset
            assert issubclass(kind, ctypes.Union)
            for each, part, *_ in kind._fields_:
                yield each, inner, ctypes.sizeof(part)
        else:
            yield name, getattr(struct, name).offset, ctypes.sizeof(kind)


def facts(of_header: Header) -> dict[str, tuple[str, int]]:
    """Return by what is said of it - `vfio_bitmap.size offset` - C's words for it and our value."""
    found = {name: (f"(long long)({name})", value) for name, value in of_header.numbers().items()}
    for name, struct in of_header.structs().items():
        # A field that came later makes the size one of that Linux: see expected_size.
        found[name] = (f"(long long)sizeof(struct {name})", ctypes.sizeof(struct))
        for each, offset, size in fields(struct):
            what = f"{name}.{each}"
            found[f"{what} offset"] = (f"(long long)offsetof(struct {name}, {each})", offset)
            if size:
                found[f"{what} size"] = (f"(long long)sizeof(((struct {name} *)0)->{each})", size)
    return found


def of(what: str) -> str:
    """Return the constant, struct or field that a fact is of."""
    return what.partition(" ")[0]


def expected_size(struct: type[Struct], absent: set[str]) -> int:
    """Return the size that a struct has without the fields that a header does not have."""
    name = struct.__name__
    end, alignment = 0, 1
    for each, kind, *_bits in struct._fields_:
        if f"{name}.{each}" in absent:
            continue
        alignment = max(alignment, ctypes.alignment(kind))
        end = getattr(struct, each).offset + ctypes.sizeof(kind)
    return -(-end // alignment) * alignment


def version_of(include: Path) -> tuple[int, int] | None:
    """Return the Linux that a folder of headers is of."""
    version = include / "linux/version.h"
    if not version.exists():
        # The folder of a package of kernel headers: linux-headers-6.12.117+deb12-common.
        named = re.search(r"linux-headers-(\d+)\.(\d+)", str(include.resolve()))
        return None if named is None else (int(named[1]), int(named[2]))
    code = re.search(r"LINUX_VERSION_CODE (\d+)", version.read_text())
    return None if code is None else (int(code[1]) >> 16, int(code[1]) >> 8 & 0xFF)


def unknown(path: Path, of_header: Header) -> list[str]:
    """Return the names in a header that are neither in pyvfio.uapi nor left out on purpose."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    names = set(re.findall(r"^struct (\w+) \{", text, re.MULTILINE))
    names |= set(re.findall(r"^#\s*define\s+(\w+)", text, re.MULTILINE))
    names |= set(re.findall(rf"^\s+({of_header.number}\w+)\s*[,=]", text, re.MULTILINE))
    names -= of_header.structs().keys() | of_header.numbers().keys()
    return sorted(n for n in names if not any(re.fullmatch(p, n) for p in of_header.left_out))


class Compiler:
    """The compiler of the machine, looking at one header.

    Args:
        command: What starts it.
        header: Which header.
        include: Folder with it. Of the folder nothing else is used: headers that a
            kernel keeps for itself do not suit programs.
        folder: Where to work.
    """

    def __init__(self, command: str, header: Header, include: Path, folder: Path) -> None:
        self.command = command
        self.header = header
        self.folder = folder
        # What a kernel keeps for itself is marked, and the mark not defined for programs; nor is,
        # in headers before Linux 6.6, what tells a compiler how long an array is.
        self._flags = [f"-I{folder}", "-D__user=", "-D__counted_by(count)="]
        (folder / "linux").mkdir()
        (folder / header.name).symlink_to((include / header.name).resolve())

    def _source(self, lines: list[str]) -> Path:
        source = self.folder / "probe.c"
        head = ["#include <stddef.h>", "#include <stdio.h>", f"#include <{self.header.name}>"]
        text = "\n".join([*head, "int main(void)", "{", *lines, "return 0;", "}", ""])
        source.write_text(text)
        return source

    def has(self, name: str) -> bool:
        """Tell whether the header has a constant, a struct or a field."""
        struct, _, member = name.partition(".")
        constant = name.startswith(self.header.number)
        word = name if constant else f"sizeof(struct {struct})"
        if member:
            word = f"sizeof(((struct {struct} *)0)->{member})"
            if {each: size for each, _, size in fields(self.header.structs()[struct])}[member] == 0:
                word = f"offsetof(struct {struct}, {member})"
        source = self._source([f"(void)({word});"])
        command = [self.command, "-fsyntax-only", *self._flags, str(source)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def values(self, words: dict[str, str]) -> dict[str, int]:
        """Return what C's words come to, by key."""
        lines = [f'printf("%lld\\n", {word});' for word in words.values()]
        program = self.folder / "probe"
        command = [self.command, *self._flags, "-o", str(program), str(self._source(lines))]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode != 0:
            raise ValueError(f"{self.command} does not know it:\n{made.stderr}")
        said = subprocess.run([program], capture_output=True, text=True, check=True).stdout
        return dict(zip(words, map(int, said.split()), strict=True))


def find_compiler() -> str | None:
    """Return a compiler of C."""
    return next((found for name in COMPILERS if (found := shutil.which(name))), None)


def compare(include: Path, command: str, of_header: Header = VFIO) -> Report:
    """Compare pyvfio.uapi with a header in a folder."""
    told = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    header = include / of_header.name
    report = Report(header, version_of(include), told.stdout.splitlines()[0])
    with tempfile.TemporaryDirectory() as folder:
        compiler = Compiler(command, of_header, include, Path(folder))
        newer = sorted(name for name in of_header.since if not compiler.has(name))
        report.absent = newer
        absent = set(newer)
        asked = {
            what: fact
            for what, fact in facts(of_header).items()
            if of(what) not in absent and of(what).partition(".")[0] not in absent
        }
        said = compiler.values({what: words for what, (words, _ours) in asked.items()})
    for what, (_words, value) in asked.items():
        struct = of_header.structs().get(what)
        ours = value if struct is None else expected_size(struct, absent)
        # Constants of C may have a sign that ours have not.
        if said[what] == ours or (ours >= 1 << 31 and said[what] & 0xFFFFFFFF == ours):
            report.equal += 1
        else:
            report.wrong.append(f"{what}: {ours} here, {said[what]} in C")
    if report.version is not None:
        for name in of_header.since:
            brought = of_header.brought(name)
            if (report.version >= brought) != (name not in absent):
                there = "not there" if name in absent else "there"
                report.wrong.append(f"{name} is {there}, and since Linux {brought} by history")
    report.unknown = unknown(header, of_header)
    return report


def main(includes: list[str]) -> int:
    """Compare with each folder and print; 0 if all is equal."""
    command = find_compiler()
    if command is None:
        sys.exit(f"install a C compiler: {', '.join(COMPILERS)}")
    reports = [
        compare(include, command, each)
        for include in map(Path, includes or [str(SYSTEM)])
        for each in HEADERS
        if (include / each.name).exists()
    ]
    sys.stdout.writelines(f"{report}\n" for report in reports)
    return int(any(report.wrong or report.unknown for report in reports))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
