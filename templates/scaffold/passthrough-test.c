{# SPDX-License-Identifier: GPL-2.0-or-later #}
{# The qtest of a device of the host: rendered once, then its owner's. #}
/*
{{ test.title|paragraph }}
 *
 * Without a device of the host, QEMU is asked up to the point where it wants
 * one. With one bound to vfio-pci, whose address is in the environment, its
 * life is tried too.
 *
 * SPDX-License-Identifier: {{ test.license }}
 */

#include "qemu/osdep.h"
#include "libqtest.h"
#include "libqos/pci-pc.h"
#include "hw/pci/pci_regs.h"

/* The address of the device of the host: 0000:01:00.0 */
#define HOST {{ test.host_variable }}

/* Below a root port devices come and go while QEMU runs. */
#define PLUGGABLE "-nodefaults -machine q35 -device pcie-root-port,id=rp"

{% include "scaffold/_test.c" %}

/* All properties were taken, and realize went as far as it can. */
static void check_wants_host(char *said)
{
    g_assert_true(g_str_has_prefix(said, "Error: No provided host device"));
    g_free(said);
}
{% if test.cases %}

/* What the list of the type's properties says of the default. */
static void check_default(QTestState *qts, const PropertyCase *property)
{
    g_autofree char *help = ask(qts, "device_add " TYPE ",help");
    g_auto(GStrv) lines = g_strsplit(help, "\n", -1);
    g_autofree char *start = g_strdup_printf("  %s=<", property->name);
    g_autofree char *json = g_strdup_printf("(default: %s)", property->unset);
    g_autofree char *word = NULL;
    const char *unset = property->unset;

    /* As JSON, or in the words of the command line: it depends on QEMU. */
    if (!strcmp(unset, "true") || !strcmp(unset, "false")) {
        word = g_strdup_printf("(default: %s)",
                               !strcmp(unset, "true") ? "on" : "off");
    } else if (unset[0] == '"') {
        word = g_strdup_printf("(default: %.*s)", (int)strlen(unset) - 2,
                               unset + 1);
    }

    for (size_t i = 0; lines[i]; i++) {
        if (g_str_has_prefix(lines[i], start)) {
            if (strstr(lines[i], "(default: ")) {
                g_assert_true(strstr(lines[i], json) ||
                              (word && strstr(lines[i], word)));
            }
            return;
        }
    }
    g_assert_not_reached();
}

static void test_property(gconstpointer data)
{
    const PropertyCase *property = data;
    QTestState *qts = qtest_init(PLUGGABLE);
    g_autofree char *refusal = g_strdup_printf("Error: %s", property->error);

    if (property->unset) {
        check_default(qts, property);
    }
    if (property->bad) {
        check_said(ask(qts, "device_add " TYPE ",bus=rp,%s=%s",
                       property->name, property->bad), refusal);
    }
    check_wants_host(ask(qts, "device_add " TYPE ",bus=rp,%s=%s",
                         property->name, property->good));
    qtest_quit(qts);
}
{% endif %}

static void test_no_host(void)
{
    QTestState *qts = qtest_init(PLUGGABLE);

    check_wants_host(ask(qts, "device_add " TYPE ",bus=rp"));
    check_said(ask(qts, "device_add " TYPE ",bus=rp,host=ffff:ff:1f.7"),
               "Error: vfio /sys/bus/pci/devices/ffff:ff:1f.7: no such host "
               "device: No such file or directory");
    qtest_quit(qts);
}

static void test_life(void)
{
    const char *host = g_getenv(HOST);
    QTestState *qts;
    QPCIBus *bus;
    QPCIDevice *dev;

    if (!host) {
        g_test_skip("set " HOST " to a device that is bound to vfio-pci");
        return;
    }
    qts = qtest_initf("-nodefaults -machine q35 "
                      "-device " TYPE ",host=%s,id=dev,addr=4.0", host);
    bus = qpci_new_pc(qts, NULL);
    dev = qpci_device_find(bus, QPCI_DEVFN(4, 0));
    g_assert_nonnull(dev);
{% if test.vendor %}
    g_assert_cmphex(qpci_config_readw(dev, PCI_VENDOR_ID), ==, {{ test.vendor }});
    g_assert_cmphex(qpci_config_readw(dev, PCI_DEVICE_ID), ==, {{ test.device }});
{% endif %}
{% if test.cases %}

    for (size_t i = 0; i < G_N_ELEMENTS(properties); i++) {
        const PropertyCase *property = &properties[i];
        const char *name = property->name;
        g_autofree char *late = g_strdup_printf(
            "Error: Attempt to set property '%s' on device 'dev' "
            "(type '" TYPE "') after it was realized", name);

        if (property->unset) {
            check_said(ask(qts, "qom-get /machine/peripheral/dev %s", name),
                       property->unset);
        }
        check_said(ask(qts, "qom-set /machine/peripheral/dev %s %s", name,
                       property->good), property->late ? "" : late);
    }
{% endif %}

    check_said(ask(qts, "system_reset"), "");
    qtest_qmp_eventwait(qts, "RESET");
    g_assert_cmphex(qpci_config_readw(dev, PCI_VENDOR_ID), !=, 0xffff);
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
    qtest_add_func(TYPE "/no-host", test_no_host);
    qtest_add_func(TYPE "/life", test_life);
    return g_test_run();
}
