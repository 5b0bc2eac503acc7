# SPDX-License-Identifier: GPL-2.0-or-later
"""Which hand-written text of QEMU each unit replaces: the only place that knows QEMU's files."""

from __future__ import annotations

from dataclasses import dataclass

from .cut import Block

ALL = ("7.2", "10.0", "10.2")


@dataclass(frozen=True)
class Definition:
    """What *unit* takes the place of in *source*, in the series named.

    *arch* is a target whose build compiles the file.  More than one block means that hand-written
    code stands between them.  *options* are the CONFIG_ symbols that guard parts of the text; our
    trees have them on.
    """

    unit: str
    series: tuple[str, ...]
    source: str
    arch: str
    blocks: tuple[Block, ...]
    options: tuple[str, ...] = ()

    @property
    def part(self) -> str:
        """The name of the generated part with the definition."""
        return f"{self.unit}.c.inc"


_TYPES = r"DEFINE_TYPES\(types\)$"

DEFINITIONS: tuple[Definition, ...] = (
    Definition(
        "vfio-pci",
        ("7.2",),
        "hw/vfio/pci.c",
        "x86_64",
        (Block(r"static void vfio_instance_init\(", r"type_init\(register_vfio_pci_dev_type\)"),),
    ),
    Definition(
        "vfio-pci",
        ("10.0",),
        "hw/vfio/pci.c",
        "x86_64",
        (Block(r"static void vfio_instance_init\(", r"type_init\(register_vfio_pci_dev_type\)"),),
        ("CONFIG_IOMMUFD",),
    ),
    Definition(
        "vfio-pci",
        ("10.2",),
        "hw/vfio/pci.c",
        "x86_64",
        (Block(r"static void vfio_pci_init\(", r"type_init\(register_vfio_pci_dev_type\)"),),
        ("CONFIG_IOMMUFD",),
    ),
    Definition(
        "vfio-user-pci",
        ("10.2",),
        "hw/vfio-user/pci.c",
        "x86_64",
        (
            Block(r"static void vfio_user_pci_init\("),
            Block(r"static const Property vfio_user_pci_properties\["),
            Block(
                r"static void vfio_user_pci_class_init\(",
                r"type_init\(register_vfio_user_dev_type\)",
            ),
        ),
    ),
    Definition(
        "vfio-ccw",
        ("7.2",),
        "hw/vfio/ccw.c",
        "s390x",
        (Block(r"static Property vfio_ccw_properties\[", r"type_init\(register_vfio_ccw_type\)"),),
    ),
    Definition(
        "vfio-ccw",
        ("10.0", "10.2"),
        "hw/vfio/ccw.c",
        "s390x",
        (
            Block(
                r"static const Property vfio_ccw_properties\[",
                r"type_init\(register_vfio_ccw_type\)",
            ),
        ),
        ("CONFIG_IOMMUFD",),
    ),
    Definition(
        "vfio-ap",
        ("7.2",),
        "hw/vfio/ap.c",
        "s390x",
        (
            Block(r"static Property vfio_ap_properties\["),
            Block(
                r"static const VMStateDescription vfio_ap_vmstate ",
                r"type_init\(vfio_ap_type_init\)",
            ),
        ),
    ),
    Definition(
        "vfio-ap",
        ("10.0", "10.2"),
        "hw/vfio/ap.c",
        "s390x",
        (
            Block(r"static const Property vfio_ap_properties\["),
            Block(
                r"static const VMStateDescription vfio_ap_vmstate ",
                r"type_init\(vfio_ap_type_init\)",
            ),
        ),
        ("CONFIG_IOMMUFD",),
    ),
    Definition(
        "iommufd",
        ("10.0", "10.2"),
        "backends/iommufd.c",
        "x86_64",
        (
            Block(r"static void iommufd_backend_init\("),
            Block(r"static void iommufd_backend_class_init\("),
            Block(r"static void hiod_iommufd_class_init\(", _TYPES),
        ),
    ),
    Definition(
        "vfio-iommu-iommufd",
        ("10.0", "10.2"),
        "hw/vfio/iommufd.c",
        "x86_64",
        (
            Block(r"static void vfio_iommu_iommufd_class_init\("),
            Block(r"static void hiod_iommufd_vfio_class_init\(", _TYPES),
        ),
    ),
    Definition(
        "host-iommu-device",
        ("10.0", "10.2"),
        "backends/host_iommu_device.c",
        "x86_64",
        (
            Block(r"OBJECT_DEFINE_ABSTRACT_TYPE\(HostIOMMUDevice,", r"\s+OBJECT\)$"),
            Block(r"static void host_iommu_device_class_init\("),
            Block(r"static void host_iommu_device_init\("),
        ),
    ),
    Definition(
        "vfio-pci-igd-lpc-bridge",
        ALL,
        "hw/vfio/igd.c",
        "x86_64",
        (
            Block(
                r"static void vfio_pci_igd_lpc_bridge_class_init\(",
                r"type_init\(vfio_pci_igd_register_types\)",
            ),
        ),
    ),
)


