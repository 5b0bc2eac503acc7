# SPDX-License-Identifier: GPL-2.0-or-later
"""Real QEMU trees and binaries as the oracle for what qomgen generates."""
