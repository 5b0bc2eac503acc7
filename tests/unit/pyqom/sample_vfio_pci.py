# SPDX-License-Identifier: GPL-2.0-only
"""vfio-pci, vfio-pci-nohotplug and 10.2's vfio-pci-device, written by hand.

What generated modules look like, in one file; the tests of pyqom and hw_vfio use it so that they
stand on their own feet.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hw_vfio import cpr, pci
from hw_vfio.device import VFIODevice, vfio_device_init, vfio_device_set_fd
from pyqom import (
    DEVICE_CLASS,
    PCI_DEVICE,
    PCI_DEVICE_CLASS,
    QEMU_PCI_CAP_EXPRESS,
    QEMU_PCI_SKIP_RESET_ON_CPR,
    UINT64_MAX,
    ByQemu,
    Object,
    ObjectClass,
    OffAutoPCIBAR,
    OnOffAuto,
    PCIDevice,
    PCIHostDeviceAddress,
    Property,
    QemuUUID,
    TypeInfo,
    at_least,
    derive,
    device_add_bootindex_property,
    device_class_set_legacy_reset,
    device_class_set_props,
    object_check,
    object_class_property_add_str,
    object_class_property_set_descriptions,
    qdev_prop_bit,
    qdev_prop_bool,
    qdev_prop_link,
    qdev_prop_off_auto_pcibar,
    qdev_prop_on_off_auto,
    qdev_prop_pci_host_devaddr,
    qdev_prop_size,
    qdev_prop_string,
    qdev_prop_uint32,
    qdev_prop_uuid,
    type_init,
    type_register_static,
)

TYPE_VFIO_PCI_DEVICE = "vfio-pci-device"
TYPE_VFIO_PCI = "vfio-pci"
TYPE_VFIO_PCI_NOHOTPLUG = "vfio-pci-nohotplug"

PCI_ANY_ID = 0xFFFFFFFF
VFIO_DEVICE_TYPE_PCI = 0
VFIO_FEATURE_ENABLE_VGA_BIT = 0
VFIO_FEATURE_ENABLE_REQ_BIT = 1
VFIO_FEATURE_ENABLE_IGD_OPREGION_BIT = 2
VFIO_FEATURE_ENABLE_IGD_LPC_BIT = 3


@dataclass(eq=False, slots=True)
class VFIOINTx:
    """The part of C's VFIOINTx that Python needs."""

    mmap_timeout: int = 0


@dataclass(eq=False, slots=True)
class VFIOPCIDevice(PCIDevice):
    """State of one assigned PCI device."""

    vbasedev: VFIODevice = field(default_factory=VFIODevice)
    intx: VFIOINTx = field(default_factory=VFIOINTx)
    host: PCIHostDeviceAddress = field(default_factory=PCIHostDeviceAddress)
    vf_token: QemuUUID = field(default_factory=QemuUUID)
    vendor_id: int = 0
    device_id: int = 0
    sub_vendor_id: int = 0
    sub_device_id: int = 0
    class_code: int = 0
    features: int = 0
    display: OnOffAuto = OnOffAuto.AUTO
    display_xres: int = 0
    display_yres: int = 0
    bootindex: int = 0
    igd_legacy_mode: OnOffAuto = OnOffAuto.AUTO
    igd_gms: int = 0
    msix_relo: OffAutoPCIBAR = OffAutoPCIBAR.OFF
    nv_gpudirect_clique: int = 0
    no_kvm_intx: bool = False
    no_kvm_msi: bool = False
    no_kvm_msix: bool = False
    no_geforce_quirks: bool = False
    no_kvm_ioeventfd: bool = False
    no_vfio_ioeventfd: bool = False
    enable_ramfb: bool = False
    use_legacy_x86_rom: bool = False
    ramfb_migrate: OnOffAuto = OnOffAuto.AUTO
    skip_vsc_check: bool = False


VFIO_PCI_MIGRATION_MULTIFD_TRANSFER_PROP = derive(qdev_prop_on_off_auto, realized_set_allowed=True)

