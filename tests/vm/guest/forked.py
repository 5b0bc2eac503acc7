# SPDX-License-Identifier: GPL-2.0-or-later
"""Other processes: forked, since a new interpreter takes a second to start in an emulated machine."""

from __future__ import annotations

import os
import pickle
import signal
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Generic, TypeVar

Value = TypeVar("Value")

PATIENCE = 10.0  # seconds

USER = 1000
"""The id of a user who is not root."""


class Child(Generic[Value]):
    """A process that runs *work* to its yield and then holds what it has.

    What *work* yields comes here, and so does what it raises.  Devices that are open here are
    open there too, and stay so while it lives: fork first, then open.
    """

    def __init__(self, work: Callable[[], Generator[Value]]) -> None:
        answers, answering = os.pipe()
        waiting, told = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            # Nothing of what pytest would do at its end is the child's to do.
            code = 1
            try:
                os.close(answers)
                os.close(told)
                code = _run(work, os.fdopen(answering, "wb"), waiting)
            finally:
                os._exit(code)
        os.close(answering)
        os.close(waiting)
        self._answers = os.fdopen(answers, "rb")
        self._told = told
        self._ended = False

    def value(self) -> Value:
        """Wait for what *work* yields, or raise what it raised."""
        value = pickle.load(self._answers)  # noqa: S301 - from our own child
        if isinstance(value, BaseException):
            raise value
        return value  # type: ignore[no-any-return]  # pickled as a Value

    def go_on(self) -> None:
        """Let it go on behind its yield."""
        if self._told >= 0:
            os.close(self._told)
            self._told = -1

    def finish(self) -> None:
        """Let it go on behind its yield, and wait for its end."""
        self.go_on()
        self._wait()

    def kill(self) -> None:
        """End it as it is (SIGKILL), and wait until it is gone."""
        os.kill(self.pid, signal.SIGKILL)
        self._wait()

    def runs(self) -> bool:
        """Tell whether it has not ended yet."""
        return (
            not self._ended
            and os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        )

    def _wait(self) -> None:
        end = time.monotonic() + PATIENCE
        while os.waitpid(self.pid, os.WNOHANG) == (0, 0):
            if time.monotonic() > end:
                # Waiting in the kernel for what this process does not do: it cannot be killed.
                self._ended = True
                raise TimeoutError(f"process {self.pid} does not end")
            time.sleep(0.005)
        self._ended = True

    def close(self) -> None:
        """End it if it still runs."""
        if not self._ended:
            self.kill()
        self.go_on()
        self._answers.close()


def _run(work: Callable[[], Generator[object]], answering: BinaryIO, waiting: int) -> int:
    try:
        steps = work()
        value = next(steps)
    except BaseException as error:  # noqa: BLE001 - the parent raises it
        pickle.dump(error, answering)
        answering.close()
        return 1
    pickle.dump(value, answering)
    answering.close()
    os.read(waiting, 1)  # until the parent closes its end
    return 0 if next(steps, None) is None else 1


@contextmanager
def forked(work: Callable[[], Generator[Value]]) -> Iterator[Child[Value]]:
    """Run *work* in a child, which does not outlive the with block."""
    child = Child(work)
    try:
        yield child
    finally:
        child.close()


def become_user() -> None:
    """Be a user without privileges from now on."""
    os.setgroups([])
    os.setgid(USER)
    os.setuid(USER)
