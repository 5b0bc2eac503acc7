# SPDX-License-Identifier: GPL-2.0-or-later
"""Several hundred command lines and QMP commands, and what QEMU answered to each of them.

asked/SUBJECT.yaml     what is asked, written by hand
answered/SUBJECT.yaml  what QEMU answered, written by `python -m tests.qemu.corpus record`
differences.yaml       where pyqom answers otherwise, each with its reason
"""
