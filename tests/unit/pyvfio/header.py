# SPDX-License-Identifier: GPL-2.0-or-later
"""pyvfio.uapi beside the kernel's linux/vfio.h, of which the real compiler tells the truth.

`python -m tests.unit.pyvfio.header [INCLUDE...]` compares with the header of the machine, or with
those below folders that hold linux/vfio.h (a kernel's include/uapi).
"""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pyvfio.uapi import container, device, feature, pci
from pyvfio.uapi.base import Ioctl, Struct
from pyvfio.uapi.history import SINCE

MODULES = (container, device, feature, pci)
COMPILERS = ("cc", "gcc", "clang")
SYSTEM = Path("/usr/include")

LEFT_OUT = {
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
"""What of the header is not here, as patterns of names, and why."""


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


def structs() -> dict[str, type[Struct]]:
    """Return the structs of pyvfio.uapi by name."""
    return {
        name: value
        for module in MODULES
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Struct) and name.startswith("vfio_")
    }


def numbers() -> dict[str, int]:
    """Return the constants and requests of pyvfio.uapi by name."""
    return {
        name: value.number if isinstance(value, Ioctl) else value
        for module in MODULES
        for name, value in vars(module).items()
        if name.startswith("VFIO_") and isinstance(value, (int, Ioctl))
    }


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


def facts() -> dict[str, tuple[str, int]]:
    """Return by what is said of it - `vfio_bitmap.size offset` - C's words for it and our value."""
    found = {name: (f"(long long)({name})", value) for name, value in numbers().items()}
    for name, struct in structs().items():
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


def since(name: str) -> tuple[int, int]:
    """Return the Linux that brought something."""
    whole = SINCE.get(name.partition(".")[0], (0, 0))
    return max(whole, SINCE.get(name, (0, 0)))


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


def unknown(header: Path) -> list[str]:
    """Return the names in a header that are neither in pyvfio.uapi nor left out on purpose."""
    text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.DOTALL)
    names = set(re.findall(r"^struct (\w+) \{", text, re.MULTILINE))
    names |= set(re.findall(r"^#\s*define\s+(\w+)", text, re.MULTILINE))
    names |= set(re.findall(r"^\s+(VFIO_\w+)\s*[,=]", text, re.MULTILINE))
    names -= structs().keys() | numbers().keys()
    return sorted(n for n in names if not any(re.fullmatch(p, n) for p in LEFT_OUT))


class Compiler:
    """The compiler of the machine, looking at one header.

    Args:
        command: What starts it.
        include: Folder with linux/vfio.h. Of the folder nothing else is used: headers that a
            kernel keeps for itself do not suit programs.
        folder: Where to work.
    """

    def __init__(self, command: str, include: Path, folder: Path) -> None:
        self.command = command
        self.folder = folder
        # What a kernel keeps for itself is marked, and the mark not defined for programs.
        self._flags = [f"-I{folder}", "-D__user="]
        (folder / "linux").mkdir()
        (folder / "linux/vfio.h").symlink_to((include / "linux/vfio.h").resolve())

    def _source(self, lines: list[str]) -> Path:
        source = self.folder / "probe.c"
        head = ["#include <stddef.h>", "#include <stdio.h>", "#include <linux/vfio.h>"]
        text = "\n".join([*head, "int main(void)", "{", *lines, "return 0;", "}", ""])
        source.write_text(text)
        return source

    def has(self, name: str) -> bool:
        """Tell whether the header has a constant, a struct or a field."""
        struct, _, member = name.partition(".")
        word = name if name.startswith("VFIO_") else f"sizeof(struct {struct})"
        if member:
            word = f"sizeof(((struct {struct} *)0)->{member})"
            if {each: size for each, _, size in fields(structs()[struct])}[member] == 0:
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


def compare(include: Path, command: str) -> Report:
    """Compare pyvfio.uapi with linux/vfio.h in a folder."""
    told = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    header = include / "linux/vfio.h"
    report = Report(header, version_of(include), told.stdout.splitlines()[0])
    with tempfile.TemporaryDirectory() as folder:
        compiler = Compiler(command, include, Path(folder))
        newer = sorted(name for name in SINCE if not compiler.has(name))
        report.absent = newer
        absent = set(newer)
        asked = {
            what: fact
            for what, fact in facts().items()
            if of(what) not in absent and of(what).partition(".")[0] not in absent
        }
        said = compiler.values({what: words for what, (words, _ours) in asked.items()})
    for what, (_words, value) in asked.items():
        struct = structs().get(what)
        ours = value if struct is None else expected_size(struct, absent)
        # Constants of C may have a sign that ours have not.
        if said[what] == ours or (ours >= 1 << 31 and said[what] & 0xFFFFFFFF == ours):
            report.equal += 1
        else:
            report.wrong.append(f"{what}: {ours} here, {said[what]} in C")
    if report.version is not None:
        for name in SINCE:
            if (report.version >= since(name)) != (name not in absent):
                there = "not there" if name in absent else "there"
                report.wrong.append(f"{name} is {there}, and since Linux {since(name)} by history")
    report.unknown = unknown(header)
    return report


def main(includes: list[str]) -> int:
    """Compare with each folder and print; 0 if all is equal."""
    command = find_compiler()
    if command is None:
        sys.exit(f"install a C compiler: {', '.join(COMPILERS)}")
    reports = [compare(Path(include), command) for include in includes or [str(SYSTEM)]]
    sys.stdout.writelines(f"{report}\n" for report in reports)
    return int(any(report.wrong or report.unknown for report in reports))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
