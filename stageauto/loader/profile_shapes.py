"""The shape of a profile (what made-up items and their customers do), as JSON Schema."""

from __future__ import annotations

from typing import Any, Final

from stageauto.loader.shapes import FREE, SPAN, many, mapping, text

Json = dict[str, Any]

SHARE: Final[Json] = {"type": "number", "minimum": 0, "maximum": 1}
BETWEEN: Final[Json] = {
    **many("The shortest and the longest time until then, each moment between as likely.", SPAN),
    "minItems": 2, "maxItems": 2,
}  # fmt: skip
STAGES: Final[Json] = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
ARRIVE: Final = mapping(
    "How items come in.",
    {
        "stage": text("Into which stage; default: the first."),
        "hours": text("A calendar in whose open time they come; default: at any time."),
        "set": {**FREE, "description": "Fields; of a list each item gets one value by chance."},
    },
)
HAPPENS: Final = mapping(
    "What happens to an item after it came into a stage, while it is still there: one of emit and move.",
    {
        "in": {**STAGES, "description": "The stage, or several."},
        "emit": text("An event."),
        "move": text("The stage that somebody moves it to."),
        "chance": {**SHARE, "description": "In how many cases, 0 to 1; default: always.", "default": 1},
        "between": BETWEEN,
        "data": {**FREE, "description": "`emit` only: the event's data; of a list one value by chance."},
    },
    ("in", "between"),
)
TASKS: Final = mapping(
    "How staff does the tasks that rules make.",
    {"chance": {**SHARE, "description": "How many are done, 0 to 1; default: all.", "default": 1}, "between": BETWEEN},
    ("between",),
)
PROFILE: Final = mapping(
    "What made-up items and their customers do, for `simulate --load`.",
    {
        "profile": text("What it is like."),
        "pipeline": text("The items' pipeline."),
        "start": text("When it begins, a local time; default: now.", examples=["2026-03-02T09:00"]),
        "arrive": {"type": "object", "description": "How items come in."},
        "happens": {"type": "array", "description": "What happens to them, and how often."},
        "tasks": {"type": "object", "description": "How staff does the tasks that rules make."},
        "fail": {
            "type": "object",
            "description": "In how many cases a try of sending fails, 0 to 1, by kind of message or channel.",
            "additionalProperties": SHARE,
        },
    },
    ("profile", "pipeline"),
)