VFIO_PCI_PROPERTIES = (
    Property(
        "host",
        qdev_prop_pci_host_devaddr,
        "host",
        description="Host PCI address [domain:]<bus:slot.function> of assigned device",
    ),
    Property(
        "vf-token",
        qdev_prop_uuid,
        "vf_token",
        description="Specify UUID VF token. Required for VF when PF is owned by another VFIO driver",
        since="8.1",
    ),
    Property(
        "sysfsdev",
        qdev_prop_string,
        "vbasedev.sysfsdev",
        description="Host sysfs path of assigned device",
    ),
    Property(
        "x-pre-copy-dirty-page-tracking",
        qdev_prop_on_off_auto,
        "vbasedev.pre_copy_dirty_page_tracking",
        default="on",
        description="Disable dirty pages tracking during iterative phase (DEBUG)",
    ),
    Property(
        "x-device-dirty-page-tracking",
        qdev_prop_on_off_auto,
        "vbasedev.device_dirty_page_tracking",
        default="on",
        description="Disable device dirty page tracking and use container-based dirty page tracking",
        since="9.1",
    ),
    Property(
        "display",
        qdev_prop_on_off_auto,
        "display",
        default="off",
        description="Enable display support for device, ex. vGPU",
    ),
    Property(
        "xres",
        qdev_prop_uint32,
        "display_xres",
        default=0,
        description="Set X display resolution the vGPU should use",
    ),
    Property(
        "yres",
        qdev_prop_uint32,
        "display_yres",
        default=0,
        description="Set Y display resolution the vGPU should use",
    ),
    Property(
        "x-intx-mmap-timeout-ms",
        qdev_prop_uint32,
        "intx.mmap_timeout",
        default=1100,
        description="When EOI is not provided by KVM/QEMU, wait time (milliseconds) to re-enable device direct access after INTx (DEBUG)",
    ),
    Property(
        "x-vga",
        qdev_prop_bit,
        "features",
        bit=VFIO_FEATURE_ENABLE_VGA_BIT,
        default=False,
        description="Expose VGA address spaces for device",
    ),
    Property(
        "x-req",
        qdev_prop_bit,
        "features",
        bit=VFIO_FEATURE_ENABLE_REQ_BIT,
        default=True,
        description="Disable device request notification support (DEBUG)",
    ),
    Property(
        "x-igd-opregion",
        qdev_prop_bit,
        "features",
        bit=VFIO_FEATURE_ENABLE_IGD_OPREGION_BIT,
        default=ByQemu({"7.2": False, "10.1": True}),
        description="Expose host IGD OpRegion to guest",
    ),
    Property(
        "x-igd-lpc",
        qdev_prop_bit,
        "features",
        bit=VFIO_FEATURE_ENABLE_IGD_LPC_BIT,
        default=False,
        since="10.0",
    ),
    Property(
        "x-igd-legacy-mode", qdev_prop_on_off_auto, "igd_legacy_mode", default="auto", since="10.0"
    ),
    Property(
        "x-enable-migration",
        qdev_prop_bool,
        "vbasedev.enable_migration",
        default=False,
        until="8.0",
    ),
    Property(
        "enable-migration",
        qdev_prop_on_off_auto,
        "vbasedev.enable_migration",
        default="auto",
        description=ByQemu(
            {
                "8.0": "Enale device migration. Also requires a host VFIO PCI variant or mdev driver with migration support enabled",
                "10.1": "Enable device migration. Also requires a host VFIO PCI variant or mdev driver with migration support enabled",
            }
        ),
        since="8.0",
    ),
    Property(
        "x-migration-multifd-transfer",
        VFIO_PCI_MIGRATION_MULTIFD_TRANSFER_PROP,
        "vbasedev.migration_multifd_transfer",
        default="auto",
        description="Transfer this device state via multifd channels when live migrating it",
        since="10.0",
    ),
    Property(
        "x-migration-load-config-after-iter",
        qdev_prop_on_off_auto,
        "vbasedev.migration_load_config_after_iter",
        default="auto",
        description="Start the config load only after all iterables were loaded (during non-iterables loading phase) when doing live migration of device state via multifd channels",
        since="10.1",
    ),
    Property(
        "x-migration-max-queued-buffers-size",
        qdev_prop_size,
        "vbasedev.migration_max_queued_buffers_size",
        default=UINT64_MAX,
        description="Maximum size of in-flight VFIO device state buffers queued at the destination when doing live migration of device state via multifd channels",
        since="10.1",
    ),
    Property(
        "migration-events",
        qdev_prop_bool,
        "vbasedev.migration_events",
        default=False,
        description="Emit VFIO migration QAPI event when a VFIO device changes its migration state. For management applications",
        since="9.1",
    ),
    Property(
        "x-no-mmap",
        qdev_prop_bool,
        "vbasedev.no_mmap",
        default=False,
        description="Disable MMAP for device. Allows to trace MMIO accesses (DEBUG)",
    ),
    Property(
        "x-balloon-allowed",
        qdev_prop_bool,
        "vbasedev.ram_block_discard_allowed",
        default=False,
        description="Override allowing ballooning with device (DEBUG, DANGER)",
    ),
    Property(
        "x-no-kvm-intx",
        qdev_prop_bool,
        "no_kvm_intx",
        default=False,
        description="Disable direct VFIO->KVM INTx injection. Allows to trace INTx interrupts (DEBUG)",
    ),
    Property(
        "x-no-kvm-msi",
        qdev_prop_bool,
        "no_kvm_msi",
        default=False,
        description="Disable direct VFIO->KVM MSI injection. Allows to trace MSI interrupts (DEBUG)",
    ),
    Property(
        "x-no-kvm-msix",
        qdev_prop_bool,
        "no_kvm_msix",
        default=False,
        description="Disable direct VFIO->KVM MSIx injection. Allows to trace MSIx interrupts (DEBUG)",
    ),
    Property(
        "x-no-geforce-quirks",
        qdev_prop_bool,
        "no_geforce_quirks",
        default=False,
        description="Disable GeForce quirks (for NVIDIA Quadro/GRID/Tesla). Improves performance",
    ),
    Property(
        "x-no-kvm-ioeventfd",
        qdev_prop_bool,
        "no_kvm_ioeventfd",
        default=False,
        description="Disable registration of ioeventfds with KVM (DEBUG)",
    ),
    Property(
        "x-no-vfio-ioeventfd",
        qdev_prop_bool,
        "no_vfio_ioeventfd",
        default=False,
        description="Disable linking of KVM ioeventfds to VFIO ioeventfds (DEBUG)",
    ),
    Property(
        "x-pci-vendor-id",
        qdev_prop_uint32,
        "vendor_id",
        default=PCI_ANY_ID,
        description="Override PCI Vendor ID with provided value (DEBUG)",
    ),
    Property(
        "x-pci-device-id",
        qdev_prop_uint32,
        "device_id",
        default=PCI_ANY_ID,
        description="Override PCI device ID with provided value (DEBUG)",
    ),
    Property(
        "x-pci-sub-vendor-id",
        qdev_prop_uint32,
        "sub_vendor_id",
        default=PCI_ANY_ID,
        description="Override PCI Subsystem Vendor ID with provided value (DEBUG)",
    ),
    Property(
        "x-pci-sub-device-id",
        qdev_prop_uint32,
        "sub_device_id",
        default=PCI_ANY_ID,
        description="Override PCI Subsystem Device ID with provided value (DEBUG)",
    ),
    Property("x-pci-class-code", qdev_prop_uint32, "class_code", default=PCI_ANY_ID, since="10.1"),
    Property(
        "x-igd-gms",
        qdev_prop_uint32,
        "igd_gms",
        default=0,
        description="Override IGD data stolen memory size (32MiB units)",
    ),
    Property(
        "x-nv-gpudirect-clique",
        pci.qdev_prop_nv_gpudirect_clique,
        "nv_gpudirect_clique",
        description="Add NVIDIA GPUDirect capability indicating P2P DMA clique for device [0-15]",
    ),
    Property(
        "x-msix-relocation",
        qdev_prop_off_auto_pcibar,
        "msix_relo",
        default="off",
        description="Specify MSI-X MMIO relocation to the end of specified existing BAR or new BAR to avoid virtualization overhead due to adjacent device registers",
    ),
    Property(
        "iommufd",
        qdev_prop_link,
        "vbasedev.iommufd",
        link_type="iommufd",
        description="Set host IOMMUFD backend device",
        since="9.0",
    ),
    Property(
        "skip-vsc-check",
        qdev_prop_bool,
        "skip_vsc_check",
        default=True,
        description="Skip config space check for Vendor Specific Capability. Setting to false will enforce strict checking of VSC content (DEBUG)",
        since="9.1",
    ),
)

