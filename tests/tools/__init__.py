# SPDX-License-Identifier: GPL-2.0-or-later
"""Other programs on what qomgen makes: a browser, an editor's language server."""
