{# SPDX-License-Identifier: GPL-2.0-or-later #}
{# In realize: another device than the one that the type is for is let go. #}
    vendor = pci_get_word(pdev->config + PCI_VENDOR_ID);
    device = pci_get_word(pdev->config + PCI_DEVICE_ID);
    if (vendor != {{ device.upper }}_VENDOR_ID ||
        device != {{ device.upper }}_DEVICE_ID) {
{{ device.wrong_device|call(8) }}
        /* Nobody calls exit for a device that could not be realized. */
        PCI_DEVICE_GET_CLASS(pdev)->exit(pdev);
        return;
    }
