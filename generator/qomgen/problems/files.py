# SPDX-License-Identifier: GPL-2.0-or-later
"""Generated files."""

from __future__ import annotations

from qomgen.diagnostics import Diagnostic


class FileMissing(Diagnostic):
    """A file that the specs call for is not there."""

    id = "QG501"
    message = "this generated file is missing"


class FileChanged(Diagnostic):
    """A generated file is not what the specs give: they changed since, or it was edited by hand."""

    id = "QG502"
    message = "this generated file is not what its spec gives"


class FileExtra(Diagnostic):
    """A file is marked as generated, and no spec gives it: its type or series is gone."""

    id = "QG503"
    message = "no spec gives this generated file any more"


class FileUntracked(Diagnostic):
    """A generated file is right but git does not track it: the commit would lack it."""

    id = "QG504"
    message = "git does not track this generated file"


class FileForeign(Diagnostic):
    """
    At the path of an output stands something that qomgen did not write.

    qomgen overwrites only what carries its mark. Move the file away, or choose another `--output`.
    """

    id = "QG505"
    message = "this is not a generated file, and an output belongs here"
    default_hint = "move it away; qomgen overwrites only what it wrote"
