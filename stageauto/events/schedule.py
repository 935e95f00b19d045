"""The clock."""

from __future__ import annotations

from stageauto.engine.event_types import EventType

EVENTS = (
    EventType(
        "schedule",
        "The clock: at each moment of `cron`, in the workspace's zone, for the items that stand in the stages `from`.",
        where=("cron",),
        data={"cron": "the expression that matched"},
        engine=True,
        example="""
            id: monday-sweep
            event: schedule
            cron: "0 9 * * mon"
            from: [new]
            if: item.stage_entered_at | days_since >= 14
        """,
        group="schedule",
    ),
)