@dataclass(frozen=True)
class Declaration:
    """What *unit*'s header part takes the place of in *header*, in the series named.

    The include stands where the first of the blocks stood, since what follows needs the types.
    """

    unit: str
    series: tuple[str, ...]
    header: str
    arch: str
    blocks: tuple[Block, ...]

    @property
    def part(self) -> str:
        """The name of the generated part with the declarations."""
        return f"{self.unit}.h.inc"


DECLARATIONS: tuple[Declaration, ...] = (
    Declaration(
        "vfio-pci",
        ("7.2", "10.0"),
        "hw/vfio/pci.h",
        "x86_64",
        (Block(r"#define TYPE_VFIO_PCI "),),  # to the end of the struct
    ),
    Declaration(
        "vfio-pci",
        ("10.2",),
        "hw/vfio/pci.h",
        "x86_64",
        (Block(r"OBJECT_DECLARE_SIMPLE_TYPE\(VFIOPCIDevice, "),),
    ),
    Declaration(
        "vfio-user-pci",
        ("10.2",),
        "hw/vfio-user/pci.c",
        "x86_64",
        (Block(r"#define TYPE_VFIO_USER_PCI "),),
    ),
    Declaration(
        "vfio-ccw",
        ALL,
        "hw/vfio/ccw.c",
        "s390x",
        (Block(r"struct VFIOCCWDevice \{"),),
    ),
    Declaration(
        "vfio-ap",
        ALL,
        "hw/vfio/ap.c",
        "s390x",
        (
            Block(r"#define TYPE_VFIO_AP_DEVICE ", r"#define TYPE_VFIO_AP_DEVICE "),
            Block(r"struct VFIOAPDevice \{"),
            Block(
                r"OBJECT_DECLARE_SIMPLE_TYPE\(VFIOAPDevice,",
                r"OBJECT_DECLARE_SIMPLE_TYPE\(VFIOAPDevice,",
            ),
        ),
    ),
    Declaration(
        "iommufd",
        ("10.0",),
        "include/system/iommufd.h",
        "x86_64",
        (
            Block(r"#define TYPE_IOMMUFD_BACKEND "),
            Block(r"struct IOMMUFDBackend \{"),
            Block(
                r"#define TYPE_HOST_IOMMU_DEVICE_IOMMUFD ",
                r"#define TYPE_HOST_IOMMU_DEVICE_IOMMUFD ",
            ),
        ),
    ),
    Declaration(
        "iommufd",
        ("10.2",),
        "include/system/iommufd.h",
        "x86_64",
        (
            Block(r"#define TYPE_IOMMUFD_BACKEND "),
            Block(r"struct IOMMUFDBackend \{"),
            Block(r"#define TYPE_HOST_IOMMU_DEVICE_IOMMUFD "),
            Block(r"struct HostIOMMUDeviceIOMMUFDClass \{"),
        ),
    ),
    Declaration(
        "vfio-iommu-iommufd",
        ("10.0",),
        "include/hw/vfio/vfio-common.h",
        "x86_64",
        (
            Block(
                r"typedef struct VFIOIOMMUFDContainer \{",
                r"OBJECT_DECLARE_SIMPLE_TYPE\(VFIOIOMMUFDContainer,",
            ),
        ),
    ),
    Declaration(
        "vfio-iommu-iommufd",
        ("10.2",),
        "hw/vfio/vfio-iommufd.h",
        "x86_64",
        (
            Block(
                r"struct VFIOIOMMUFDContainer \{",
                r"OBJECT_DECLARE_SIMPLE_TYPE\(VFIOIOMMUFDContainer,",
            ),
        ),
    ),
    Declaration(
        "host-iommu-device",
        ("10.0", "10.2"),
        "include/system/host_iommu_device.h",
        "x86_64",
        (
            Block(r"#define TYPE_HOST_IOMMU_DEVICE "),
            Block(r"struct HostIOMMUDeviceClass \{"),
        ),
    ),
)


def units() -> tuple[str, ...]:
    """The units' names, in the order of the table."""
    return tuple(dict.fromkeys(definition.unit for definition in DEFINITIONS))


def definition(unit: str, series: str) -> Definition | None:
    """The row for *unit* in *series*, or None where QEMU does not have it."""
    return next((d for d in DEFINITIONS if d.unit == unit and series in d.series), None)


def declaration(unit: str, series: str) -> Declaration | None:
    """The row for *unit*'s header part in *series*, or None where it has none."""
    return next((d for d in DECLARATIONS if d.unit == unit and series in d.series), None)
