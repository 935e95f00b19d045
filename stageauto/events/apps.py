"""Events of third parties."""

from __future__ import annotations

from stageauto.engine.event_types import EventType

EVENTS = (
    EventType(
        "app.*",
        "Whatever a third party sends: any name that begins with `app.`, with any data.",
        open_data=True,
        contact_keys=("email", "phone", "contact"),
        token_keys=("token", "document", "booking", "call", "message_id"),
        example="""
            id: survey-was-filled
            event: app.survey_filled
            where: {survey: satisfaction}
        """,
        group="apps",
    ),
)
