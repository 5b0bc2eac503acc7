# SPDX-License-Identifier: GPL-2.0-or-later
"""
`qomgen integrate`: a project's files, and the entries that build them, in a QEMU source tree.

`parts` says what a project brings, `qemutree` what a tree is, `kconfig` and `mesonbuild` where entries go, and `record`
what is there of an earlier run. `plan` says what is to be done; `writer` does it, or `patch` writes it down for others.
`command` is the face.
"""
