# SPDX-License-Identifier: GPL-2.0-or-later
"""`qomgen watch`: what it waits for, and a real one at work."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qomgen import watch

from .conftest import CHECKOUT
from .running import NAMES, OPTIONS, project

LIMIT = 60.0
"""Seconds for anything to happen on a machine that is busy with other things."""


class Clock:
    """In place of time.sleep: does the next of its deeds at each call."""

    def __init__(self, *deeds: object) -> None:
        self.deeds = list(deeds)
        self.waited: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.waited.append(seconds)
        if not self.deeds:
            raise KeyboardInterrupt
        deed = self.deeds.pop(0)
        if callable(deed):
            deed()


def told(folder: Path, clock: Clock) -> Iterator[set[str]]:
    try:
        for changed in watch.changes(folder.iterdir, clock):
            yield {path.name for path in changed}
    except KeyboardInterrupt:
        assert clock.deeds == []


def test_the_first_time_is_at_once(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    clock = Clock()
    assert next(told(tmp_path, clock)) == {"a"}
    assert clock.waited == []


def test_what_changes_comes_and_goes_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").touch()

    def change() -> None:
        (tmp_path / "a").write_text("22")
        (tmp_path / "b").unlink()
        (tmp_path / "c").touch()

    assert list(told(tmp_path, Clock(change, None, None))) == [{"a", "b"}, {"a", "b", "c"}]


def test_a_file_that_takes_another_s_place_is_a_change(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for path in (first, second):
        path.write_text("same")
        os.utime(path, ns=(1, 1))
    assert list(told(tmp_path, Clock(lambda: second.rename(first), None)))[1:] == [{"a", "b"}]


def test_it_waits_until_writing_is_over(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("")
    more = [
        lambda: file.write_text("1"),
        lambda: file.write_text("12"),
        lambda: file.write_text("123"),
    ]
    clock = Clock(*more, None, None)
    assert list(told(tmp_path, clock)) == [{"a"}, {"a"}]
    # A long wait for the first change, short ones until two looks are equal, then long ones.
    assert [each < watch.INTERVAL for each in clock.waited] == [
        False,
        True,
        True,
        True,
        False,
        False,
    ]


def test_nothing_changed_is_nothing_told(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert list(told(tmp_path, Clock(None, None, None))) == [{"a"}]


class Watching:
    """A `qomgen watch` that runs, and what it says line by line."""

    def __init__(self, folder: Path) -> None:
        # What a shell starts in the background ignores Ctrl-C, and so would all that it starts.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-u", "-m", "qomgen", "watch", *OPTIONS],
                cwd=folder,
                env=os.environ | {"PYTHONPATH": str(CHECKOUT / "generator")},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        finally:
            signal.signal(signal.SIGINT, before)
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        self.text = ""
        self.read = 0

    def until(self, words: str) -> str:
        """What is said from where the last one ended up to the line that has `words`."""
        assert self.process.stdout is not None
        end = time.monotonic() + LIMIT
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while (found := self.text.find(words, self.read)) < 0 or "\n" not in self.text[found:]:
                assert time.monotonic() < end, f"no {words!r} in {self.text[self.read:]!r}"
                if selector.select(1.0):
                    piece = self.process.stdout.read()
                    assert piece, f"it ended with {self.process.wait()}: {self.text}"
                    self.text += piece.decode()
        start, self.read = self.read, self.text.index("\n", found) + 1
        return self.text[start : self.read]


@contextmanager
def watching(folder: Path) -> Iterator[Watching]:
    running = Watching(folder)
    try:
        yield running
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(LIMIT) == 0
    finally:
        running.process.kill()
        running.process.wait()
        assert running.process.stdout is not None
        running.process.stdout.close()


def test_a_change_of_a_spec_is_generated(tmp_path: Path) -> None:
    folder = project(tmp_path / "mine")
    spec = folder / "specs" / "my-dev.yaml"
    with watching(folder) as running:
        running.until(f"{len(NAMES)} written")
        spec.write_text(spec.read_text().replace("default: 7", "default: 8"))
        assert "wrote out/python/qomgen_devices/my_dev.py" in running.until("4 written")
    assert "default=8" in (folder / "out/python/qomgen_devices/my_dev.py").read_text()


def test_a_mistake_is_told_once_and_mended(tmp_path: Path) -> None:
    folder = project(tmp_path / "mine")
    spec = folder / "specs" / "my-dev.yaml"
    good = spec.read_text()
    with watching(folder) as running:
        running.until(f"{len(NAMES)} written")
        spec.write_text(good.replace("license:", "licence:"))
        assert "did you mean 'license'?" in running.until("nothing was written")
        spec.write_text(good)
        # It is all as it was before; that it is well again is told all the same.
        assert running.until("0 written").count("\n") == 1


def test_a_hook_that_goes_and_comes_is_seen(tmp_path: Path) -> None:
    folder = project(tmp_path / "mine")
    hooks = folder / "hooks" / "my_hooks" / "dev.py"
    text = hooks.read_text()
    with watching(folder) as running:
        running.until(f"{len(NAMES)} written")
        hooks.write_text(text.replace("def realize", "def realise"))
        assert "has no 'realize'" in running.until("nothing was written")
        hooks.write_text(text)
        running.until("0 written")


def test_a_spec_that_comes_and_goes_is_seen(tmp_path: Path) -> None:
    folder = project(tmp_path / "mine")
    spec = folder / "specs" / "my-dev.yaml"
    other = spec.with_name("other.yaml")
    with watching(folder) as running:
        running.until(f"{len(NAMES)} written")
        other.write_text(
            spec.read_text()
            .replace("my-dev", "other")
            .replace("MyDev", "Other")
            .replace("my_dev_", "other_")
        )
        assert "wrote out/python/qomgen_devices/other.py" in running.until(" written")
        other.unlink()
        assert "removed out/python/qomgen_devices/other.py" in running.until(" removed, ")


def test_a_project_is_not_watched_as_a_whole(tmp_path: Path) -> None:
    """Its folder is where Python looks for hooks; its environment and its outputs are there too."""
    for name in (
        "hooks.py",
        "mine/hooks.py",
        ".venv/lib/x.py",
        "generated/python/mine/dev.py",
        "html/x.html",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert watch.modules([tmp_path]) == {tmp_path / "hooks.py", tmp_path / "mine" / "hooks.py"}
