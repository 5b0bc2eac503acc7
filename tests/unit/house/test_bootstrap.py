# SPDX-License-Identifier: GPL-2.0-or-later
"""bootstrap on machines that lack something, with small stand-ins for their programs.

That it works on a real fresh machine is tests/fresh/run's to show.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

# Logs its arguments, makes a venv of itself, and says no to what PYTHON_LACKS names.
PYTHON = """#!/bin/sh
echo "python $*" >>"$LOG"
case "$*" in
*version_info*) [ "$PYTHON_LACKS" != age ] ;;
*ensurepip*) [ "$PYTHON_LACKS" != venv ] ;;
*"-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
*"-m pip"*) [ "$PYTHON_LACKS" != network ] ;;
esac
"""
# Logs its arguments and, for `install`, copies what bin/archive has.
APT_GET = """#!/bin/sh
echo "apt-get $*" >>"$LOG"
case "$*" in *install*) cp "$ARCHIVE"/* "$(dirname "$0")" ;; esac
"""
ROOT_ID = "#!/bin/sh\necho 0\n"
USER_ID = "#!/bin/sh\necho 1000\n"
PROGRAM = "#!/bin/sh\n"


class Machine:
    """A folder of programs that are all bootstrap finds, and a checkout with bootstrap in it."""

    def __init__(self, folder: Path) -> None:
        self.bin, self.archive, self.checkout = (folder / n for n in ("bin", "archive", "checkout"))
        for each in (self.bin, self.archive, self.checkout):
            each.mkdir()
        self.log = folder / "log"
        self.certificates = folder / "certificates"
        self.certificates.write_text("a certificate")
        shutil.copy(ROOT / "bootstrap", self.checkout)
        for name in ("cp", "dirname", "mkdir", "rm", "sh", "touch"):
            real = shutil.which(name)
            assert real is not None
            (self.bin / name).symlink_to(real)

    def install(self, folder: Path, **programs: str) -> None:
        """Put programs, written as scripts, into bin or archive."""
        for name, text in programs.items():
            path = folder / name.replace("_", "-")
            path.write_text(text)
            path.chmod(0o755)

    def bootstrap(self, **env: str) -> subprocess.CompletedProcess[str]:
        self.log.write_text("")
        fixed = {
            "PATH": str(self.bin),
            "LOG": str(self.log),
            "ARCHIVE": str(self.archive),
            "SSL_CERT_FILE": str(self.certificates),
            "PYTHON_LACKS": "",
        }
        return subprocess.run(
            [self.bin / "sh", self.checkout / "bootstrap"],
            cwd=self.bin,
            env=fixed | env,
            capture_output=True,
            text=True,
            check=False,
        )

    def ran(self, program: str) -> list[str]:
        """What `program` was called with, a line a call."""
        lines = self.log.read_text().splitlines()
        return [line.removeprefix(program + " ") for line in lines if line.startswith(program)]

    @property
    def done(self) -> bool:
        return (self.checkout / ".venv/.done").exists()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def complete(machine: Machine) -> Machine:
    """A machine that has it all."""
    machine.install(machine.bin, id=USER_ID, git=PROGRAM, make=PROGRAM, cc=PROGRAM, python3=PYTHON)
    return machine


INSTALL = "sudo apt-get update && sudo apt-get install -y --no-install-recommends"


def test_a_user_is_told_the_line_to_run(machine: Machine) -> None:
    machine.install(machine.bin, id=USER_ID, apt_get=APT_GET)
    done = machine.bootstrap()
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].strip() == (
        f"{INSTALL} git make gcc libc6-dev python3 python3-venv"
    )
    assert machine.ran("apt-get") == []


def test_root_gets_what_is_missing(machine: Machine) -> None:
    machine.install(machine.bin, id=ROOT_ID, apt_get=APT_GET, git=PROGRAM, make=PROGRAM)
    machine.install(machine.archive, cc=PROGRAM, python3=PYTHON)
    done = machine.bootstrap()
    assert done.returncode == 0, done.stderr
    update, install = machine.ran("apt-get")
    assert update.endswith("update")
    assert install.endswith("install -y --no-install-recommends gcc libc6-dev python3 python3-venv")
    assert machine.done


def test_root_is_told_the_line_when_apt_get_does_not_help(machine: Machine) -> None:
    machine.install(machine.bin, id=ROOT_ID, apt_get="#!/bin/sh\nexit 100\n", python3=PYTHON)
    done = machine.bootstrap()
    assert done.returncode == 2
    assert "apt-get failed" in done.stderr
    assert f"{INSTALL} git make gcc libc6-dev\n" in done.stderr


def test_a_python_without_venv_is_missing_a_package(complete: Machine) -> None:
    done = complete.bootstrap(PYTHON_LACKS="venv")
    assert done.returncode == 2
    assert f"{INSTALL} python3 python3-venv\n" in done.stderr
    assert not (complete.checkout / ".venv").exists()


def test_an_old_python_is_no_package_that_is_missing(complete: Machine) -> None:
    done = complete.bootstrap(PYTHON_LACKS="age")
    assert done.returncode == 2
    assert "python3 is no Python >= 3.11" in done.stderr
    assert "PYTHON=" in done.stderr
    assert "apt-get" not in done.stderr


def test_a_newer_python_beside_an_old_one_is_found(complete: Machine) -> None:
    complete.install(complete.bin, python3="#!/bin/sh\nexit 1\n", python3_12=PYTHON)
    (complete.bin / "python3-12").rename(complete.bin / "python3.12")
    assert complete.bootstrap().returncode == 0
    assert complete.done


def test_the_python_that_the_caller_names_is_used(complete: Machine) -> None:
    complete.install(complete.bin, python3="#!/bin/sh\nexit 1\n", mine=PYTHON)
    assert complete.bootstrap(PYTHON="mine").returncode == 0
    done = complete.bootstrap(PYTHON="nobodys")
    assert done.returncode == 2
    assert "nobodys is no Python >= 3.11" in done.stderr


def test_a_set_up_that_broke_off_is_begun_again(complete: Machine) -> None:
    assert complete.bootstrap(PYTHON_LACKS="network").returncode != 0
    assert not complete.done
    assert complete.bootstrap().returncode == 0
    assert "-m venv --clear .venv" in complete.ran("python")
    assert complete.done


def test_a_whole_venv_is_brought_up_to_date_in_place(complete: Machine) -> None:
    assert complete.bootstrap().returncode == 0
    assert complete.bootstrap().returncode == 0
    calls = complete.ran("python")
    assert not [call for call in calls if "venv --clear" in call]
    assert [call for call in calls if "-m pip install" in call]
    assert complete.bootstrap(PYTHON_LACKS="network").returncode != 0
    assert not complete.done
