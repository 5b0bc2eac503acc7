{# SPDX-License-Identifier: GPL-2.0-or-later #}
{# The package: importing it registers every type. #}
# SPDX-License-Identifier: {{ license }}
# {{ mark.generated }}
# {{ mark.digest }}
# {{ mark.remake }}
"""Device types generated from specs; importing the package registers all of them with pyqom."""

from __future__ import annotations

from . import {% for name in modules %}{{ name }}{% if not loop.last %}, {% endif %}{% endfor %}


__all__ = [{% for name in modules %}"{{ name }}", {% endfor %}]
