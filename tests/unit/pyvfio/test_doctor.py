# SPDX-License-Identifier: GPL-2.0-or-later
"""The doctor on made-up files, for what cannot be set up in the guest (tests/vm/guest/test_doctor.py)."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyvfio.address import PciAddress
from pyvfio.cli import main
from pyvfio.doctor import Diagnosis, User, Wanted, examine, users
from pyvfio.doctor.case import Case
from pyvfio.doctor.limits import memlock
from tests.unit.pyvfio.fake.tree import Tree

ADDRESS = "0000:01:00.0"
PCI = f"sys/bus/pci/devices/{ADDRESS}"
GROUP = "sys/kernel/iommu_groups/7"
GROUP_RULE = (
    f'SUBSYSTEM=="vfio", PROGRAM=="/usr/bin/test -e /sys/kernel/iommu_groups/%k/devices/{ADDRESS}"'
    ', OWNER="somebody"'
)
SOMEBODY = User(1234, (1234,), "somebody", 0)


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    """A machine on which nothing is wrong, and which leaves nothing open."""
    made = Tree(tmp_path)
    made.point(f"{PCI}/driver", "../../bus/pci/drivers/vfio-pci")
    made.point(f"{PCI}/iommu_group", "../../kernel/iommu_groups/7")
    made.put(f"{PCI}/config", "\x12" * 64)
    made.put(f"{PCI}/power_state", "D3hot\n")
    made.put(f"{PCI}/enable", "0\n")
    made.put(f"{PCI}/power/runtime_status", "suspended\n")
    made.put(f"{PCI}/vfio-dev/vfio3/dev", "511:3\n")
    made.put(f"{GROUP}/devices/{ADDRESS}/x")
    made.put("sys/class/vfio/7/dev", "244:7\n")
    made.put("sys/class/misc/vfio/dev", "10:196\n")
    made.put("sys/class/misc/iommu/dev", "10:260\n")
    for node in ("vfio/vfio", "vfio/7", "vfio/devices/vfio3", "iommu"):
        made.put(f"dev/{node}")
    made.put("proc/interrupts", "0: 932 IR-IO-APIC 2-edge timer\n")
    made.put("proc/self/status", "Uid:\t1234\t1234\t1234\t1234\nGid:\t1234 1234\nCapEff:\t0\n")
    made.put("proc/sys/kernel/osrelease", "6.12.1\n")
    made.point("proc/1/fd/0", "/dev/null")
    yield made
    assert made.opened == {}


def ask(tree: Tree, user: User = SOMEBODY, **wanted: object) -> Diagnosis:
    return examine(ADDRESS, user=user, wanted=Wanted(**wanted), kernel=tree)  # type: ignore[arg-type]  # each test's own


def ids(diagnosis: Diagnosis) -> list[str]:
    return [each.id for each in diagnosis.findings]


def test_nothing_is_wrong(tree: Tree) -> None:
    for backend in ("auto", "iommufd", "legacy"):
        assert ids(ask(tree, backend=backend)) == []
    assert ask(tree).backend == "iommufd"


def test_the_shape_of_json(tree: Tree) -> None:
    tree.refused["/dev/vfio/7"] = errno.EACCES
    assert ask(tree, backend="legacy").to_json() == {
        "shape": 1,
        "address": ADDRESS,
        "user": {"name": "somebody", "uid": 1234, "gids": [1234]},
        "healthy": False,
        "backend": None,
        "findings": [
            {
                "id": "permission",
                "summary": "somebody may not open /dev/vfio/7",
                "seen": [{"path": "/dev/vfio/7", "value": "mode 0600, owner root, group root"}],
                "why": "It is opened to read and to write, which its owner, its group and its mode"
                " do not allow this user (EACCES)",
                "advice": "give it to somebody; a rule of udev does so whenever the file is made,"
                " which is anew each time that VFIO gets the device",
                "commands": ["chown somebody /dev/vfio/7"],
                "udev": [GROUP_RULE],
                "backends": ["legacy"],
            }
        ],
        "notes": ["up to 8388608 bytes can be mapped for DMA (RLIMIT_MEMLOCK)"],
        "attempts": [
            {"path": "/dev/vfio/7", "value": "Permission denied"},
            {"path": "/dev/vfio/vfio", "value": "ok"},
        ],
    }


def test_what_a_person_is_told(tree: Tree) -> None:
    tree.refused["/dev/vfio/7"] = tree.refused["/dev/iommu"] = errno.EACCES
    lines = list(ask(tree).lines())
    assert lines[0] == f"{ADDRESS} for somebody (uid 1234, gids 1234)"
    assert (
        "  permission: somebody may not open /dev/iommu; somebody may not open /dev/vfio/7" in lines
    )
    assert "      # chown somebody /dev/vfio/7" in lines
    assert '      SUBSYSTEM=="misc", KERNEL=="iommu", MODE="0666"' in lines
    assert "  tried: open /dev/iommu: Permission denied" in lines
    tree.refused.clear()
    assert "  nothing is in the way: it can be opened through iommufd" in ask(tree).lines()


def test_a_way_that_is_closed_does_not_matter_if_another_is_open(tree: Tree) -> None:
    tree.refused["/dev/iommu"] = errno.EACCES
    diagnosis = ask(tree)
    assert (diagnosis.backend, ids(diagnosis)) == ("legacy", [])
    assert "not through iommufd: somebody may not open /dev/iommu" in diagnosis.notes


def test_a_kernel_without_iommufd(tree: Tree) -> None:
    tree.remove("sys/class/misc/iommu/dev")
    assert ask(tree).backend == "legacy"
    assert ids(ask(tree, backend="iommufd")) == ["backend-missing"]


def test_a_kernel_without_files_of_single_devices(tree: Tree) -> None:
    tree.remove(f"{PCI}/vfio-dev/vfio3/dev")
    assert ask(tree).backend == "legacy"
    (finding,) = ask(tree, backend="iommufd").findings
    assert finding.seen[0].path.endswith("/vfio-dev/vfio3/dev")


def test_a_kernel_without_groups(tree: Tree) -> None:
    tree.remove("sys/class/vfio/7/dev")
    (tree.root / "sys/class/vfio/7").rmdir()
    tree.remove("sys/class/misc/vfio/dev")
    assert ask(tree).backend == "iommufd"
    assert ids(ask(tree, backend="legacy")) == ["backend-missing"]


@pytest.mark.parametrize("driver", ["pcieport", "pci-stub", "mlx5_vfio_pci", None])
def test_bridges_and_their_like_are_not_to_blame(tree: Tree, driver: str | None) -> None:
    mate = f"{GROUP}/devices/0000:00:1c.0"
    tree.put(f"{mate}/x")
    if driver is not None:
        tree.point(f"{mate}/driver", f"../../bus/pci/drivers/{driver}")
    assert ids(ask(tree)) == []
    tree.refused["/dev/vfio/7"] = errno.EACCES
    assert ids(ask(tree, backend="legacy")) == ["permission"]


def test_the_kernels_word_counts_more_than_the_name_of_a_driver(tree: Tree) -> None:
    tree.put(f"{GROUP}/devices/0000:00:1c.0/x")
    tree.point(f"{GROUP}/devices/0000:00:1c.0/driver", "../../bus/pci/drivers/new_port_driver")
    assert ids(ask(tree)) == []
    tree.viable = 0
    (finding,) = ask(tree).findings
    assert finding.id == "group-not-viable"
    assert finding.commands == ("pyvfio bind 0000:00:1c.0",)


def test_a_group_that_is_not_viable_for_no_reason_that_shows(tree: Tree) -> None:
    tree.viable = 0
    (finding,) = ask(tree).findings
    assert finding.summary == "the host drives another device of group 7"


def test_the_device_itself_is_the_hosts(tree: Tree) -> None:
    """Its group is not viable, which is no second cause."""
    tree.point(f"{PCI}/driver", "../../bus/pci/drivers/nvme")
    tree.put("sys/bus/pci/drivers/vfio-pci/bind")
    tree.viable = 0
    assert ids(ask(tree)) == ["not-bound"]


def test_a_module_that_is_not_loaded(tree: Tree) -> None:
    tree.remove(f"{PCI}/driver")
    tree.put("lib/modules/6.12.1/modules.dep", "kernel/drivers/vfio/vfio.ko.xz:\n")
    tree.put("sys/kernel/security/lockdown", "none [integrity] confidentiality\n")
    (finding,) = ask(tree).findings
    assert finding.id == "module-missing"
    said = {each.path: each.value for each in finding.seen}
    assert said["/lib/modules/6.12.1/modules.dep"] == "does not have vfio-pci: install it"
    assert said["/sys/kernel/security/lockdown"].endswith("only signed modules are loaded")
    tree.put("lib/modules/6.12.1/modules.dep", "kernel/drivers/vfio/pci/vfio-pci.ko.xz: x\n")
    (finding,) = ask(tree).findings
    assert finding.seen[2].value == "has vfio-pci"


def without_iommu(tree: Tree) -> None:
    tree.remove(f"{PCI}/iommu_group")
    tree.remove(f"{PCI}/driver")


@pytest.mark.parametrize(
    ("table", "cpu", "option", "advice"),
    [
        ("DMAR", "AuthenticAMD", "intel_iommu=on", "the firmware has it on"),
        ("IVRS", "AuthenticAMD", "amd_iommu=on", "the firmware has it on"),
        ("FACP", "AuthenticAMD", "amd_iommu=on", "switch it on in the firmware's setup"),
        ("FACP", "GenuineIntel", "intel_iommu=on", "switch it on in the firmware's setup"),
    ],
)
def test_there_is_no_iommu(tree: Tree, table: str, cpu: str, option: str, advice: str) -> None:
    without_iommu(tree)
    tree.put(f"sys/firmware/acpi/tables/{table}")
    tree.put("proc/cpuinfo", f"vendor_id\t: {cpu}\n")
    tree.put("proc/cmdline", "quiet iommu=off\n")
    tree.put("etc/default/grub")
    (finding,) = ask(tree).findings
    assert finding.id == "no-iommu"
    assert finding.advice.startswith(advice)
    assert option in finding.advice
    assert option in finding.commands[0]
    assert ("/proc/cmdline", "iommu=off") in [(each.path, each.value) for each in finding.seen]


def test_the_iommu_is_not_this_devices(tree: Tree) -> None:
    without_iommu(tree)
    tree.put("sys/class/iommu/dmar0/x")
    (finding,) = ask(tree).findings
    assert "behind none of the IOMMUs that are on" in finding.advice


@pytest.mark.parametrize("error", [errno.EPERM, errno.EACCES])
def test_a_device_without_an_iommu_that_is_allowed(tree: Tree, error: int) -> None:
    tree.put(f"{GROUP}/name", "vfio-noiommu\n")
    tree.put("sys/class/vfio/noiommu-7/dev", "244:7\n")
    tree.put("dev/vfio/noiommu-7")
    assert ids(ask(tree)) == ["no-iommu"]
    assert ask(tree, backend="noiommu").backend == "noiommu"
    tree.refused["/dev/vfio/noiommu-7"] = error
    (finding,) = ask(tree, backend="noiommu").findings
    assert (finding.id, finding.advice) == ("permission", "run the program as root")


@pytest.mark.parametrize(("switch", "commands"), [("N\n", 2), (None, 0)])
def test_devices_without_an_iommu_are_not_allowed(
    tree: Tree, switch: str | None, commands: int
) -> None:
    without_iommu(tree)
    if switch is not None:
        tree.put("sys/module/vfio/parameters/enable_unsafe_noiommu_mode", switch)
    (finding,) = ask(tree, backend="noiommu").findings
    assert (finding.id, len(finding.commands)) == ("noiommu-off", commands)


def test_noiommu_for_a_device_with_an_iommu(tree: Tree) -> None:
    assert ids(ask(tree, backend="noiommu")) == ["backend-missing"]


def test_something_encloses_the_process(tree: Tree) -> None:
    tree.refused["/dev/vfio/7"] = errno.EPERM
    (finding,) = ask(tree, backend="legacy").findings
    assert finding.id == "not-permitted"
    assert "docker run --device" in finding.advice


def test_a_security_module_is_in_the_way(tree: Tree) -> None:
    tree.refused["/dev/vfio/7"] = errno.EACCES
    for owner, mode in ((0, 0o666), (SOMEBODY.uid, 0o600)):
        tree.owner, tree.modes["/dev/vfio/7"] = owner, mode
        assert ids(ask(tree, backend="legacy")) == ["not-permitted"]
    tree.owner, tree.modes["/dev/vfio/7"] = SOMEBODY.uid, 0o466
    assert ids(ask(tree, backend="legacy")) == ["permission"]


def test_a_device_that_sleeps_deeply_is_left_alone(tree: Tree) -> None:
    tree.put(f"{PCI}/power_state", "D3cold\n")
    tree.put(f"{PCI}/config", "\xff" * 64)
    diagnosis = ask(tree)
    assert ids(diagnosis) == []
    assert "the device is in D3cold, from which opening it wakes it" in diagnosis.notes


def held(tree: Tree, node: str) -> None:
    """Let process 42 have a file open."""
    tree.point("proc/42/fd/5", node)
    tree.put("proc/42/cmdline", "qemu\0-device\0vfio-pci\0")
    tree.put("proc/42/status", "Uid:\t0\t0\t0\t0\n")
    tree.refused["/dev/vfio/7"] = errno.EBUSY


def test_who_has_it(tree: Tree) -> None:
    held(tree, "/dev/vfio/7")
    (finding,) = ask(tree).findings
    assert finding.summary == "in use by process 42 of root: qemu -device vfio-pci"
    assert finding.commands == ("kill 42",)


def test_who_has_it_shows_to_those_who_may_not_open_it(tree: Tree) -> None:
    held(tree, "/dev/vfio/7")
    tree.refused["/dev/vfio/7"] = errno.EACCES
    assert ids(ask(tree, backend="legacy")) == ["busy", "permission"]
    # To have opened a device's own file is not to have the device.
    held(tree, "/dev/vfio/devices/vfio3")
    tree.refused["/dev/vfio/7"] = errno.EACCES
    assert ids(ask(tree, backend="legacy")) == ["permission"]


def test_who_may_have_it(tree: Tree) -> None:
    held(tree, "anon_inode:[vfio-device]")
    (finding,) = ask(tree).findings
    assert finding.summary.startswith("in use, perhaps by process 42")
    assert not any(line.startswith("kill") for line in finding.commands)


def test_a_process_without_a_command_line(tree: Tree) -> None:
    held(tree, "/dev/vfio/devices/vfio3")
    tree.put("proc/42/cmdline")
    tree.put("proc/42/comm", "spdk\n")
    assert ask(tree).findings[0].summary == "in use by process 42 of root: [spdk]"


def test_processes_that_cannot_be_seen(tree: Tree) -> None:
    tree.refused["/dev/vfio/7"] = errno.EBUSY
    assert "no process has one of its files open" in ask(tree).findings[0].summary
    tree.blind.add("/proc/1/fd")
    assert "cannot see" in ask(tree).findings[0].summary


def test_what_the_kernel_has_enabled_is_in_use(tree: Tree) -> None:
    """All that shows to somebody who may not open the group, nor look into processes."""
    tree.refused["/dev/vfio/7"] = errno.EACCES
    tree.put(f"{PCI}/enable", "1\n")
    assert ids(ask(tree, backend="iommufd")) == []
    tree.put(f"{PCI}/power/runtime_status", "active\n")
    assert ids(ask(tree, backend="iommufd")) == ["busy"]


def test_memory_of_this_process(tree: Tree) -> None:
    tree.memlock = 64 << 10
    (finding,) = ask(tree).findings
    assert finding.id == "memlock"
    assert finding.commands == (
        "echo 'somebody - memlock 1024' > /etc/security/limits.d/70-vfio-somebody.conf",
    )
    assert ids(ask(tree, dma=1 << 16)) == []
    assert ids(ask(tree, user=User(0, (0,), "root", -1))) == []


def test_memory_of_another_user(tree: Tree) -> None:
    other = User(1234, (1234,), "somebody", 0, self=False)
    case = Case(tree, PciAddress.parse(ADDRESS), other, Wanted())
    assert memlock(case) is None
    assert case.notes == [
        "how much memory somebody may pin is not known: no process of theirs runs"
    ]
    tree.put("proc/77/status", "Uid:\t1234\t1234\t1234\t1234\n")
    tree.put("proc/77/limits", "Max locked memory   65536   65536   bytes\n")
    finding = memlock(case)
    assert finding is not None
    assert finding.seen[0].path == "/proc/77/limits"
    tree.put("proc/77/limits", "Max locked memory   unlimited unlimited bytes\n")
    assert memlock(case) is None


def test_who_asks(tree: Tree) -> None:
    found = users.current(tree)
    assert (found.uid, found.gids, found.capabilities) == (1234, (1234,), 0)


@pytest.mark.parametrize(("release", "found"), [("6.16.9", []), ("6.17.0-rc1", ["vf-token"])])
def test_since_when_iommufd_wants_the_token(tree: Tree, release: str, found: list[str]) -> None:
    tree.put("proc/sys/kernel/osrelease", release)
    tree.put("sys/bus/pci/devices/0000:00:1f.7/x")
    tree.point(f"{PCI}/physfn", "../0000:00:1f.7")
    tree.point("sys/bus/pci/devices/0000:00:1f.7/driver", "../../bus/pci/drivers/vfio-pci")
    assert ids(ask(tree, backend="iommufd")) == found
    assert ids(ask(tree, backend="legacy")) == ["vf-token"]
    assert ids(ask(tree, backend="legacy", vf_token="x")) == []  # noqa: S106 - no secret
    tree.point("sys/bus/pci/devices/0000:00:1f.7/driver", "../../bus/pci/drivers/igb")
    assert ids(ask(tree, backend="legacy")) == []


def test_virtual_functions_that_are_in_use(tree: Tree) -> None:
    virtual = "sys/bus/pci/devices/0000:01:10.0"
    tree.point(f"{virtual}/driver", "../../bus/pci/drivers/vfio-pci")
    tree.point(f"{virtual}/iommu_group", "../../kernel/iommu_groups/8")
    tree.put(f"{virtual}/enable", "0\n")
    tree.point(f"{PCI}/virtfn0", "../0000:01:10.0")
    assert ids(ask(tree, backend="legacy")) == []
    tree.put(f"{virtual}/enable", "1\n")
    tree.point("proc/42/fd/5", "/dev/vfio/8")
    tree.put("proc/42/cmdline", "guest\0")
    (finding,) = ask(tree, backend="legacy").findings
    assert finding.id == "vf-token"
    assert [each.path for each in finding.seen][1:] == ["/proc/42/fd"]
    tree.point(f"{virtual}/driver", "../../bus/pci/drivers/igbvf")
    assert ids(ask(tree, backend="legacy")) == []


def test_nothing_can_be_read(tmp_path: Path) -> None:
    """Whatever is missing, something is said and nothing is raised."""
    tree = Tree(tmp_path)
    tree.put(f"{PCI}/x")
    assert ids(ask(tree)) == ["no-iommu"]
    tree.point(f"{PCI}/iommu_group", "../../kernel/iommu_groups/7")
    assert ids(ask(tree)) == ["module-missing"]
    tree.point(f"{PCI}/driver", "../../bus/pci/drivers/vfio-pci")
    assert ids(ask(tree)) == ["backend-missing"]


@pytest.mark.parametrize("backend", ["auto", "iommufd", "legacy"])
def test_whatever_fails_something_is_said(
    tree: Tree, steps: list[tuple[str, int, int]], backend: str
) -> None:
    """Each call of the kernel fails in turn, on a machine where there is much to find."""
    held(tree, "/dev/vfio/7")
    tree.put(f"{GROUP}/devices/0000:00:1c.0/x")
    tree.point(f"{GROUP}/devices/0000:00:1c.0/driver", "../../bus/pci/drivers/nvme")
    tree.memlock = 4096
    for file in ("iommu", "vfio/vfio"):
        tree.refused[f"/dev/{file}"] = errno.EACCES
    calls = 0
    while True:
        calls += 1
        tree.fail_at, tree.calls = calls, 0
        found = ids(ask(tree, backend=backend))
        assert found
        assert tree.opened == {}
        if tree.calls < calls:
            break
    steps.append((f"doctor {backend}", calls - 1, 0))
    assert found[:3] == ["group-not-viable", "memlock", "busy"]


def test_the_command(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", ADDRESS], tree) == 0
    assert capsys.readouterr().out.endswith("tried: open /dev/vfio/devices/vfio3: ok\n")
    assert main(["doctor", "0000:09:00.0", "--json"], tree) == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["id"] == "no-such-device"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "required: BDF"),
        (["x"], "no PCI address"),
        ([ADDRESS, "--dma", "much"], "no size like 64M"),
        ([ADDRESS, "--vf-token", "x"], "no UUID"),
        ([ADDRESS, "--backend", "x"], "invalid choice"),
        ([ADDRESS, "--user", "nobody-of-this-name"], "there is no user|only root"),
    ],
)
def test_a_command_line_that_is_wrong(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["doctor", *words])
    assert caught.value.code == 2
    assert any(part in capsys.readouterr().err for part in said.split("|"))
