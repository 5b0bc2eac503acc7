# SPDX-License-Identifier: GPL-2.0-or-later
"""What the machine boots: Debian's kernel, and an initrd with its drivers, Python and pytest.

All of it is made of packages, cached under a key of what goes into it.  The project itself is a
second, small archive behind it, made anew for each run.
"""

from __future__ import annotations

import functools
import importlib.metadata
import lzma
import re
import shutil
import stat
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tests.qemu import cache
from tests.qemu.run import run

from . import cpio, modules, packages, scaffold, udev

KERNEL = "6.12"
"""The series of Linux that is booted: Debian 12's backported one, and Debian 13's own."""

KERNEL_PACKAGE = rf"linux-image-{re.escape(KERNEL)}\.[^-]+-amd64"
"""Names of its packages.  The flavour "cloud" is a third of its size and has no e1000e."""

_DRIVERS = ("iommufd", "vfio-pci", "vfio_iommu_type1", "mtty", "e1000e", "nvme")

# Shared libraries of the interpreter and of ctypes, lzma, uuid ...; the rest of what Debian's
# python3 depends on (Kerberos, readline, SQLite) serves modules that are left out.
_LIBRARIES = "libc6 libcrypt1 zlib1g libexpat1 libffi8 libuuid1 libbz2-1.0 liblzma5".split()
_INTERPRETER = r"python3\.[0-9]+-minimal"
_WHEELS = "pytest pluggy iniconfig packaging pygments".split()
_LEFT_OUT = (
    *("boot", "lib/modules"),
    *("etc", "usr/share", "usr/lib/x86_64-linux-gnu/gconv", "usr/lib/x86_64-linux-gnu/audit"),
    *("usr/lib/python3.*/test", "usr/lib/python3.*/pydoc_data", "usr/lib/python3.*/lib2to3"),
    *("usr/lib/python3.*/distutils", "usr/lib/python3.*/config-*", "usr/lib/python3.*/turtle.py"),
)
_USERS = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/tmp:/bin/sh\n"

_ROOT = Path(__file__).resolve().parents[2]
_PROJECT = (
    *("pyproject.toml", "runtime", "generated/python"),
    *("generator/qomgen/__init__.py", "generator/qomgen/scaffold/__init__.py"),
    "generator/qomgen/scaffold/hostdevice.py",
    *("tests/conftest.py", "tests/vm/guest"),
    *("tests/vm/guest_no_iommu", "tests/vm/guest_no_remapping"),
    *("tests/unit/pyvfio/questions.py", "tests/unit/pyvfio/answers.json"),
    *("tests/unit/pyvfio/iommufd_questions.py", "tests/unit/pyvfio/iommufd_answers.json"),
    *("tests/unit/pyvfio/noiommu_questions.py", "tests/unit/pyvfio/noiommu_answers.json"),
    *("docs/guide.md", "docs/pyvfio-guide.md", "examples/nvme_identify.py", "tests/console.py"),
)


@dataclass(frozen=True)
class Base:
    """The part of the image that only changes with its packages."""

    kernel: Path
    initrd: Path


@functools.cache
def base() -> Base:
    """The kernel and the first archive of the initrd, made if they are not in the cache.

    Raises what `packages` raises.
    """
    interpreter = packages.newest(_INTERPRETER).removesuffix("-minimal")
    names = [_kernel_package(), *_LIBRARIES, "busybox-static"]
    names += [f"{interpreter}-minimal", f"lib{interpreter}-minimal", f"lib{interpreter}-stdlib"]
    debs = packages.download(names)
    (kernel,) = (deb for deb in debs if deb.name.startswith("linux-image-"))
    built = modules.built(kernel)
    init = Path(__file__).with_name("init").read_bytes()
    # The guest's pytest is of the host's version: one serializes reports that the other reads.
    wheels = [f"{name}=={importlib.metadata.version(name)}" for name in _WHEELS]
    sources = [Path(module.__file__ or "").read_bytes() for module in (cpio, sys.modules[__name__])]
    key = cache.digest(init, *sources, *wheels, *(deb.name for deb in debs), built.name)

    def make(folder: Path) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as name:
            root = Path(name)
            packages.unpack(debs, root)
            (vmlinuz,) = (root / "boot").glob("vmlinuz-*")
            shutil.move(vmlinuz, folder / "kernel")
            drivers = _Drivers(root / "lib" / "modules", built).in_order(*_DRIVERS)
            _finish_root(root, wheels, interpreter)
            with (folder / "initrd").open("wb") as stream:
                _write_base(stream, root, init, drivers)

    made = cache.folder(cache.root() / "vm" / "images" / key, make)
    return Base(made / "kernel", made / "initrd")


@functools.cache
def _kernel_package() -> str:
    return packages.newest(KERNEL_PACKAGE)


