# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine's apt sources, in both of the forms that apt reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.qemu import archive
from tests.qemu.archive import Origin


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        pytest.param(
            "sources.list",
            "# deb http://a.example/debian bookworm main\n"
            "deb http://b.example/debian bookworm main contrib\n"
            "deb http://b.example/debian bookworm-updates main\n"
            "deb-src [arch=amd64 signed-by=/k.gpg] http://c.example/d trixie main # words\n"
            "deb http://d.example/debian sid contrib # main\n",
            [
                Origin("http://b.example/debian", "bookworm", None),
                Origin("http://c.example/d", "trixie", "/k.gpg"),
            ],
            id="one-line",
        ),
        pytest.param(
            "sources.list.d/debian.sources",
            "Types: deb\n"
            "# URIs: http://a.example/debian\n"
            "URIs: http://b.example/debian\n"
            "Suites: bookworm bookworm-updates\n"
            "Components: main\n"
            "Signed-By: /k.gpg\n"
            "\n"
            "Types: deb\nURIs: http://c.example/d\nSuites: sid\nComponents: main\nEnabled: no\n"
            " \n"
            "Types: deb deb-src\nURIs: http://d.example/d\nSuites: trixie\nComponents: main\n"
            "Signed-By:\n"
            " -----BEGIN PGP PUBLIC KEY BLOCK-----\n"
            " .\n"
            " abc=\n",
            [
                Origin("http://b.example/debian", "bookworm", "/k.gpg"),
                Origin(
                    "http://d.example/d",
                    "trixie",
                    "-----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc=",
                ),
            ],
            id="deb822",
        ),
        pytest.param(
            "sources.list.d/other.list",
            "deb http://a.example/node nodistro main\ndeb cdrom:[x] bookworm contrib\n",
            [],
            id="nothing-of-debian",
        ),
    ],
)
def test_origins(name: str, text: str, found: list[Origin], tmp_path: Path) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    assert archive.origins(tmp_path) == found


def test_no_archive_is_said_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QOMGEN_CACHE", str(tmp_path))
    monkeypatch.setattr(archive, "origins", list)
    for _ in range(2):
        with pytest.raises(archive.NotServed, match=r"^QEMU 10\.0: this machine's apt sources"):
            archive.tarball("10.0")


def test_a_tarball_in_the_cache_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QOMGEN_CACHE", str(tmp_path))
    monkeypatch.setattr(archive, "origins", list)
    kept = tmp_path / "qemu" / "tarballs" / "10.0" / "qemu_10.0.13+ds.orig.tar.xz"
    kept.parent.mkdir(parents=True)
    kept.touch()
    assert archive.tarball("10.0") == archive.Tarball("10.0", "10.0.13+ds", kept)
