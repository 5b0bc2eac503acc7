{# SPDX-License-Identifier: GPL-2.0-or-later #}
{# In realize: another device than the one that the type is for is let go. #}
    found = pci_get_word(pci_dev.config, PCI_VENDOR_ID), pci_get_word(pci_dev.config, PCI_DEVICE_ID)
    if found != PCI_ID:
        # Nobody calls exit for a device that could not be realized.
        leave = PCI_DEVICE_GET_CLASS(pci_dev).exit
        if leave is not None:
            leave(pci_dev)
        raise Error(f"{TYPE}: the device of the host is {_shown(found)}, not {_shown(PCI_ID)}")