def headers() -> Path:
    """The folder include/uapi of the kernel that is booted, from the package of its headers.

    Raises what `packages` raises.
    """
    name = _kernel_package().replace("-image-", "-headers-").removesuffix("-amd64") + "-common"
    (deb,) = packages.download([name])

    def make(folder: Path) -> None:
        packages.unpack([deb], folder)

    unpacked = cache.folder(cache.root() / "vm" / "headers" / deb.stem, make)
    return unpacked / "usr" / "src" / name / "include" / "uapi"


def _finish_root(root: Path, wheels: list[str], interpreter: str) -> None:
    """Add pytest, leave out what no test needs, and compile what is left."""
    for pattern in _LEFT_OUT:
        for path in root.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    (root / "etc").mkdir()
    (root / "etc" / "passwd").write_text(_USERS)
    (root / "usr/bin/python3").symlink_to(interpreter)

    installed = root / "opt" / "wheels"
    with tempfile.TemporaryDirectory() as name:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        run([*pip, "--only-binary", ":all:", "--dest", name, *wheels])
        for wheel in Path(name).iterdir():
            zipfile.ZipFile(wheel).extractall(installed)

    # Emulated, the interpreter takes half a minute to compile pytest; the host does it in two
    # seconds. The guest's own interpreter runs on its own libraries, and must not check the
    # times of files, which an initrd does not keep.
    libraries = [root / "lib/x86_64-linux-gnu", root / "usr/lib/x86_64-linux-gnu"]
    words: list[str | Path] = [root / "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"]
    words += ["--library-path", ":".join(map(str, libraries)), root / "usr/bin" / interpreter]
    words += ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    words += ["-s", root, "-p", "/", root / "usr/lib" / interpreter, installed]
    run(words, env={"PYTHONHOME": str(root / "usr"), "PYTHONPATH": ""})


class _Drivers:
    """The kernel's modules below *folder*, each with those it depends on.

    Those of the same name in *built* go before.  A module's own notes (its section .modinfo) say
    `depends=`; Debian's packages have no modules.dep, which depmod makes when they are installed.
    """

    def __init__(self, folder: Path, built: Path) -> None:
        found = (*folder.rglob("*.ko.xz"), *built.glob("*.ko"))
        self._paths = {path.name.partition(".")[0].replace("-", "_"): path for path in found}

    def _read(self, name: str) -> bytes:
        path = self._paths[name]
        return lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()

    def in_order(self, *names: str) -> Mapping[str, bytes]:
        """The modules *names* and what they need, each after what it depends on."""
        loaded: dict[str, bytes] = {}

        def load(name: str) -> None:
            if name in loaded:
                return
            module = self._read(name)
            depends = re.search(rb"\0depends=([^\0]*)\0", module)
            for needed in (depends[1] if depends else b"").decode().split(","):
                if needed:
                    load(needed.replace("-", "_"))
            loaded[name] = module

        for name in names:
            load(name.replace("-", "_"))
        return loaded


def _write_base(stream: BinaryIO, root: Path, init: bytes, drivers: Mapping[str, bytes]) -> None:
    archive = cpio.Archive(stream)
    for name in ("dev", "proc", "sys", "tmp", "run", "root", "bin"):
        archive.directory(name)
    archive.character_device("dev/console", 5, 1)
    archive.file("init", init, 0o755)
    for name, data in drivers.items():
        archive.file(f"modules/{name}.ko", data)
    archive.file("modules/order", "".join(f"{name}.ko\n" for name in drivers).encode())
    archive.tree(root, "")
    archive.close()


def project() -> dict[str, Path]:
    """What of the project goes into the guest, below /qomgen: name there -> file or folder here."""
    files = {name: _ROOT / name for name in _PROJECT}
    return files | {
        scaffold.NAME: scaffold.folder(),
        scaffold.BARE: scaffold.bare(),
        udev.NAME: udev.folder(),
    }


def _entry_points() -> Iterator[str]:
    """The lines of entry_points.txt, by which pyqom finds the packages of devices."""
    settings = tomllib.loads((_ROOT / "pyproject.toml").read_text())
    for group, entries in settings["project"]["entry-points"].items():
        yield f"[{group}]"
        yield from (f"{name} = {target}" for name, target in entries.items())


def _is_source(path: Path) -> bool:
    return path.name != "__pycache__"


def write_initrd(stream: BinaryIO, base: Base, files: Mapping[str, Path], command: str) -> None:
    """Write the whole initrd; the guest has *files* below /qomgen and runs *command* (of sh) there."""
    with base.initrd.open("rb") as first:
        shutil.copyfileobj(first, stream)
    archive = cpio.Archive(stream)
    archive.file("command", f"{command}\n".encode())
    for name, path in files.items():
        if path.is_dir():
            archive.tree(path, f"qomgen/{name}", keep=_is_source)
        else:
            archive.file(f"qomgen/{name}", path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
    # Installed as far as importlib.metadata looks.
    installed = "qomgen/runtime/qomgen-0.dist-info"
    archive.file(f"{installed}/METADATA", b"Metadata-Version: 2.1\nName: qomgen\nVersion: 0\n")
    archive.file(f"{installed}/entry_points.txt", "\n".join(_entry_points()).encode())
    archive.close()
