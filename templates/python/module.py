{# SPDX-License-Identifier: GPL-2.0-or-later #}
{# One QOM type. black makes the layout; what matters here is the order and the blank lines between parts. #}
# SPDX-License-Identifier: {{ module.license }}
# {{ mark.generated }}
# {{ mark.digest }}
# {{ mark.remake }}
"""{{ module.title }}"""

from __future__ import annotations
{% for item in module.imports %}
{% if item.starts_group %}

{% endif %}
{% if item.names %}
from {{ item.module }} import {% for name in item.names %}{{ name }}{% if not loop.last %}, {% endif %}{% endfor %}

{% else %}
import {{ item.module }}
{% endif %}
{% endfor %}

{{ module.type_constant }} = {{ module.type_name }}
{% for constant in module.constants %}
{{ constant.name }} = {{ constant.value }}
{% endfor %}

{% for struct in module.structs %}

@dataclasses.dataclass(eq=False, slots=True)
class {{ struct.name }}({{ struct.base }}):
    """{{ struct.doc }}"""

{% for field in struct.fields %}
    {{ field.name }}: {{ field.annotation }} = {{ field.zero }}{% if field.comment %}  # {{ field.comment }}{% endif %}

{% endfor %}
{% endfor %}
{% for info in module.infos %}
{{ info.name }} = derive({{ info.base }}, {% for keyword in info.keywords %}{{ keyword.name }}={{ keyword.value }}, {% endfor %})
{% endfor %}
{% if module.table %}

{{ module.table }} = (
{% for property in module.properties %}
    Property(
        {{ property.name }},
        {{ property.info }},
        {{ property.field }},
{% for keyword in property.keywords %}
        {{ keyword.name }}={{ keyword.value }},
{% endfor %}
    ),
{% endfor %}
)
{% endif %}
{% for function in module.functions %}

def {{ function.name }}({{ function.parameters }}) -> None:
    """{{ function.doc }}"""
{% for local in function.locals %}
    {{ local }}
{% endfor %}
{% for group in function.groups %}
{% if group.condition %}
    if {{ group.condition }}:
{% for statement in group.statements %}
        {{ statement }}
{% endfor %}
{% else %}
{% for statement in group.statements %}
    {{ statement }}
{% endfor %}
{% endif %}
{% endfor %}

{% endfor %}
{{ module.info }} = TypeInfo(
{% for keyword in module.info_keywords %}
    {{ keyword.name }}={{ keyword.value }},
{% endfor %}
)


def {{ module.register }}() -> None:
    """Register the type, as type_init() of the C file does."""
    type_register_static({{ module.info }})


type_init({{ module.register }})
