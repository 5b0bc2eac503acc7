# SPDX-License-Identifier: GPL-2.0-or-later
"""What the runtime imports from outside, read from its source by grimp.

`python -m tests.unit.house.imports` prints what is wrong for the packages on sys.path.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import grimp


@dataclass(frozen=True)
class Rule:
    """`package` imports the standard library and `allowed`, and nothing else.

    `types_count`: imports under `if TYPE_CHECKING:` must keep to it too.
    """

    package: str
    allowed: frozenset[str] = frozenset()
    types_count: bool = True


RULES = (
    Rule("pyvfio"),
    Rule("pyqom"),
    # hw_vfio may name the type of a generated struct, and not load it.
    Rule("hw_vfio", frozenset({"pyqom", "pyvfio"}), types_count=False),
    Rule("qomgen_devices", frozenset({"pyqom", "hw_vfio"})),
)


def violations(rule: Rule) -> list[str]:
    """List the imports that break `rule`, each as "module:line imports name"."""
    graph = grimp.build_graph(
        rule.package,
        include_external_packages=True,
        exclude_type_checking_imports=not rule.types_count,
        cache_dir=None,
    )
    fine = sys.stdlib_module_names | rule.allowed | {rule.package}
    return sorted(
        f"{importer}:{detail['line_number']} imports {imported}"
        for importer in graph.modules
        if not graph.is_module_squashed(importer)
        for imported in graph.find_modules_directly_imported_by(importer)
        if imported.partition(".")[0] not in fine
        for detail in graph.get_import_details(importer=importer, imported=imported)
    )


if __name__ == "__main__":
    for each in RULES:
        sys.stdout.writelines(f"{line}\n" for line in violations(each))
