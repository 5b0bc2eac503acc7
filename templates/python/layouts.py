{# SPDX-License-Identifier: GPL-2.0-or-later #}
{# Where C keeps the fields that have a Python twin. #}
# SPDX-License-Identifier: {{ license }}
# {{ mark.generated }}
# {{ mark.digest }}
# {{ mark.remake }}
"""Sizes and offsets of C's structs, in bytes, as the compiler has them in QEMU's own tree."""

from __future__ import annotations

from pyqom import ByQemu

SIZES: dict[str, ByQemu[int]] = {
{% for struct in structs %}
    {{ struct.name }}: {{ struct.size }},
{% endfor %}
}
"""sizeof, by the name of the struct."""

FIELDS: dict[str, dict[str, ByQemu[tuple[int, int] | None]]] = {
{% for struct in structs %}
    {{ struct.name }}: {
{% for field in struct.fields %}
        {{ field.path }}: {{ field.places }},
{% endfor %}
    },
{% endfor %}
}
"""Offset and size of each field, by the name of the struct and the path of the field."""
