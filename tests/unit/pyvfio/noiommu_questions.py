# SPDX-License-Identifier: GPL-2.0-or-later
"""Questions about a device without an IOMMU to a kernel, in its own words.

As `questions`: the made-up kernel must answer as a real one did, whose answers are in
noiommu_answers.json. `python -m tests.unit.pyvfio.noiommu_questions BDF` asks the running kernel of
a function behind no IOMMU, which vfio-pci has since the administrator switched that mode on.
"""

from __future__ import annotations

import ctypes
import json
import sys

from pyvfio.kernel import Kernel
from pyvfio.sysfs import Sysfs
from pyvfio.uapi import container as c
from pyvfio.uapi import device as d
from tests.unit.pyvfio.questions import PAGE, Questions, device_fd, of_irqs, status


def of_container(q: Questions, fd: int, when: str) -> None:
    """Ask what a container can."""
    for extension in (1, 3, 8):
        q.ioctl(f"extension {extension} {when}", fd, c.VFIO_CHECK_EXTENSION, extension)
    info = c.vfio_iommu_type1_info.sized()
    q.ioctl(f"info {when}", fd, c.VFIO_IOMMU_GET_INFO, info)
    mapping = c.vfio_iommu_type1_dma_map.sized(flags=3, vaddr=PAGE, iova=0, size=PAGE)
    q.ioctl(f"map {when}", fd, c.VFIO_IOMMU_MAP_DMA, mapping)
    order = c.vfio_iommu_type1_dma_unmap.sized(iova=0, size=PAGE)
    q.ioctl(f"unmap {when}", fd, c.VFIO_IOMMU_UNMAP_DMA, order)


def answers(kernel: Kernel, name: str) -> dict[str, int | str]:
    """Ask a kernel all questions; leave nothing open."""
    q = Questions(kernel)
    sysfs = Sysfs(kernel)
    place = sysfs.place(name)
    path = f"/dev/vfio/noiommu-{place.group}"
    q.ask("whether it has a file of its own", lambda: int(sysfs.cdev(place) is not None))
    q.ask("open the group as if it had an IOMMU", lambda: kernel.open(f"/dev/vfio/{place.group}"))
    with q.opened("/dev/vfio/vfio") as container:
        of_container(q, container, "without a group")
        with q.opened(path) as group:
            q.ask("open the group twice", lambda: kernel.open(path))
            status(q, "of the group", group)
            fd = ctypes.c_int32(container)
            request = c.VFIO_GROUP_SET_CONTAINER.number
            q.ask("set container", lambda: kernel.ioctl(group, request, fd))
            q.ask("device without iommu", lambda: device_fd(q, group, name))
            of_container(q, container, "with a group")
            for kind in (1, 3, 8, 8):
                what = "again" if f"set iommu {kind}" in q.answers else str(kind)
                q.ioctl(f"set iommu {what}", container, c.VFIO_SET_IOMMU, kind)
            of_container(q, container, "without an IOMMU")
            device = device_fd(q, group, name)
            order = d.vfio_device_bind_iommufd(argsz=16, iommufd=container)
            q.ioctl("bind what was opened by a group", device, d.VFIO_DEVICE_BIND_IOMMUFD, order)
            of_irqs(q, device)
            q.ioctl("reset", device, d.VFIO_DEVICE_RESET)
            kernel.close(device)
    return q.answers


if __name__ == "__main__":
    json.dump(answers(Kernel(), sys.argv[1]), sys.stdout, indent=1)
