{# SPDX-License-Identifier: GPL-2.0-or-later #}
{# The behaviour of a device of the host that vfio-pci passes through: rendered once, then its owner's. #}
/*
{{ device.title|paragraph }}
 *
{{ device.about|paragraph }}
 *
 * SPDX-License-Identifier: {{ device.license }}
 */

{% for include in device.includes %}
{{ include }}
{% endfor %}
#include "{{ device.declarations }}"
{% if device.vendor %}

{{ device.vendor }}
{{ device.device }}
{% endif %}

{{ device.signatures.realize }}
{
    ERRP_GUARD();
{% if device.vendor %}
    uint16_t vendor, device;
{% endif %}

    /* The parent opens the device and sets up all that a PCI device has. */
    {{ device.parent_realize }}(pdev, errp);
    if (*errp) {
        return;
    }
{% if device.vendor %}

    /* As the guest will see them: x-pci-vendor-id and its kin count. */
{% include "scaffold/_other_device.c" %}
{% endif %}

    /*
     * Here the device is open and its BARs and interrupts are known. What
     * this device needs beyond that comes here: quirks over its BARs, a
     * look at its properties. An error is reported as above.
     */
}

{{ device.signatures.reset }}
{
    /* The parent resets the device through the kernel. */
    {{ device.parent_reset }}(dev);

    /* What a reset of this device takes beyond that comes here. */
}

#include "{{ device.definitions }}"
