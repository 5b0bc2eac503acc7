# SPDX-License-Identifier: GPL-2.0-or-later
"""Archives in the format of an initrd ("newc"), which the kernel unpacks into its first root.

Written here since a device node in it needs no root when it is but a line of an archive.  The
format: Documentation/driver-api/early-userspace/buffer-format.rst in the kernel's tree.
"""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import BinaryIO

# An initrd may be several archives on end; each is filled up to a block, as cpio does.
_BLOCK = 512


class Archive:
    """Writes one archive to *stream*; names are paths from the root, without a leading slash.

    The folders above a name are made where they are missing.  All belongs to root.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._length = 0
        self._names: set[str] = set()

    def directory(self, name: str, mode: int = 0o755) -> None:
        """Add a folder, unless it is there."""
        if name not in self._names:
            self._entry(name, stat.S_IFDIR | mode)

    def file(self, name: str, data: bytes, mode: int = 0o644) -> None:
        """Add a file with its contents."""
        self._entry(name, stat.S_IFREG | mode, data)

    def link(self, name: str, target: str) -> None:
        """Add a symbolic link."""
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def character_device(self, name: str, major: int, minor: int) -> None:
        """Add a device node, which init needs before it can mount a devtmpfs."""
        self._entry(name, stat.S_IFCHR | 0o600, device=(major, minor))

    def tree(self, folder: Path, below: str, keep: Callable[[Path], bool] | None = None) -> None:
        """Add what lies in *folder* under the name *below*, as far as *keep* says yes to a path."""
        for path in sorted(folder.iterdir()):
            if keep is not None and not keep(path):
                continue
            name = str(PurePosixPath(below) / path.name)
            if path.is_symlink():
                self.link(name, str(path.readlink()))
            elif path.is_dir():
                self.directory(name)
                self.tree(path, name, keep)
            else:
                self.file(name, path.read_bytes(), stat.S_IMODE(path.stat().st_mode))

    def close(self) -> None:
        """Write the end of the archive; *stream* stays open."""
        self._write("TRAILER!!!", 0, b"", (0, 0))
        self._pad(_BLOCK)

    def _entry(
        self, name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)
    ) -> None:
        parent = str(PurePosixPath(name).parent)
        if parent != ".":
            self.directory(parent)
        if name in self._names:
            raise ValueError(f"{name} is in the archive already")
        self._names.add(name)
        self._write(name, mode, data, device)

    def _write(self, name: str, mode: int, data: bytes, device: tuple[int, int]) -> None:
        encoded = name.encode() + b"\0"
        # inode, mode, uid, gid, nlink, mtime, size, device of the file, device of a node, length
        # of the name, checksum (of another variant)
        fields = (len(self._names), mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields)
        for part in (header + encoded, data):
            self._stream.write(part)
            self._length += len(part)
            self._pad(4)

    def _pad(self, multiple: int) -> None:
        padding = -self._length % multiple
        self._stream.write(bytes(padding))
        self._length += padding
