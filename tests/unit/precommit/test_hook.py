# SPDX-License-Identifier: GPL-2.0-or-later
"""The pre-commit hook, run by the real pre-commit when git commits.

The repository of the hook is this checkout; the user's repository has its specs and outputs. One
environment, which pre-commit makes from the former, serves all tests.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.unit.house import checkout

SPEC = "device_specs/vfio-pci.yaml"
C_OUTPUT = "generated/c/qemu-10.0/vfio-pci.c.inc"
PYTHON_OUTPUT = "generated/python/qomgen_devices/vfio_pci.py"


@dataclass(frozen=True)
class User:
    """A user's repository with the hook installed, and where pre-commit keeps its own."""

    folder: Path
    cache: Path

    def git(self, *argv: str) -> str:
        return checkout.git(self.folder, *argv, PRE_COMMIT_HOME=str(self.cache)).stdout

    def generate(self) -> None:
        """Generate with the qomgen of the hook's environment."""
        (qomgen,) = self.cache.glob("*/py_env-*/bin/qomgen")
        subprocess.run([qomgen, "generate"], cwd=self.folder, check=True, capture_output=True)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text that a file of the repository has once."""
        path = self.folder / name
        text = path.read_text()
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {name}"
        path.write_text(text.replace(old, new))

    def commit(self) -> None:
        """Commit what is staged; the hook passes."""
        passed, said = self._commit()
        assert passed, said
        assert "qomgen check" in said

    def refused(self) -> str:
        """Return what is said when the commit of what is staged is refused."""
        passed, said = self._commit()
        assert not passed
        assert "Failed" in said
        return said

    def _commit(self) -> tuple[bool, str]:
        try:
            done = checkout.git(
                self.folder, "commit", "--message", "change", PRE_COMMIT_HOME=str(self.cache)
            )
        except subprocess.CalledProcessError as error:
            return False, f"{error.stdout}{error.stderr}"
        return True, f"{done.stdout}{done.stderr}"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> User:
    """A user's repository at its first commit, with the hook's environment made."""
    folder = tmp_path_factory.mktemp("precommit")
    hook = checkout.copy(folder / "hook")
    checkout.git(hook, "init", "--quiet")
    checkout.git(hook, "add", "--all")
    checkout.git(hook, "commit", "--quiet", "--message", "the hook")
    revision = checkout.git(hook, "rev-parse", "HEAD").stdout.strip()

    user = User(folder / "user", folder / "cache")
    for path in checkout.files():
        if path.parts[0] in ("device_specs", "generated"):
            (user.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (user.folder / path).write_bytes((checkout.ROOT / path).read_bytes())
    (user.folder / ".pre-commit-config.yaml").write_text(
        f"repos:\n  - repo: {hook}\n    rev: {revision}\n    hooks:\n      - id: qomgen-check\n"
    )
    user.git("init", "--quiet")
    user.git("add", "--all")
    pre_commit = [sys.executable, "-m", "pre_commit", "install", "--install-hooks"]
    env = checkout.environment() | {"PRE_COMMIT_HOME": str(user.cache)}
    subprocess.run(pre_commit, cwd=user.folder, env=env, check=True)
    user.commit()
    return user


@pytest.fixture
def user(first: User, tmp_path: Path) -> User:
    """A copy of the user's repository that a test may change."""
    subprocess.run(["cp", "-a", first.folder, tmp_path / "user"], check=True)
    return User(tmp_path / "user", first.cache)


def test_a_spec_committed_with_its_outputs_passes(user: User) -> None:
    user.edit(SPEC, "\ndoc: ", "\ndoc: Changed. ")
    user.generate()
    user.git("add", "--all")
    user.commit()


def test_a_stale_output_is_refused(user: User) -> None:
    user.edit(SPEC, "\ndoc: ", "\ndoc: Changed. ")
    user.git("add", SPEC)
    said = user.refused()
    assert f"+++ {PYTHON_OUTPUT}" in said
    assert "Changed." in said
    assert "qomgen generate" in said


def test_an_output_edited_by_hand_is_refused(user: User) -> None:
    path = user.folder / C_OUTPUT
    path.write_text(path.read_text() + "/* mine */\n")
    user.git("add", C_OUTPUT)
    said = user.refused()
    assert C_OUTPUT in said
    assert "/* mine */" in said
    assert "qomgen generate" in said


def test_a_missing_output_is_refused(user: User) -> None:
    user.git("rm", "--quiet", C_OUTPUT)
    said = user.refused()
    assert C_OUTPUT in said
    assert "qomgen generate" in said


def test_an_output_that_git_does_not_track_is_refused(user: User) -> None:
    user.git("rm", "--quiet", "--cached", C_OUTPUT)
    said = user.refused()
    assert "git does not track" in said
    assert f"git add {C_OUTPUT}" in said


def test_an_output_that_only_the_work_tree_has_right_is_refused(user: User) -> None:
    """pre-commit hides what is not staged, so the commit is judged and not the work tree."""
    user.edit(SPEC, "\ndoc: ", "\ndoc: Changed. ")
    user.generate()
    user.git("add", SPEC)
    assert "+++" in user.refused()
