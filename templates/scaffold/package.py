{# SPDX-License-Identifier: GPL-2.0-or-later #}
{# The package of what is written by hand. #}
# SPDX-License-Identifier: {{ project.license }}
"""What {{ project.name }} does, written by hand; what it is stands in {{ project.devices }}, which is generated."""
