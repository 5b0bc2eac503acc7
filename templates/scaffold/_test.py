{# SPDX-License-Identifier: GPL-2.0-or-later #}
{# What the pytests of both kinds of device have: the properties and the type. #}
TYPE = {{ project.type_name }}

SERIES = {{ project.all_series }}
"""The QEMU series that have the type."""

PROJECT = Path(__file__).resolve().parents[1]
{% if project.cases %}


@dataclass(frozen=True)
class Case:
    """A property: what it is if nobody sets it, a value that it takes, and one that it refuses."""

    name: str
    unset: object
    """None: another value each time."""
    good: str
    """As on QEMU's command line."""
    read: object
    """What it then reads as."""
    bad: str | None = None
    error: str = ""
    """QEMU's words for the bad value."""
    late: bool = False
    """It may be changed on a realized device."""


CASES = (
{% for case in project.cases %}
    Case({{ case.name }}, {{ case.unset }}, {{ case.good }}, {{ case.read }}{% if case.bad %}, {{ case.bad }}, {{ case.error }}{% endif %}{% if case.late %}, late={{ case.late }}{% endif %}),
{% endfor %}
)

REFUSING = [case for case in CASES if case.bad is not None]
"""A string takes any text."""

each_property = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
{% endif %}


@pytest.fixture(params=SERIES)
def machine(request: pytest.FixtureRequest) -> Iterator[World]:
    """A machine with an empty PCI bus, of each QEMU series."""
    with World(request.param) as world:
        machine_start("q35")
        yield world


def add(**options: str) -> DeviceState:
    """Add a device, as -device on QEMU's command line does; the caller holds no reference."""
    dev = qdev_device_add_from_qdict({"driver": TYPE, **options}, False)
    object_unref(dev)
    return dev


# The type


def test_the_type_is_registered_where_pyqom_looks() -> None:
    pyproject = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    packages = pyproject["project"]["entry-points"]["pyqom.types"].values()
    assert [*packages] == [{{ project.devices_name }}]


def test_class_init(machine: World) -> None:
    klass = object_class_by_name(TYPE)
    assert klass is not None
    parent = object_class_get_parent(klass)
    assert parent is not None
    assert parent.name == {{ project.parent_name }}
    assert DEVICE_CLASS(klass).desc


def test_an_instance_comes_and_goes(machine: World) -> None:
    dev = object_new(TYPE)
    assert dev.ref == 1
    gone = weakref.ref(dev)
    object_unref(dev)
    del dev
    assert gone() is None
{% if project.cases %}


# The properties


@each_property
def test_a_property_starts_as_its_default(machine: World, case: Case) -> None:
    dev = object_new(TYPE)
    found = object_property_get_qobject(dev, case.name)
    assert found == case.unset or case.unset is None
    object_unref(dev)


@each_property
def test_a_property_takes_a_good_value(host: object, case: Case) -> None:
    dev = add(**{case.name: case.good})
    assert object_property_get_qobject(dev, case.name) == case.read


@pytest.mark.parametrize("case", REFUSING, ids=[case.name for case in REFUSING])
def test_a_property_refuses_a_bad_value(host: object, case: Case) -> None:
    assert case.bad is not None
    with pytest.raises(Error) as caught:
        add(**{case.name: case.bad})
    assert str(caught.value) == case.error


@each_property
def test_a_property_of_a_realized_device_stays(host: object, case: Case) -> None:
    dev = add(id="dev")
    before = object_property_get_qobject(dev, case.name)
    if case.late:
        object_property_set_qobject(dev, case.name, cast("str | int", case.read))
        assert object_property_get_qobject(dev, case.name) == case.read
        return
    with pytest.raises(Error) as caught:
        object_property_set_qobject(dev, case.name, cast("str | int", case.read))
    assert str(caught.value) == (
        f"Attempt to set property '{case.name}' on device 'dev' (type '{TYPE}') after it was realized"
    )
    assert object_property_get_qobject(dev, case.name) == before
{% endif %}
