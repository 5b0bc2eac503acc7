# SPDX-License-Identifier: GPL-2.0-or-later
"""Real QEMU trees and binaries as the oracle for what qomgen generates.

    python -m pytest tests/qemu                 everything
    python -m pytest tests/qemu -m objects      what needs no build of QEMU itself
    python -m pytest tests/qemu -m binary       the rest: QEMU linked with generated objects
    python -m tests.qemu.table [SERIES...]      the object proofs as a table
    python -m tests.qemu.layouts [--write]      device_specs/layouts/ against the compiler

archive gets QEMU's source from Debian, tree unpacks and configures it, compiler makes one object,
cut takes hand-written blocks out, units says which (data), objects and headers are the two proofs,
binary links and asks QEMU itself, probe asks the compiler for numbers, checkpatch asks for style.
projects has `qomgen new` make devices, integrated builds trees into which they were brought.

What is downloaded and built is kept in $QOMGEN_CACHE, by default ~/.cache/qomgen, under keys made of
its content; it can be deleted at any time.  tree.PACKAGES names the Debian packages that are needed.
"""
