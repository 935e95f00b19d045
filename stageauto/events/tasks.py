"""Tasks and activities of staff."""

from __future__ import annotations

from stageauto.engine.event_types import EventType

_TASK = {
    "task": "the id of the task",
    "title": "its title",
    "rule": "the rule that made it",
    "stage": "the stage in which it was made",
}

EVENTS = (
    EventType(
        "task.completed",
        "A task that a rule of this item made was completed.",
        where=("rule", "stage"),
        data=_TASK,
        engine=True,
        example="""
            id: called-back
            event: task.completed
            where: {rule: call-back}
        """,
        group="tasks",
    ),
    EventType(
        "task.overdue",
        "The deadline of a task passed and it is still open. It comes once for each task.",
        where=("rule", "stage"),
        data={**_TASK, "assignee": "who was to do it"},
        engine=True,
        example="""
            id: nobody-called
            event: task.overdue
            where: {rule: call-back}
        """,
        group="tasks",
    ),
    EventType(
        "activity.completed",
        "An activity, a call or a meeting in the item's plan was completed.",
        where=("kind",),
        data={
            "activity": "the id of the activity",
            "kind": "activity, call or meeting",
            "subject": "what it was about",
            "rule": "the rule that made it",
            "stage": "the stage in which it was made",
        },
        engine=True,
        example="""
            id: met
            event: activity.completed
            where: {kind: meeting}
        """,
        group="tasks",
    ),
)
