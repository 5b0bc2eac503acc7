{# SPDX-License-Identifier: GPL-2.0-or-later #}
{# The behaviour of a device of the host on vfio-pci-device: rendered once, then its owner's. #}
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
#include <sys/ioctl.h>
{% if device.vendor %}

{{ device.vendor }}
{{ device.device }}
{% endif %}

static void {{ device.stem }}_compute_needs_reset(VFIODevice *vbasedev)
{
    /* A reset through the bus would reset its neighbours too. */
    vbasedev->needs_reset = false;
}

static Object *{{ device.stem }}_get_object(VFIODevice *vbasedev)
{
    return OBJECT(vfio_pci_from_vfio_device(vbasedev));
}

static VFIODeviceOps {{ device.stem }}_ops = {
    .vfio_compute_needs_reset = {{ device.stem }}_compute_needs_reset,
    .vfio_eoi = vfio_pci_intx_eoi,
    .vfio_get_object = {{ device.stem }}_get_object,
};

/* Find out which device of the host is meant. */
static bool {{ device.stem }}_find(VFIOPCIDevice *vdev, Error **errp)
{
    PCIHostDeviceAddress *host = &vdev->host;
    VFIODevice *vbasedev = &vdev->vbasedev;

    if (!vbasedev->sysfsdev) {
        if (host->domain == UINT32_MAX && host->bus == UINT32_MAX) {
            error_setg(errp, "No provided host device");
            error_append_hint(errp, "Use host=DDDD:BB:DD.F "
                              "or sysfsdev=PATH_TO_DEVICE\n");
            return false;
        }
        vbasedev->sysfsdev = g_strdup_printf(
            "/sys/bus/pci/devices/%04x:%02x:%02x.%01x",
            host->domain, host->bus, host->slot, host->function);
    }
    return vfio_device_get_name(vbasedev, errp);
}

/* Open it, and set up what every PCI device has. */
static bool {{ device.stem }}_open(VFIOPCIDevice *vdev, Error **errp)
{
    PCIDevice *pdev = PCI_DEVICE(vdev);
    VFIODevice *vbasedev = &vdev->vbasedev;
    AddressSpace *as = pci_device_iommu_address_space(pdev);

    vbasedev->mdev = vfio_device_is_mdev(vbasedev);
    if (!vfio_device_attach(vbasedev->name, vbasedev, as, errp) ||
        !vfio_pci_populate_device(vdev, errp) ||
        !vfio_pci_config_setup(vdev, errp)) {
        return false;
    }
    if (!vbasedev->mdev &&
        !pci_device_set_iommu_device(pdev, vbasedev->hiod, errp)) {
        goto teardown;
    }
    if (vfio_pci_add_capabilities(vdev, errp) &&
        vfio_pci_interrupt_setup(vdev, errp)) {
        return true;
    }
    if (!vbasedev->mdev) {
        pci_device_unset_iommu_device(pdev);
    }
teardown:
    vfio_pci_teardown_msi(vdev);
    vfio_pci_bars_exit(vdev);
    return false;
}

{{ device.signatures.realize }}
{
    ERRP_GUARD();
    VFIOPCIDevice *vdev = VFIO_PCI_DEVICE(pdev);
{% if device.vendor %}
    uint16_t vendor, device;
{% endif %}

    if (!{{ device.stem }}_find(vdev, errp)) {
        return;
    }
    if (!{{ device.stem }}_open(vdev, errp)) {
        error_prepend(errp, VFIO_MSG_PREFIX, vdev->vbasedev.name);
        return;
    }
    vfio_pci_register_err_notifier(vdev);
    vfio_pci_register_req_notifier(vdev);
{% if device.vendor %}

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
    VFIOPCIDevice *vdev = VFIO_PCI_DEVICE(dev);

    vfio_pci_pre_reset(vdev);
    if (vdev->vbasedev.reset_works &&
        ioctl(vdev->vbasedev.fd, VFIO_DEVICE_RESET)) {
        warn_report("%s: reset failed: %s", vdev->vbasedev.name,
                    strerror(errno));
    }
    vfio_pci_post_reset(vdev);
}

static void {{ device.stem }}_finalize(Object *obj)
{
    vfio_pci_put_device(VFIO_PCI_DEVICE(obj));
}

#include "{{ device.definitions }}"
