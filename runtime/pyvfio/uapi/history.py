# SPDX-License-Identifier: GPL-2.0-or-later
"""Which Linux brought what the headers did not always have."""

from __future__ import annotations

from typing import Final

SINCE: Final[dict[str, tuple[int, int]]] = {
    "VFIO_MIGRATION_PRE_COPY": (6, 2),
    "VFIO_DEVICE_STATE_PRE_COPY": (6, 2),
    "VFIO_DEVICE_STATE_PRE_COPY_P2P": (6, 2),
    "VFIO_MIG_GET_PRECOPY_INFO": (6, 2),
    "vfio_precopy_info": (6, 2),
    "VFIO_DEVICE_FEATURE_MIG_DATA_SIZE": (6, 2),
    "vfio_device_feature_mig_data_size": (6, 2),
    "VFIO_DEVICE_FLAGS_CDX": (6, 5),
    "VFIO_DEVICE_INFO_CAP_PCI_ATOMIC_COMP": (6, 5),
    "VFIO_PCI_ATOMIC_COMP32": (6, 5),
    "VFIO_PCI_ATOMIC_COMP64": (6, 5),
    "VFIO_PCI_ATOMIC_COMP128": (6, 5),
    "vfio_device_info_cap_pci_atomic_comp": (6, 5),
    "VFIO_PCI_HOT_RESET_FLAG_DEV_ID": (6, 6),
    "VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED": (6, 6),
    "VFIO_PCI_DEVID_OWNED": (6, 6),
    "VFIO_PCI_DEVID_NOT_OWNED": (6, 6),
    "vfio_pci_dependent_device.devid": (6, 6),
    "VFIO_DEVICE_BIND_IOMMUFD": (6, 6),
    "VFIO_DEVICE_ATTACH_IOMMUFD_PT": (6, 6),
    "VFIO_DEVICE_DETACH_IOMMUFD_PT": (6, 6),
    "vfio_device_bind_iommufd": (6, 6),
    "vfio_device_attach_iommufd_pt": (6, 6),
    "vfio_device_detach_iommufd_pt": (6, 6),
    "vfio_device_info.pad": (6, 6),
    "vfio_iommu_type1_info.pad": (6, 6),
    "vfio_device_ioeventfd.reserved": (6, 7),
    "VFIO_DEVICE_FEATURE_BUS_MASTER": (6, 7),
    "VFIO_DEVICE_FEATURE_CLEAR_MASTER": (6, 7),
    "VFIO_DEVICE_FEATURE_SET_MASTER": (6, 7),
    "vfio_device_feature_bus_master": (6, 7),
    "vfio_device_attach_iommufd_pt.pasid": (6, 15),
    "vfio_device_detach_iommufd_pt.pasid": (6, 15),
    "VFIO_DEVICE_ATTACH_PASID": (6, 15),
    "VFIO_DEVICE_DETACH_PASID": (6, 15),
    "vfio_device_bind_iommufd.token_uuid_ptr": (6, 17),
    "VFIO_DEVICE_BIND_FLAG_TOKEN": (6, 17),
    "VFIO_DEVICE_FEATURE_DMA_BUF": (6, 19),
    "vfio_device_feature_dma_buf": (6, 19),
    "vfio_region_dma_range": (6, 19),
    "VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2": (7, 1),
    "VFIO_PRECOPY_INFO_REINIT": (7, 1),
}
"""By constant, request, struct or `struct.field`, the (major, minor) of its first Linux.

A struct that grew is passed with the `argsz` of what is used: an older kernel does not know the
new fields, and the kernel answers to the smaller of the two sizes.
"""