VFIO_PCI_NOHOTPLUG_PROPERTIES = (
    Property(
        "ramfb",
        qdev_prop_bool,
        "enable_ramfb",
        default=False,
        description="Enable ramfb to provide pre-boot graphics for devices enabling display option",
    ),
    Property(
        "use-legacy-x86-rom",
        qdev_prop_bool,
        "use_legacy_x86_rom",
        default=False,
        description="Controls loading of a legacy VGA BIOS ROM",
        since="10.1",
    ),
    Property(
        "x-ramfb-migrate",
        qdev_prop_on_off_auto,
        "ramfb_migrate",
        default="auto",
        description="Override default migration support for ramfb support (DEBUG)",
        since="8.2",
    ),
)


def vfio_pci_set_fd(obj: Object, value: str) -> None:
    """Setter of "fd"."""
    vdev = object_check(obj, TYPE_VFIO_PCI, VFIOPCIDevice)
    vfio_device_set_fd(vdev.vbasedev, value)


def vfio_pci_device_class_init(klass: ObjectClass) -> None:
    """class_init of vfio-pci-device."""
    dc = DEVICE_CLASS(klass)
    pdc = PCI_DEVICE_CLASS(klass)
    dc.desc = "VFIO PCI base device"
    dc.categories |= {"misc"}
    pdc.exit = pci.exit
    pdc.config_read = pci.config_read
    pdc.config_write = pci.config_write


