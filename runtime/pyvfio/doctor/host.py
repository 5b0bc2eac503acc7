# SPDX-License-Identifier: GPL-2.0-or-later
"""What the machine and its kernel lack: device, module, IOMMU, interrupt remapping."""

from __future__ import annotations

from collections.abc import Iterator

from pyvfio.binding import DRIVER
from pyvfio.doctor.case import Case
from pyvfio.doctor.finding import Finding, Seen
from pyvfio.doctor.reading import names, raw, text
from pyvfio.noiommu import SWITCH, switched_on

CONFIG_HEADER = 64
"""Bytes of configuration space that every user may read."""


def no_such_device(case: Case) -> Finding | None:
    """Tell that there is nothing at the address."""
    if case.kernel.exists(case.folder):
        return None
    there = names(case.kernel, "/sys/bus/pci/devices")
    near = [name for name in there if name.endswith(str(case.address)[5:])]
    shown = ", ".join(near) if near else f"{len(there)} others"
    return Finding(
        "no-such-device",
        f"there is no PCI function at {case.address}",
        (Seen(case.folder, "does not exist"), Seen("/sys/bus/pci/devices", f"has {shown}")),
        "What is not on a bus cannot be opened. It may have another address since the last boot,"
        " have been removed, or be switched off in the firmware",
        "look where the device is now (pyvfio list), or let Linux look for devices anew",
        ("echo 1 > /sys/bus/pci/rescan",),
    )


def dead(case: Case) -> Finding | None:
    """Tell that the device answers nothing but ones."""
    power = case.read("power_state")
    if power == "D3cold":
        # A read would wake it, and so will opening it: this is how idle devices save power.
        case.notes.append("the device is in D3cold, from which opening it wakes it")
        return None
    config = raw(case.kernel, f"{case.folder}/config")
    header = (config or b"")[:CONFIG_HEADER]
    if not header or header.strip(b"\xff"):
        return None
    seen = [
        Seen(f"{case.folder}/config", f"{len(header)} bytes, all ff"),
        case.seen("power_state"),
    ]
    seen += [case.seen(name) for name in ("current_link_speed",) if case.read(name) is not None]
    return Finding(
        "dead",
        "the device does not answer",
        tuple(seen),
        "A read that nobody answers gives ones: the device lost its power or its link, hangs, or a"
        " bridge above it does not pass anything on. VFIO would refuse it, or drive nothing",
        "take it away and look for it anew; if it stays away, the machine has to be switched off",
        (f"echo 1 > {case.folder}/remove", "echo 1 > /sys/bus/pci/rescan"),
    )


def no_iommu(case: Case) -> Finding | None:
    """Tell that no IOMMU is between the device and memory, and whose fault that is."""
    if case.group is not None and not case.unprotected:
        return None
    kernel = case.kernel
    link = f"{case.folder}/iommu_group"
    if case.unprotected:
        name = f"/sys/kernel/iommu_groups/{case.group}/name"
        seen = [Seen(name, text(kernel, name) or "")]
    else:
        seen = [Seen(link, "does not exist")]
    units = names(kernel, "/sys/class/iommu")
    seen.append(Seen("/sys/class/iommu", " ".join(units) or "empty"))
    order = text(kernel, "/proc/cmdline") or ""
    options = [word for word in order.split() if "iommu" in word]
    seen.append(Seen("/proc/cmdline", " ".join(options) or "nothing of an IOMMU"))
    tables = "/sys/firmware/acpi/tables"
    table = next((each for each in ("DMAR", "IVRS") if kernel.exists(f"{tables}/{each}")), None)
    if kernel.exists(tables):
        seen.append(Seen(tables, f"has {table}" if table else "has neither DMAR nor IVRS"))
    amd = table == "IVRS" if table else _is_amd(case)
    option = "amd_iommu=on" if amd else "intel_iommu=on"
    if units:
        advice = (
            "this device is behind none of the IOMMUs that are on: put it into another slot, or"
            " look in the firmware whether it can be put behind one"
        )
    elif table or not kernel.exists(tables):
        advice = f"the firmware has it on: boot Linux with {option} (and without iommu=off)"
    else:
        advice = (
            "switch it on in the firmware's setup (VT-d, AMD-Vi, or IOMMU; for a virtual machine"
            f" give it a virtual IOMMU), then boot with {option}"
        )
    return Finding(
        "no-iommu",
        "the device is behind no IOMMU",
        tuple(seen),
        "Without an IOMMU the device reaches all memory, so VFIO does not give it to a process",
        f'{advice}. Without protection, root alone can have it by asking for backend="noiommu"',
        () if units else _grub(case, option),
    )


def noiommu_off(case: Case) -> Finding | None:
    """Tell that the kernel gives nobody a device without an IOMMU."""
    on = switched_on(case.kernel)
    if case.unprotected or on:
        return None
    lacks = "does not exist: the kernel has no CONFIG_VFIO_NOIOMMU, or no module vfio is loaded"
    commands = (f"echo 1 > {SWITCH}", f"pyvfio bind {case.address}")
    return Finding(
        "noiommu-off",
        "the kernel gives out no devices without an IOMMU",
        (Seen(SWITCH, lacks if on is None else "N"),),
        "A device without an IOMMU can read and write all memory of the machine, and with it be"
        " made to do anything. Whether that may be is the administrator's to say, of all devices",
        "use a machine with an IOMMU; or, where all of this is acceptable, switch the mode on, and"
        " bind the device after that",
        () if on is None else commands,
    )


