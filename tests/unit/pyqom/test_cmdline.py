# SPDX-License-Identifier: GPL-2.0-or-later

"""The command line: syntax, help, exit codes, prefixes; and QMP."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Sequence

import pytest

from pyqom import Error, World, monitor_fd_param
from pyqom.cmdline import main
from pyqom.monitor import monitor_command
from pyqom.opts import QemuOpts, opts_parse
from pyqom.qdict import qdict_order
from pyqom.qmp import qmp_answer
from tests.unit.pyqom import devices
from tests.unit.pyqom.says import refused


def pyqom(*arguments: str, source: str = "") -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    status = main(arguments, out, err, io.StringIO(source), devices.register)
    return status, out.getvalue(), err.getvalue()


# --- QemuOpts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("nic", [("driver", "nic")]),
        ("nic,a=b", [("driver", "nic"), ("a", "b")]),
        ("nic,a=b,,c,d=e", [("driver", "nic"), ("a", "b,c"), ("d", "e")]),
        ("a=b", [("a", "b")]),
        ("driver=nic,a=", [("driver", "nic"), ("a", "")]),
        ("nic,flag,noflag", [("driver", "nic"), ("flag", "on"), ("flag", "off")]),
        ("nic,a=b=c", [("driver", "nic"), ("a", "b=c")]),
        ("nic,", [("driver", "nic")]),
        ("", []),
        (",", [("driver", "")]),
        ("n,,ic", [("driver", "n,ic")]),
        ("nic,,,a=1", [("driver", "nic,"), ("a", "1")]),
    ],
)
def test_settings(text: str, settings: list[tuple[str, str]]) -> None:
    assert opts_parse(text, "driver", {}, "device").settings == settings


def test_the_last_setting_counts() -> None:
    opts = opts_parse("nic,a=1,a=2,id=x", "driver", {}, "device")
    assert opts.get("a") == "2"
    assert opts.to_qdict() == {"id": "x", "driver": "nic", "a": "2"}
    assert opts.get("b") is None


def test_ids_are_well_formed_and_unique() -> None:
    taken: dict[str, QemuOpts] = {}
    opts_parse("nic,id=a", "driver", taken, "device")
    with refused("Duplicate ID 'a' for device"):
        opts_parse("nic,id=a", "driver", taken, "device")
    with refused("Parameter 'id' expects an identifier"):
        opts_parse("nic,id=", "driver", taken, "device")


def test_the_first_id_counts() -> None:
    assert opts_parse("nic,id=a,id=b", "driver", {}, "device").id == "a"


def test_qdict_order_is_by_hash_and_newest_first_in_a_bucket() -> None:
    """Buckets as a compiled tdb_hash gives them; QEMU 7.2 and 10.0 report errors in this order."""
    assert qdict_order(["xres", "yres", "x-vga", "host", "nosuch", "display"]) == [
        "yres",
        "nosuch",
        "host",
        "x-vga",
        "display",
        "xres",
    ]
    assert qdict_order(["aab", "aax"]) == ["aax", "aab"]


# --- options --------------------------------------------------------------------------------------


def test_a_good_command_line_is_silent() -> None:
    assert pyqom("-device", "nic,id=n1,speed=5", "-object", "backend,id=b") == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["-device", "nosuch"], "-device nosuch: 'nosuch' is not a valid device model name"),
        (["--device", "nosuch"], "--device nosuch: 'nosuch' is not a valid device model name"),
        (
            ["-device", "nic,id=a", "-device", "nic,id=a"],
            "-device nic,id=a: Duplicate ID 'a' for device",
        ),
        (["-device", '{"driver":"nic","speed":"1"}'], "Parameter 'speed' expects uint64"),
        (["-device", "{"], "JSON parse error"),
        (["-nosuch"], "-nosuch: invalid option"),
        (["-device"], "-device: requires an argument"),
        (["-object", "nosuch"], "Parameter 'qom-type' does not accept value 'nosuch'"),
        (["-object", "id=b"], "-object id=b: Parameter 'qom-type' is missing"),
        (["-object", "backend,id=b,path=nowhere"], "pyqom: the backend has no place"),
        (["-global", "a=b"], "-global a=b: Invalid parameter 'a'"),
        (["-global", "driver=a"], "options 'driver', 'property', and 'value' are required"),
        (
            ["-global", "nic.speed=fast", "-device", "nic"],
            "-device nic: can't apply global nic.speed=fast: Parameter 'speed' expects uint64",
        ),
        (["-machine", "nosuch"], 'pyqom: unsupported machine type: "nosuch"'),
        (["--qemu", "9.9"], "unknown QEMU series; there are 7.2, 10.0, 10.2"),
        (["-qmp", "tcp"], "only stdio is supported"),
        (["-machine", "none", "-device", "nic"], "No 'PCI' bus found for device 'nic'"),
    ],
)
def test_errors_name_the_option_and_end_with_1(arguments: Sequence[str], text: str) -> None:
    status, out, err = pyqom(*arguments)
    assert (status, out) == (1, "")
    assert err.startswith("pyqom: ")
    assert text in err


def test_hints_follow_on_a_line_of_their_own() -> None:
    _, _, err = pyqom("-device", "nic,id=0")
    assert err == (
        "pyqom: -device nic,id=0: Parameter 'id' expects an identifier\n"
        "Identifiers consist of letters, digits, '-', '.', '_', starting with a letter.\n"
    )


def test_flags_without_a_value_are_warned_of() -> None:
    status, _, err = pyqom("-device", "kinds,noflag")
    assert status == 0
    assert err == (
        "pyqom: -device kinds,noflag: warning: short-form boolean option 'noflag' deprecated\n"
        "Please use flag=off instead\n"
    )


def test_globals_that_did_nothing_are_warned_of() -> None:
    assert pyqom("-global", "nosuch.x=1") == (
        0,
        "",
        "pyqom: warning: global nosuch.x has invalid class name\n",
    )


def test_the_driver_and_property_form_of_a_global() -> None:
    status, _, err = pyqom("-global", "driver=nic,property=speed,value=x", "-device", "nic")
    assert status == 1
    assert "can't apply global nic.speed=x" in err


def test_only_migratable_is_taken() -> None:
    assert pyqom("-only-migratable", "-device", "nic")[0] == 0


def test_all_series() -> None:
    for series in ("7.2", "10.0", "10.2"):
        status, out, _ = pyqom("--qemu", series, "-device", "nic,help")
        assert status == 0
        assert ("sriov-pf" in out) == (series == "10.2")


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        (["-help"], "usage: pyqom"),
        (["-device", "help"], "\nNetwork devices:\n"),
        (["-device", "nic,?"], "nic options:\n"),
        (["-device", "nosuch", "-device", "nic,id=x,help"], "nic options:\n"),
        (["-object", "help"], "List of user creatable objects:\n"),
        (["-object", "backend,help"], "backend options:\n  path=<string>\n"),
        (["-machine", "help"], "Supported machines are:\nnone\npc-i440fx-10.0\n"),
    ],
)
def test_help_ends_with_0(arguments: Sequence[str], start: str) -> None:
    status, out, err = pyqom(*arguments)
    assert (status, err) == (0, "")
    assert start in out


def test_help_for_what_is_no_device_is_an_error_that_ends_with_0() -> None:
    assert pyqom("-device", "pci-device,help") == (
        0,
        "",
        "pyqom: -device pci-device,help: Parameter 'typename' expects a non-abstract device type\n",
    )


def test_devices_go_at_the_end() -> None:
    pyqom("-device", "nic")
    assert devices.log == ["nic realize", "nic exit", "nic finalize"]


# --- commands -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "status", "key"),
    [
        (["qom-list-types"], 0, "return"),
        (["qom-list-types", "--implements", "nic", "--abstract"], 0, "return"),
        (["device-list-properties", "nic"], 0, "return"),
        (["device-list-properties", "nosuch"], 1, "error"),
        (["qom-list-properties", "pci-device"], 0, "return"),
        (["-device", "nic,id=n1", "qom-list", "/machine/peripheral"], 0, "return"),
        (["qom-list", "/nosuch"], 1, "error"),
    ],
)
def test_commands_print_qmps_json(arguments: Sequence[str], status: int, key: str) -> None:
    found, out, _ = pyqom(*arguments)
    assert found == status
    assert key in json.loads(out)


@pytest.mark.parametrize(
    "arguments", [["qom-list"], ["nosuch"], ["qom-list-types", "--nosuch"], ["qom-list", "a", "b"]]
)
def test_a_wrong_command_is_answered_with_the_usage(arguments: Sequence[str]) -> None:
    status, out, err = pyqom(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("usage: pyqom")


def test_qmp_on_standard_input() -> None:
    requests = [
        {"execute": "object-add", "arguments": {"qom-type": "backend", "id": "b1"}, "id": 1},
        {"execute": "qom-get", "arguments": {"path": "b1", "property": "path"}},
        {"execute": "qom-set", "arguments": {"path": "b1", "property": "path", "value": "/y"}},
        {"execute": "object-del", "arguments": {"id": "b1"}},
        {"execute": "device_add", "arguments": {"driver": "nic", "id": "n1"}},
        {"execute": "device_del", "arguments": {"id": "n1"}},
        {"execute": "x-pyqom-device-eject", "arguments": {"id": "n1"}},
        {"execute": "nosuch"},
        {"execute": "qom-list", "arguments": {"path": "/", "extra": 1}},
        {"execute": "qom-list", "arguments": {}},
    ]
    source = "\n".join(["nonsense", "", *map(json.dumps, requests)])
    status, out, err = pyqom("-machine", "pc", "-qmp", "stdio", source=source)
    assert (status, err) == (0, "")
    answers = [json.loads(line) for line in out.splitlines()]
    assert answers[0]["error"]["desc"].startswith("JSON parse error")
    assert answers[1:] == [
        {"return": {}, "id": 1},
        {"return": ""},
        {"return": {}},
        {"return": {}},
        {"return": {}},
        {"return": {}},
        {"event": "DEVICE_DELETED", "data": {"path": "/machine/peripheral/n1", "device": "n1"}},
        {"return": {}},
        {
            "error": {
                "class": "CommandNotFound",
                "desc": "The command nosuch has not been found",
            }
        },
        {"error": {"class": "GenericError", "desc": "Parameter 'extra' is unexpected"}},
        {"error": {"class": "GenericError", "desc": "Parameter 'path' is missing"}},
    ]


def test_commands_come_with_their_series() -> None:
    request = {"execute": "qom-list-get", "arguments": {"paths": ["/objects"]}}
    for series, known in (("10.0", False), ("10.2", True)):
        with World(series) as world:
            assert ("return" in qmp_answer(world, request)) == known


def test_in_a_monitor_a_warning_stands_alone_and_has_its_hint() -> None:
    source = json.dumps({"execute": "device_add", "arguments": {"driver": "kinds"}})
    _, _, err = pyqom(
        *("-machine", "pc", "-global", "kinds.size=x", "-qmp", "stdio"), source=source
    )
    assert err == (
        "warning: can't apply global kinds.size=x: Parameter 'size' expects a non-negative number"
        " below 2^64\nOptional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n"
        "and exabytes, respectively.\n"
    )


def test_descriptors_have_names_in_a_monitor() -> None:
    with World("10.0") as world:
        request = {"execute": "x-pyqom-name-fd", "arguments": {"fdname": "vfio", "fd": 7}}
        assert qmp_answer(world, request) == {"return": {}}
        assert monitor_fd_param("7") == 7
        with refused("Invalid file descriptor number 'vfio'"):
            monitor_fd_param("vfio")
        with monitor_command():
            assert monitor_fd_param("vfio") == 7
            with refused("File descriptor named 'vfio' has not been found"):
                monitor_fd_param("vfio")
        for text in ("", "-1", "7x", "2147483648"):
            with pytest.raises(Error, match="Invalid file descriptor number"):
                monitor_fd_param(text)


def test_the_module_runs_with_the_installed_device_packages() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "pyqom", "-device", "vfio-pci"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("pyqom: -device vfio-pci: No provided host device\n")