def vfio_pci_class_init(klass: ObjectClass) -> None:
    """class_init of vfio-pci."""
    dc = DEVICE_CLASS(klass)
    pdc = PCI_DEVICE_CLASS(klass)
    device_class_set_legacy_reset(dc, pci.reset)
    device_class_set_props(dc, VFIO_PCI_PROPERTIES)
    if at_least("9.0"):
        object_class_property_add_str(klass, "fd", None, vfio_pci_set_fd)
    if at_least("10.1"):
        dc.vmsd = cpr.vfio_cpr_pci_vmstate
    dc.desc = "VFIO-based PCI device assignment"
    pdc.realize = pci.realize
    if not at_least("10.2"):
        dc.categories |= {"misc"}
        pdc.exit = pci.exit
        pdc.config_read = pci.config_read
        pdc.config_write = pci.config_write
    if at_least("10.0"):
        object_class_property_set_descriptions(klass, VFIO_PCI_PROPERTIES)


def vfio_pci_nohotplug_class_init(klass: ObjectClass) -> None:
    """class_init of vfio-pci-nohotplug."""
    dc = DEVICE_CLASS(klass)
    device_class_set_props(dc, VFIO_PCI_NOHOTPLUG_PROPERTIES)
    dc.hotpluggable = False
    if at_least("10.0"):
        object_class_property_set_descriptions(klass, VFIO_PCI_NOHOTPLUG_PROPERTIES)


def vfio_pci_init(obj: Object) -> None:
    """instance_init of vfio-pci."""
    pci_dev = PCI_DEVICE(obj)
    vdev = object_check(obj, TYPE_VFIO_PCI, VFIOPCIDevice)
    device_add_bootindex_property(obj, vdev, "bootindex", "bootindex", None, pci_dev)
    vdev.host.domain = 0xFFFFFFFF
    vdev.host.bus = 0xFFFFFFFF
    vdev.host.slot = 0xFFFFFFFF
    vdev.host.function = 0xFFFFFFFF
    if at_least("9.0"):
        vfio_device_init(vdev.vbasedev, VFIO_DEVICE_TYPE_PCI, pci.vfio_pci_ops, vdev, False)
    vdev.nv_gpudirect_clique = 0xFF
    pci_dev.cap_present |= QEMU_PCI_CAP_EXPRESS
    if at_least("10.1"):
        pci_dev.cap_present |= QEMU_PCI_SKIP_RESET_ON_CPR


VFIO_PCI_DEVICE_INFO = TypeInfo(
    name=TYPE_VFIO_PCI_DEVICE,
    parent="pci-device",
    instance_struct=VFIOPCIDevice,
    abstract=True,
    class_init=vfio_pci_device_class_init,
    interfaces=("pci-express-device", "conventional-pci-device"),
    since="10.2",
)
VFIO_PCI_INFO = TypeInfo(
    name=TYPE_VFIO_PCI,
    parent=ByQemu({"7.2": "pci-device", "10.2": TYPE_VFIO_PCI_DEVICE}),
    instance_struct=ByQemu({"7.2": VFIOPCIDevice, "10.2": None}),
    instance_init=vfio_pci_init,
    instance_finalize=pci.instance_finalize,
    class_init=vfio_pci_class_init,
    interfaces=ByQemu({"7.2": ("pci-express-device", "conventional-pci-device"), "10.2": None}),
)
VFIO_PCI_NOHOTPLUG_INFO = TypeInfo(
    name=TYPE_VFIO_PCI_NOHOTPLUG,
    parent=TYPE_VFIO_PCI,
    instance_struct=VFIOPCIDevice,
    class_init=vfio_pci_nohotplug_class_init,
)


def register_vfio_pci_dev_type() -> None:
    """Register the three types."""
    type_register_static(VFIO_PCI_DEVICE_INFO)
    type_register_static(VFIO_PCI_INFO)
    type_register_static(VFIO_PCI_NOHOTPLUG_INFO)


type_init(register_vfio_pci_dev_type)
