# SPDX-License-Identifier: GPL-2.0-or-later
"""What Debian's kernel was built without: iommufd, the device cdev, noiommu, and a device that migrates.

No Debian kernel for amd64 has CONFIG_IOMMUFD.  Its own source has it all, though, and none of it
needs more than modules: VFIO's are built anew with these options on, against the headers of the
very kernel that is booted, which stays as it is.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

from tests.qemu import cache
from tests.qemu.run import CommandError, run

from . import packages

OPTIONS = {
    "IOMMUFD": "m",
    # iommufd's only need that is not a module; see _borrow_span_iterator().
    "INTERVAL_TREE_SPAN_ITER": "y",
    # Bitmaps that programs read: without, the log that a device keeps of its DMA cannot be read.
    "IOMMUFD_DRIVER": "y",
    "VFIO_DEVICE_CDEV": "y",
    "VFIO_NOIOMMU": "y",
    "SAMPLE_VFIO_MDEV_MTTY": "m",
}
"""Options of Linux (without CONFIG_) that are switched on, and how."""

# Information for debuggers is large, and pahole, which makes the kernel's own kind, may be absent.
_OFF = ("DEBUG_INFO", "DEBUG_INFO_BTF", "DEBUG_INFO_BTF_MODULES")

_FOLDERS = ("drivers/iommu/iommufd", "drivers/vfio", "samples/vfio-mdev")
_SOURCES = (*_FOLDERS, "drivers/iommu/iommu-priv.h", "lib/interval_tree.c")
"""What of the kernel's source is unpacked: all of it is 1.5 GB."""


def built(kernel: Path) -> Path:
    """The folder of the modules for the kernel of the package *kernel*, a .deb.

    They are made if they are not in the cache (half a minute).  Raises `packages.Missing` when a
    package or a program is not to be had, `tests.qemu.run.CommandError` when a program fails.
    """
    name, version = packages.identity(kernel)
    release = name.removeprefix("linux-image-")
    abi, _, _ = release.rpartition("-")
    series = ".".join(release.split(".")[:2])
    wanted = (f"headers-{release}", f"headers-{abi}-common", f"kbuild-{abi}", f"source-{series}")
    debs = packages.download(f"linux-{part}={version}" for part in wanted)
    by_name = {deb.name.split("_")[0]: deb for deb in debs}
    headers, source = by_name[f"linux-headers-{release}"], by_name[f"linux-source-{series}"]
    kbuild = by_name[f"linux-kbuild-{abi}"]

    compiler_package = packages.dependency(headers, r"gcc-[0-9]+")
    compiler = packages.program(f"x86_64-linux-gnu-{compiler_package}", compiler_package)
    packages.program("make", "make")
    # objtool, which checks each object, is linked with it; Debian's base system lacks it.
    library = packages.download([packages.dependency(kbuild, r"libelf[0-9a-z]+")])

    key = cache.digest(
        Path(__file__).read_bytes(),
        run([compiler, "--version"]),
        *(deb.name for deb in (*debs, *library)),
    )

    def make(folder: Path) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as name:
            unpacked, tree = Path(name, "packages"), Path(name, "source")
            packages.unpack([deb for deb in (*debs, *library) if deb != source], unpacked)
            _unpack_source(source, tree)
            headers = unpacked / "usr" / "src" / f"linux-headers-{release}"
            _relocate(headers, unpacked)
            _configure(headers)
            _borrow_span_iterator(tree)
            _link_bitmaps(tree)
            (tree / "Kbuild").write_text("".join(f"obj-m += {name}/\n" for name in _FOLDERS))
            run(
                ["make", "-C", headers, f"M={tree}", f"-j{os.cpu_count()}", "modules"],
                env={"LD_LIBRARY_PATH": str(unpacked / "usr/lib/x86_64-linux-gnu")},
            )
            for module in tree.rglob("*.ko"):
                shutil.move(module, folder / module.name)

    return cache.folder(cache.root() / "vm" / "modules" / key, make)


def _unpack_source(package: Path, folder: Path) -> None:
    """Extract `_SOURCES` into *folder* from the archive in *package*."""
    words = ["dpkg-deb", "--fsys-tarfile", str(package)]
    with (
        subprocess.Popen(words, stdout=subprocess.PIPE) as process,
        tarfile.open(fileobj=process.stdout, mode="r|") as files,
    ):
        for file in files:
            if file.name.endswith(".tar.xz"):
                archive = files.extractfile(file)
                with tarfile.open(fileobj=archive, mode="r|xz") as sources:
                    _extract(sources, folder)
    if process.returncode:
        raise CommandError(words, process.returncode, "")


def _extract(archive: tarfile.TarFile, folder: Path) -> None:
    for member in archive:
        # The first part is linux-source-6.12.
        path = PurePosixPath(*PurePosixPath(member.name).parts[1:])
        if not any(path.is_relative_to(wanted) for wanted in _SOURCES):
            continue
        stream = archive.extractfile(member)
        if stream is not None:
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as copy:
                shutil.copyfileobj(stream, copy)


def _relocate(headers: Path, root: Path) -> None:
    """Let the headers be where they were unpacked: their Makefile includes another from /usr/src."""
    makefile = headers / "Makefile"
    makefile.write_text(makefile.read_text().replace(" /usr/src/", f" {root}/usr/src/"))


def _configure(headers: Path) -> None:
    """Switch options on and off where make and the compiler read them, as if all was so configured."""
    options = headers / "include" / "config" / "auto.conf"
    macros = headers / "include" / "generated" / "autoconf.h"
    off = "|".join(_OFF)
    text = re.sub(rf"^CONFIG_(?:{off})=.*\n", "", options.read_text(), flags=re.MULTILINE)
    options.write_text(text + "".join(f"CONFIG_{key}={how}\n" for key, how in OPTIONS.items()))
    suffix = {"y": "", "m": "_MODULE"}
    with macros.open("a") as stream:
        for key, how in OPTIONS.items():
            stream.write(f"#define CONFIG_{key}{suffix[how]} 1\n")


def _borrow_span_iterator(tree: Path) -> None:
    """Let iommufd have its own copy of an iterator that would be the kernel's.

    The functions beside it, which the kernel has and exports, are not exported again.
    """
    text = (tree / "lib" / "interval_tree.c").read_text()
    iommufd = tree / "drivers" / "iommu" / "iommufd"
    copied = re.sub(r"^EXPORT_SYMBOL.*\n", "", text, flags=re.MULTILINE)
    (iommufd / "interval_tree.c").write_text(copied)
    with (iommufd / "Makefile").open("a") as stream:
        stream.write("iommufd-y += interval_tree.o\n")


def _link_bitmaps(tree: Path) -> None:
    """Link into iommufd what IOMMUFD_DRIVER would put into the kernel itself."""
    makefile = tree / "drivers" / "iommu" / "iommufd" / "Makefile"
    text = makefile.read_text().replace("obj-$(CONFIG_IOMMUFD_DRIVER) +=", "iommufd-y +=")
    makefile.write_text(text)