def _grub(case: Case, option: str) -> tuple[str, ...]:
    """Return how a boot loader is told an option, if it is one that is known here."""
    settings = "/etc/default/grub"
    if not case.kernel.exists(settings):
        return ()
    debian = case.kernel.exists("/usr/sbin/update-grub")
    return (
        f"sed -i 's/^GRUB_CMDLINE_LINUX=\"/&{option} /' {settings}",
        "update-grub" if debian else "grub2-mkconfig -o /boot/grub2/grub.cfg",
        "reboot",
    )


def _is_amd(case: Case) -> bool:
    return "AuthenticAMD" in (text(case.kernel, "/proc/cpuinfo") or "")


def not_bound(case: Case) -> Finding | None:
    """Tell that no driver of VFIO has the device, and whether there is one."""
    if case.bound:
        return None
    kernel, address = case.kernel, case.address
    has = "no driver has it" if case.driver is None else f"the driver {case.driver} has it"
    seen = [Seen(f"{case.folder}/driver", case.driver or "does not exist")]
    bind = f"pyvfio bind {address}"
    why = "Only a device that a driver of VFIO has can be opened from a process"
    folder = f"/sys/bus/pci/drivers/{DRIVER}"
    if kernel.exists(folder):
        return Finding("not-bound", has, tuple(seen), why, f"give it to {DRIVER}", (bind,))
    seen.append(Seen(folder, "does not exist"))
    seen += _module_files(case, DRIVER)
    return Finding(
        "module-missing",
        f"the module {DRIVER} is not loaded, and {has}",
        tuple(seen),
        why,
        f"load {DRIVER}, and give the device to it",
        (f"modprobe {DRIVER}", bind),
    )


def _module_files(case: Case, module: str) -> Iterator[Seen]:
    """Tell whether a module is installed, and whether the kernel takes any module."""
    release = text(case.kernel, "/proc/sys/kernel/osrelease")
    index = f"/lib/modules/{release}/modules.dep"
    listed = text(case.kernel, index)
    if listed is not None:
        names = (module.replace("-", "_"), module.replace("_", "-"))
        there = any(f"/{name}.ko" in listed for name in names)
        yield Seen(index, f"has {module}" if there else f"does not have {module}: install it")
    lockdown = "/sys/kernel/security/lockdown"
    modes = text(case.kernel, lockdown)
    if modes is not None and "[none]" not in modes:
        yield Seen(lockdown, f"{modes}: only signed modules are loaded")


def no_type1(case: Case) -> Finding:
    """Tell that the container knows no IOMMU of the kind that PCs have."""
    module = "vfio_iommu_type1"
    folder = f"/sys/module/{module}"
    there = "exists" if case.kernel.exists(folder) else "does not exist"
    return Finding(
        "module-missing",
        f"the module {module} is not loaded",
        (
            Seen("/dev/vfio/vfio", "VFIO_CHECK_EXTENSION(VFIO_TYPE1v2_IOMMU) says 0"),
            Seen(folder, there),
            *_module_files(case, module),
        ),
        "A container has no IOMMU without it, and without one no device can be had from a group",
        f"load {module}",
        (f"modprobe {module}",),
    )


def no_remapping(case: Case, module: str) -> Finding | None:
    """Tell that interrupts are not remapped, unless root allows it with this module."""
    told = remapping(case)
    if told is None:
        return None
    parameter = f"/sys/module/{module}/parameters/allow_unsafe_interrupts"
    allowed = text(case.kernel, parameter)
    if allowed == "Y":
        case.notes.append(f"interrupts are not remapped, which {parameter} allows")
        return None
    return Finding(
        "no-interrupt-remapping",
        "the IOMMU does not remap interrupts",
        (told, Seen(parameter, "does not exist" if allowed is None else allowed)),
        "A device that writes to the right address raises any interrupt of the host's; VFIO leaves"
        " it to root whether that may be (the kernel answers EPERM)",
        "switch interrupt remapping on in the firmware's setup (x2APIC and VT-d or AMD-Vi; for a"
        " virtual machine intremap=on), and see that the kernel's command line does not switch it"
        " off (intremap=off); where the device is trusted, allow it",
        (f"echo Y > {parameter}",),
    )


def remapping(case: Case) -> Seen | None:
    """Return what tells that interrupts are not remapped; None if they are, or nothing tells.

    Linux shows this in the names of its interrupt controllers: on a PC one begins with `IR-` if
    what comes through it is remapped. Other machines have no I/O APIC.
    """
    path = "/proc/interrupts"
    words = (text(case.kernel, path) or "").split()
    if "IO-APIC" in words and not any(word.startswith("IR-") for word in words):
        return Seen(path, "IO-APIC, and no controller whose name begins with IR-")
    return None
