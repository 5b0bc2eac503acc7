{# SPDX-License-Identifier: GPL-2.0-or-later #}
{# The behaviour of an emulated PCI device: rendered once, then its owner's. #}
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

#define {{ device.upper }}_BAR_SIZE 0x1000

/*
 * The registers in BAR 0, of 32 bits each: ID is the PCI id, SCRATCH keeps a
 * value until a reset, and INTERRUPT raises it (1) or lowers it (0).
 */
#define {{ device.upper }}_ID 0x00
#define {{ device.upper }}_SCRATCH 0x04
#define {{ device.upper }}_INTERRUPT 0x08

{{ device.signatures.read }}
{
    {{ device.struct }} *s = opaque;

    switch (addr) {
    case {{ device.upper }}_ID:
        return pci_get_long(PCI_DEVICE(s)->config + PCI_VENDOR_ID);
    case {{ device.upper }}_SCRATCH:
        return s->scratch;
    }
    qemu_log_mask(LOG_GUEST_ERROR, "%s: read of 0x%" HWADDR_PRIx "\n",
                  {{ device.type_macro }}, addr);
    return 0;
}

{{ device.signatures.write }}
{
    {{ device.struct }} *s = opaque;
    PCIDevice *pdev = PCI_DEVICE(s);

    switch (addr) {
    case {{ device.upper }}_SCRATCH:
        s->scratch = value;
        return;
    case {{ device.upper }}_INTERRUPT:
        if (!msi_enabled(pdev)) {
            pci_set_irq(pdev, value & 1);
        } else if (value & 1) {
            msi_notify(pdev, 0);
        }
        return;
    }
    qemu_log_mask(LOG_GUEST_ERROR, "%s: write to 0x%" HWADDR_PRIx "\n",
                  {{ device.type_macro }}, addr);
}

static const MemoryRegionOps {{ device.stem }}_ops = {
    .read = {{ device.stem }}_read,
    .write = {{ device.stem }}_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 4 },
    .impl = { .min_access_size = 4, .max_access_size = 4 },
};

{{ device.signatures.realize }}
{
{{ device.self_of_pdev|assign(4) }}

    pci_config_set_interrupt_pin(pdev->config, 1);
    if (msi_init(pdev, 0, 1, true, false, errp)) {
        return;
    }
{{ device.initialise|call(4) }}
    pci_register_bar(pdev, 0, PCI_BASE_ADDRESS_SPACE_MEMORY, &s->mmio);
}
{% if device.signatures.exit %}

{{ device.signatures.exit }}
{
    msi_uninit(pdev);
}
{% endif %}

{{ device.signatures.reset }}
{
{{ device.self_of_dev|assign(4) }}

    s->scratch = 0;
}

#include "{{ device.definitions }}"
