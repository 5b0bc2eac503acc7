# SPDX-License-Identifier: GPL-2.0-or-later
"""The cache: whole or absent, and made once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.qemu import cache

Keep = Callable[[Path, Callable[[Path], None]], Path]


class Interrupted(Exception):
    """What a person's Ctrl-C is to a half-made folder."""


@pytest.mark.parametrize("keep", [cache.folder, cache.stamped])
def test_a_half_made_folder_is_made_anew(keep: Keep, tmp_path: Path) -> None:
    def half(folder: Path) -> None:
        (folder / "half").touch()
        raise Interrupted

    def whole(folder: Path) -> None:
        (folder / "whole").touch()

    with pytest.raises(Interrupted):
        keep(tmp_path / "it", half)
    made = keep(tmp_path / "it", whole)
    assert (made / "whole").exists()
    assert not (made / "half").exists()
    assert keep(made, half) == made


def test_a_folder_is_not_there_before_it_is_whole(tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        assert folder != tmp_path / "it"
        assert not (tmp_path / "it").exists()

    assert cache.folder(tmp_path / "it", make).is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["it", "it.lock"]


@pytest.mark.parametrize("keep", [cache.folder, cache.stamped])
def test_who_comes_second_waits(keep: Keep, tmp_path: Path) -> None:
    made = 0
    together = threading.Barrier(2)

    def make(folder: Path) -> None:
        nonlocal made
        made += 1
        time.sleep(0.05)
        (folder / "whole").touch()

    def one(_: int) -> bool:
        together.wait()
        return (keep(tmp_path / "it", make) / "whole").exists()

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(one, range(2))) == [True, True]
    assert made == 1


def test_parts_do_not_run_together() -> None:
    assert cache.digest("ab", "c") != cache.digest("a", "bc")
