/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What guest.py measures of pyvfio, in C: `native GROUP BDF` prints lines of "name nanoseconds",
 * each the time of one round, the least of several tries.
 */
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <linux/vfio.h>

#define TRIES 5
#define PAGE 4096
#define IOVA 0x100000
#define LIVENESS 0x04 /* a register of edu that can be read and written */

static int container, group, device;
static volatile uint32_t *registers;
static uint64_t bar0, config;
static void *memory;
static int irq;
static volatile uint32_t sink;

static int checked(int result, const char *what)
{
    if (result < 0) {
        err(1, "%s", what);
    }
    return result;
}

static void load(void)
{
    sink = registers[LIVENESS / 4];
}

static void store(void)
{
    registers[LIVENESS / 4] = 1;
}

static void pread_bar(void)
{
    uint32_t value;

    checked(pread(device, &value, sizeof(value), bar0 + LIVENESS), "pread");
    sink = value;
}

static void read_config(void)
{
    uint16_t value;

    checked(pread(device, &value, sizeof(value), config), "pread");
    sink = value;
}

static void map_and_unmap(void)
{
    struct vfio_iommu_type1_dma_map map = {
        .argsz = sizeof(map),
        .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
        .vaddr = (uintptr_t)memory,
        .iova = IOVA,
        .size = PAGE,
    };
    struct vfio_iommu_type1_dma_unmap unmap = {
        .argsz = sizeof(unmap),
        .iova = IOVA,
        .size = PAGE,
    };

    checked(ioctl(container, VFIO_IOMMU_MAP_DMA, &map), "VFIO_IOMMU_MAP_DMA");
    checked(ioctl(container, VFIO_IOMMU_UNMAP_DMA, &unmap), "VFIO_IOMMU_UNMAP_DMA");
}

static void set_irq(uint32_t flags, const void *data, size_t size)
{
    char buffer[sizeof(struct vfio_irq_set) + 8] = {0};
    struct vfio_irq_set *set = (struct vfio_irq_set *)buffer;

    set->argsz = sizeof(*set) + size;
    set->flags = flags | VFIO_IRQ_SET_ACTION_TRIGGER;
    set->index = VFIO_PCI_MSI_IRQ_INDEX;
    set->count = 1;
    memcpy(set->data, data, size);
    checked(ioctl(device, VFIO_DEVICE_SET_IRQS, set), "VFIO_DEVICE_SET_IRQS");
}

static void loopback(void)
{
    struct pollfd waiting = {.fd = irq, .events = POLLIN};
    uint8_t chosen = 1;
    uint64_t count;

    set_irq(VFIO_IRQ_SET_DATA_BOOL, &chosen, sizeof(chosen));
    checked(poll(&waiting, 1, 5000), "poll");
    checked(read(irq, &count, sizeof(count)), "read");
}

static void measure(const char *name, void (*round)(void), int rounds)
{
    double best = 0;

    for (int attempt = 0; attempt < TRIES; attempt++) {
        struct timespec start, end;
        double taken;

        clock_gettime(CLOCK_MONOTONIC, &start);
        for (int i = 0; i < rounds; i++) {
            round();
        }
        clock_gettime(CLOCK_MONOTONIC, &end);
        taken = (end.tv_sec - start.tv_sec) * 1e9 + (end.tv_nsec - start.tv_nsec);
        if (attempt == 0 || taken / rounds < best) {
            best = taken / rounds;
        }
    }
    printf("%s %.1f\n", name, best);
}

static struct vfio_region_info region(uint32_t index)
{
    struct vfio_region_info info = {.argsz = sizeof(info), .index = index};

    checked(ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info), "VFIO_DEVICE_GET_REGION_INFO");
    return info;
}

int main(int argc, char **argv)
{
    struct vfio_region_info info;

    if (argc != 3) {
        errx(2, "native GROUP BDF");
    }
    container = checked(open("/dev/vfio/vfio", O_RDWR), "/dev/vfio/vfio");
    group = checked(open(argv[1], O_RDWR), argv[1]);
    checked(ioctl(group, VFIO_GROUP_SET_CONTAINER, &container), "VFIO_GROUP_SET_CONTAINER");
    checked(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), "VFIO_SET_IOMMU");
    device = checked(ioctl(group, VFIO_GROUP_GET_DEVICE_FD, argv[2]), "VFIO_GROUP_GET_DEVICE_FD");

    config = region(VFIO_PCI_CONFIG_REGION_INDEX).offset;
    info = region(VFIO_PCI_BAR0_REGION_INDEX);
    bar0 = info.offset;
    registers = mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, device, info.offset);
    memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (registers == MAP_FAILED || memory == MAP_FAILED) {
        err(1, "mmap");
    }
    irq = checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
    set_irq(VFIO_IRQ_SET_DATA_EVENTFD, &irq, sizeof(irq));

    measure("load", load, 20000);
    measure("store", store, 20000);
    measure("pread", pread_bar, 5000);
    measure("config", read_config, 5000);
    measure("map", map_and_unmap, 500);
    measure("irq", loopback, 2000);
    return 0;
}
