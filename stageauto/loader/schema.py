"""The JSON Schemas for editors: the shapes the loader checks by, the options of a kind chosen by its name.

`python -m stageauto.loader.schema` writes them to schemas/.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from stageauto import registry
from stageauto.loader import profile_shapes, scenario_shapes, shapes
from stageauto.loader.channels import channel_schema
from stageauto.loader.rules import action_schema

Json = dict[str, Any]

KINDS: Final = ("workspace", "pipeline", "scenario", "profile")
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_TITLES: Final = {
    "workspace": "stageauto.yaml",
    "pipeline": "a pipeline",
    "scenario": "a scenario",
    "profile": "a profile",
}


def json_schema(what: str) -> Json:
    """The JSON Schema of `workspace` (stageauto.yaml), `pipeline`, `scenario` or `profile`."""
    body = {"workspace": _workspace, "pipeline": _pipeline, "scenario": _scenario, "profile": _profile}[what]()
    return {"$schema": _DIALECT, "title": _TITLES[what], **body}


def written(what: str) -> str:
    """The schema as it stands in its file."""
    return json.dumps(json_schema(what), indent=2, ensure_ascii=False) + "\n"


def _workspace() -> Json:
    schema = copy.deepcopy(shapes.WORKSPACE)
    channel = schema["properties"]["channels"]["additionalProperties"]
    kinds = registry.channels()
    channel["properties"]["type"] = {"enum": sorted(kinds), "description": "What it talks."}
    channel["allOf"] = [_chosen("type", name, channel_schema(kind)) for name, kind in sorted(kinds.items())]
    return schema


def _pipeline() -> Json:
    schema = copy.deepcopy(shapes.PIPELINE)
    rule, trigger, intake = (copy.deepcopy(one) for one in (shapes.RULE, shapes.TRIGGER, shapes.INTAKE))
    actions: Mapping[str, Any] = registry.actions()
    rule["properties"]["do"] = {
        "description": "The action.",
        "anyOf": [{"const": name, "description": _sentence(kind.__doc__)} for name, kind in sorted(actions.items())],
    }
    rule["allOf"] = [
        _chosen("do", name, {"properties": {"with": action_schema(kind)}, **_with_needed(action_schema(kind))})
        for name, kind in sorted(actions.items())
    ]
    for entry in (trigger, intake):
        entry["properties"]["event"] = _events()
    stage = copy.deepcopy(shapes.STAGE)
    stage["properties"]["rules"]["items"] = {"$ref": "#/$defs/rule"}
    stage["properties"]["triggers"]["items"] = {"$ref": "#/$defs/trigger"}
    schema["properties"]["stages"]["items"] = stage
    schema["properties"]["intake"]["items"] = {"$ref": "#/$defs/intake"}
    schema["properties"]["fields"] = {
        **shapes.named(
            "The fields that rules may read and write.",
            {"anyOf": [{"enum": list(shapes.FIELD_TYPES)}, shapes.FIELD]},
            shapes.NAME,
        )
    }
    return {**schema, "$defs": {"rule": rule, "trigger": trigger, "intake": intake}}


def _scenario() -> Json:
    schema = copy.deepcopy(scenario_shapes.SCENARIO)
    given = copy.deepcopy(scenario_shapes.GIVEN)
    for name, one in (
        ("items", scenario_shapes.ITEM),
        ("contacts", scenario_shapes.CONTACT),
        ("companies", scenario_shapes.COMPANY),
        ("fail", scenario_shapes.FAIL),
    ):
        given["properties"][name]["items"] = one
    step = copy.deepcopy(scenario_shapes.STEP)
    step["properties"]["emit"] = _events()
    schema["properties"]["given"] = given
    schema["properties"]["steps"]["items"] = step
    return schema


def _profile() -> Json:
    schema = copy.deepcopy(profile_shapes.PROFILE)
    happens = copy.deepcopy(profile_shapes.HAPPENS)
    happens["properties"]["emit"] = _events()
    schema["properties"]["arrive"] = profile_shapes.ARRIVE
    schema["properties"]["happens"]["items"] = happens
    schema["properties"]["tasks"] = profile_shapes.TASKS
    return schema


def _events() -> Json:
    known = [
        {"const": name, "description": event.help}
        for name, event in sorted(registry.events().items())
        if name != "app.*"
    ]
    return {"description": "The event.", "anyOf": [*known, {"type": "string", "pattern": r"^app\..+"}]}


def _chosen(key: str, name: str, schema: Mapping[str, Any]) -> Json:
    return {"if": {"properties": {key: {"const": name}}, "required": [key]}, "then": dict(schema)}


def _with_needed(schema: Mapping[str, Any]) -> Json:
    return {"required": ["with"]} if schema.get("required") else {}


def _sentence(doc: str | None) -> str:
    return (doc or "").strip().split("\n\n")[0].replace("\n    ", " ")


def main(folder: Path = Path("schemas")) -> None:
    """Writes a file for each of them."""
    folder.mkdir(exist_ok=True)
    for what in KINDS:
        (folder / f"{what}.schema.json").write_text(written(what), encoding="utf-8")


if __name__ == "__main__":
    main()
