# SPDX-License-Identifier: GPL-2.0-or-later
"""Words that a generated identifier must not be: C's, Python's, and names that the generated files use themselves."""

from __future__ import annotations

import keyword

C_KEYWORDS = frozenset(
    # ISO C11, 6.4.1, and what gnu11 and C23 add or glib and QEMU's own headers define as macros.
    """
    auto break case char const continue default do double else enum extern float for goto if inline int long
    register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while
    _Alignas _Alignof _Atomic _Bool _Complex _Generic _Imaginary _Noreturn _Static_assert _Thread_local
    alignas alignof asm bool constexpr false nullptr static_assert thread_local true typeof typeof_unqual
    linux unix i386 NULL TRUE FALSE
    """.split()
)
"""What no struct field, function or other generated C name may be called."""

PYTHON_KEYWORDS = frozenset(keyword.kwlist) | {"self", "cls", "None", "True", "False"}
"""What no generated Python name may be called."""
