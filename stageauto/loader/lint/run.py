"""All checks of the lint, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from stageauto.loader.codes import LINT_CODES
from stageauto.loader.lint.circles import circles
from stageauto.loader.lint.conditions import constant_conditions
from stageauto.loader.lint.contests import blocked_triggers, shadowed_intake, shadowed_triggers
from stageauto.loader.lint.dates import past_dates, skipped_times, skipped_windows
from stageauto.loader.lint.fields import one_sided_fields
from stageauto.loader.lint.lasting import rules_too_late
from stageauto.loader.lint.mailboxes import users_without_mailbox
from stageauto.loader.lint.reach import stuck_stages, unreachable_stages
from stageauto.loader.lint.renames import silent_renames
from stageauto.loader.lint.texts import long_texts
from stageauto.loader.lint.view import Finding, View
from stageauto.loader.source import Report, Spot

CHECKS: Final[tuple[Callable[[View], Iterator[Finding]], ...]] = (
    circles,
    unreachable_stages,
    stuck_stages,
    blocked_triggers,
    shadowed_triggers,
    shadowed_intake,
    rules_too_late,
    constant_conditions,
    long_texts,
    users_without_mailbox,
    past_dates,
    skipped_times,
    skipped_windows,
    one_sided_fields,
    silent_renames,
)


def lint(report: Report, view: View) -> None:
    """Adds what the checks find to the report."""
    for check in CHECKS:
        for one in check(view):
            severity = LINT_CODES[one.code].severity
            spot = Spot(report, view.sources[one.file], one.path)
            spot.fault(one.code, one.message, hint=one.hint, severity=severity, on_key=one.on_key)
