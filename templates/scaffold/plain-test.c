{# SPDX-License-Identifier: GPL-2.0-or-later #}
{# The qtest of an emulated PCI device: rendered once, then its owner's. #}
/*
{{ test.title|paragraph }}
 *
 * SPDX-License-Identifier: {{ test.license }}
 */

#include "qemu/osdep.h"
#include "libqtest.h"
#include "libqos/pci-pc.h"
#include "hw/pci/pci_regs.h"

/* Below a root port devices come and go while QEMU runs. */
#define PLUGGABLE "-nodefaults -machine q35 -device pcie-root-port,id=rp"

{% include "scaffold/_test.c" %}

static void plug(QTestState *qts)
{
    check_said(ask(qts, "device_add " TYPE ",bus=rp,id=dev"), "");
}

static void unplug(QTestState *qts)
{
    check_said(ask(qts, "device_del dev"), "");
    /* No guest runs that would let it go. A reset does. */
    check_said(ask(qts, "system_reset"), "");
    qtest_qmp_eventwait(qts, "DEVICE_DELETED");
}
{% if test.cases %}

static void test_property(gconstpointer data)
{
    const PropertyCase *property = data;
    const char *name = property->name;
    QTestState *qts = qtest_init(PLUGGABLE);
    g_autofree char *refusal = g_strdup_printf("Error: %s", property->error);
    g_autofree char *late = g_strdup_printf(
        "Error: Attempt to set property '%s' on device 'dev' (type '" TYPE "') "
        "after it was realized", name);

    plug(qts);
    if (property->unset) {
        check_said(ask(qts, "qom-get /machine/peripheral/dev %s", name),
                   property->unset);
    }
    check_said(ask(qts, "qom-set /machine/peripheral/dev %s %s", name,
                   property->good), property->late ? "" : late);
    unplug(qts);

    if (property->bad) {
        check_said(ask(qts, "device_add " TYPE ",bus=rp,id=dev,%s=%s", name,
                       property->bad), refusal);
    }
    check_said(ask(qts, "device_add " TYPE ",bus=rp,id=dev,%s=%s", name,
                   property->good), "");
    check_said(ask(qts, "qom-get /machine/peripheral/dev %s", name),
               property->read);
    qtest_quit(qts);
}
{% endif %}

static void test_plugging(void)
{
    QTestState *qts = qtest_init(PLUGGABLE);

    plug(qts);
    check_said(ask(qts, "device_add " TYPE ",bus=rp,id=dev"),
               "Error: Duplicate device ID 'dev'");
    unplug(qts);
    plug(qts);
    qtest_quit(qts);
}

static QPCIDevice *find(QPCIBus *bus)
{
    QPCIDevice *dev = qpci_device_find(bus, QPCI_DEVFN(4, 0));

    g_assert_nonnull(dev);
    qpci_device_enable(dev);
    return dev;
}

static void test_registers(void)
{
    QTestState *qts = qtest_init("-nodefaults -machine q35 "
                                 "-device " TYPE ",addr=4.0");
    QPCIBus *bus = qpci_new_pc(qts, NULL);
    QPCIDevice *dev = find(bus);
    QPCIBar bar = qpci_iomap(dev, 0, NULL);

{% if test.vendor %}
    g_assert_cmphex(qpci_config_readw(dev, PCI_VENDOR_ID), ==, {{ test.vendor }});
    g_assert_cmphex(qpci_config_readw(dev, PCI_DEVICE_ID), ==, {{ test.device }});
    g_assert_cmphex(qpci_io_readl(dev, bar, 0x00), ==, {{ test.id_register }});
{% endif %}
    qpci_io_writel(dev, bar, 0x04, 0x12345678);
    g_assert_cmphex(qpci_io_readl(dev, bar, 0x04), ==, 0x12345678);

    qpci_io_writel(dev, bar, 0x08, 1);
    g_assert_true(qpci_config_readw(dev, PCI_STATUS) & PCI_STATUS_INTERRUPT);
    qpci_io_writel(dev, bar, 0x08, 0);
    g_assert_false(qpci_config_readw(dev, PCI_STATUS) & PCI_STATUS_INTERRUPT);
    g_free(dev);

    check_said(ask(qts, "system_reset"), "");
    qtest_qmp_eventwait(qts, "RESET");
    dev = find(bus);
    bar = qpci_iomap(dev, 0, NULL);
    g_assert_cmphex(qpci_io_readl(dev, bar, 0x04), ==, 0);

    g_free(dev);
    qpci_free_pc(bus);
    qtest_quit(qts);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
{% if test.cases %}
    for (size_t i = 0; i < G_N_ELEMENTS(properties); i++) {
        g_autofree char *path = g_strdup_printf(TYPE "/property/%s",
                                                properties[i].name);

        qtest_add_data_func(path, &properties[i], test_property);
    }
{% endif %}
    qtest_add_func(TYPE "/plugging", test_plugging);
    qtest_add_func(TYPE "/registers", test_registers);
    return g_test_run();
}
