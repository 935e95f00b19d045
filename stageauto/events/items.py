"""What happens to the items themselves, by whomever."""

from __future__ import annotations

from stageauto.engine.event_types import EventType

_PLACE = {"pipeline": "the pipeline", "stage": "the stage"}

EVENTS = (
    EventType(
        "field.changed",
        "A field of the item changed, by whomever: a person, a rule, a trigger.",
        where=("field", "to"),
        data={"field": "the name of the field", "was": "its value before", "to": "its value now"},
        engine=True,
        example="""
            id: tracking-is-known
            event: field.changed
            where: {field: tracking_no}
            if: item.tracking_no
        """,
        group="items",
    ),
    EventType(
        "responsible.changed",
        "Somebody else is responsible for the item.",
        where=("to",),
        data={"was": "who was responsible before", "to": "who is responsible now"},
        engine=True,
        example="""
            id: anna-has-it
            event: responsible.changed
            where: {to: anna}
        """,
        group="items",
    ),
    EventType(
        "stage.entered",
        "The item entered a stage. A trigger elsewhere in its pipeline may move it on.",
        where=("pipeline", "stage"),
        data={**_PLACE, "from": "the stage it came from"},
        engine=True,
        example="""
            id: straight-through
            event: stage.entered
            where: {stage: new}
            if: item.amount > 5000
        """,
        group="items",
    ),
    EventType(
        "item.created",
        "The item was created.",
        where=("pipeline", "stage"),
        data=_PLACE,
        engine=True,
        example="""
            id: big-from-the-start
            event: item.created
            if: item.amount > 5000
        """,
        group="items",
    ),
    EventType(
        "item.linked",
        "The item was linked to another, say because one was made of it.",
        where=("pipeline", "stage"),
        data={"item": "the other item", "pipeline": "the pipeline of the other", "stage": "the stage of the other"},
        engine=True,
        example="""
            id: has-an-order
            event: item.linked
            where: {pipeline: orders}
        """,
        group="items",
    ),
)
