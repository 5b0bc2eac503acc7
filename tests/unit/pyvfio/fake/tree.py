# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of /sys, /proc and /dev that are made up one by one, for who only looks at them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from pyvfio.kernel import Argument, Kernel
from pyvfio.uapi import container as uapi

VIABLE = uapi.VFIO_GROUP_FLAGS_VIABLE


class Tree(Kernel):
    """A kernel whose files are below a folder; those of /dev open with what a test says.

    Attributes:
        refused: Which files of /dev do not open, and with which errno.
        memlock: Bytes that may be pinned.
        viable: What the kernel says of groups.
        blind: Folders that cannot be listed.
        owner: Whose all files are, whoever runs the test.
        calls: How many calls were made that can fail.
        fail_at: Number of the call, from 1, that fails with EIO; None for none.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.refused: dict[str, int] = {}
        self.memlock: int | None = 8 << 20
        self.viable = VIABLE
        self.blind: set[str] = set()
        self.opened: dict[int, str] = {}
        self.modes: dict[str, int] = {}
        self.owner = 0
        self.calls = 0
        self.fail_at: int | None = None

    def put(self, path: str, text: str = "") -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def point(self, path: str, target: str) -> None:
        link = self.root / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(target)

    def remove(self, path: str) -> None:
        (self.root / path).unlink()

    def _step(self) -> None:
        """Count a call, and let it fail if it is its turn."""
        self.calls += 1
        if self.calls == self.fail_at:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def _at(self, path: str) -> str:
        return f"{self.root}{path}"

    def open(self, path: str, flags: int = os.O_RDWR) -> int:
        self._step()
        assert flags == os.O_RDWR
        if number := self.refused.get(path, 0 if self.exists(path) else errno.ENOENT):
            raise OSError(number, os.strerror(number), path)
        fd = len(self.opened) + 1000
        self.opened[fd] = path
        return fd

    def close(self, fd: int) -> None:
        del self.opened[fd]
        # As in Linux the descriptor is gone, whatever is told.
        self._step()

    def ioctl(self, fd: int, request: int, argument: Argument = 0) -> int:
        self._step()
        assert fd in self.opened
        if request == uapi.VFIO_CHECK_EXTENSION.number:
            return int(argument == uapi.VFIO_TYPE1v2_IOMMU)
        assert request == uapi.VFIO_GROUP_GET_STATUS.number
        assert isinstance(argument, uapi.vfio_group_status)
        argument.flags = self.viable
        return 0

    def memlock_limit(self) -> int | None:
        return self.memlock

    def read_file(self, path: str) -> bytes:
        self._step()
        return super().read_file(self._at(path))

    def list_folder(self, path: str) -> list[str]:
        self._step()
        if path in self.blind:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return super().list_folder(self._at(path))

    def read_link(self, path: str) -> str:
        self._step()
        return super().read_link(self._at(path))

    def stat(self, path: str) -> os.stat_result:
        self._step()
        found = super().stat(self._at(path))
        mode = found.st_mode & ~0o777 | self.modes.get(path, 0o600)
        return os.stat_result((mode, *found[1:4], self.owner, 0, *found[6:]))

    def exists(self, path: str) -> bool:
        return super().exists(self._at(path))
