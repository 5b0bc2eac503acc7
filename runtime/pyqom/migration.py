# SPDX-License-Identifier: GPL-2.0-or-later
"""What keeps a machine from being migrated (migration/migration.c)."""

from __future__ import annotations

from typing import Any

from .errors import Error
from .world import current


def migrate_add_blocker(reason: Error) -> None:
    """Let no migration begin until `migrate_del_blocker` (migrate_add_blocker).

    Raises:
        Error: the machine was started with -only-migratable, or is being saved just now.
    """
    world = current()
    for on, why in (
        (world.only_migratable, "--only-migratable"),
        (world.saving, "migration/snapshot in progress"),
    ):
        if on:
            raise Error(f"disallowing migration blocker ({why}) for: {reason}", hint=reason.hint)
    world.migration_blockers.insert(0, reason)


def migrate_del_blocker(reason: Error | None) -> None:
    """Take a blocker away, if there is one (migrate_del_blocker)."""
    blockers = current().migration_blockers
    if reason is not None and reason in blockers:
        blockers.remove(reason)


def migration_is_blocked() -> None:
    """Ask whether a migration may begin (migration_is_blocked).

    Raises:
        Error: it may not, for the reason that was given last.
    """
    if blockers := current().migration_blockers:
        raise Error(str(blockers[0]), hint=blockers[0].hint)


def query_migrate() -> dict[str, Any]:
    """QMP's query-migrate where no migration ever was: the reasons against one, oldest first."""
    reasons = [str(reason) for reason in reversed(current().migration_blockers)]
    return {"blocked-reasons": reasons} if reasons else {}
