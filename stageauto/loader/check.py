"""Checks raw data against a JSON Schema and says in an admin's words what does not fit.

Nearly all data fits, so that a small function made from the schema says so at once; only where it does not (or the
schema uses a word it does not know) jsonschema is loaded, which finds every fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from stageauto.engine.scalars import source_text
from stageauto.loader.diagnostics import near, shown, suggest
from stageauto.loader.shapes import ID, NAME
from stageauto.loader.source import Path, Spot

Json = Mapping[str, Any]
Fits = Callable[[Any], bool]

_TEXTS: Final = (str, int, float)
_SILENT: Final = frozenset({"description", "title", "examples", "default", "$schema", "$id", "deprecated"})
_TYPES: Final[dict[str, Fits]] = {
    # Where the place wants text, the scalar's own text is taken.
    "string": lambda value: isinstance(value, _TEXTS),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "null": lambda value: value is None,
}
_WORDS: Final = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
    "null": "nothing",
}
_ONE: Final = {"entries": "entry", "keys": "key", "characters": "character"}
_PATTERNS: Final = {
    ID: "lower-case letters, digits, `-` and `_`",
    NAME: "lower-case letters, digits and `_`, no `-`",
}
_compiled: dict[int, tuple[Json, Fits]] = {}
_validators: dict[int, tuple[Json, Any]] = {}


def check(spot: Spot, value: Any, schema: Json) -> set[str | int] | None:
    """Reports what does not fit at the spot. The keys (or indices) at fault, or None where nothing can be kept."""
    if _fits(schema)(value):
        return set()
    bad: set[str | int] = set()
    whole = False
    for error in _validator(schema).iter_errors(value):
        for path, missing in _report(spot, error, ()):
            if path and not (missing and len(path) == 1):
                bad.add(path[0])
            else:
                whole = True
    return None if whole else bad


def _fits(schema: Json) -> Fits:
    known = _compiled.get(id(schema))
    if known is None:
        # The schema is kept beside its function, so that its id is never given to another one.
        known = _compiled[id(schema)] = (schema, compile_fits(schema))
    return known[1]


def compile_fits(schema: Json) -> Fits:
    """A function that says True for what fits for certain; False may also mean that it cannot tell."""
    tests: list[Fits] = []
    for word, said in schema.items():
        if word in _SILENT:
            continue
        maker = _MAKERS.get(word)
        if maker is None:
            return lambda _: False
        test = maker(said, schema)
        if test is not None:
            tests.append(test)
    if len(tests) == 1:
        return tests[0]

    def fits(value: Any) -> bool:
        for test in tests:  # noqa: SIM110 - a loop takes half the time, and this is asked of every value of every file
            if not test(value):
                return False
        return True

    return fits


def _type(said: Any, _: Json) -> Fits:
    if isinstance(said, str):
        return _TYPES[said]
    tests = [_TYPES[one] for one in said]
    return lambda value: any(test(value) for test in tests)


def _properties(said: Json, schema: Json) -> Fits:
    inner = {name: compile_fits(one) for name, one in said.items()}
    others = schema.get("additionalProperties", True)
    rest: Fits = (lambda _: bool(others)) if isinstance(others, bool) else compile_fits(others)

    def test(value: Any) -> bool:
        if not isinstance(value, dict):
            return True
        for name, one in value.items():  # noqa: SIM110 - as above
            if not inner.get(name, rest)(one):
                return False
        return True

    return test


def _others(said: Any, schema: Json) -> Fits | None:
    return None if "properties" in schema else _properties({}, {"additionalProperties": said})


def _required(said: list[str], _: Json) -> Fits:
    names = frozenset(said)
    return lambda value: not isinstance(value, dict) or names <= value.keys()


def _items(said: Json, _: Json) -> Fits:
    inner = compile_fits(said)
    return lambda value: not isinstance(value, list) or all(inner(one) for one in value)


def _any_of(said: list[Json], _: Json) -> Fits:
    branches = [compile_fits(one) for one in said]
    return lambda value: any(branch(value) for branch in branches)


def _enum(said: list[Any], _: Json) -> Fits:
    words = {one for one in said if isinstance(one, str)}
    return lambda value: isinstance(value, str) and value in words


def _const(said: Any, _: Json) -> Fits:
    return lambda value: not isinstance(value, bool) and bool(value == said)


def _pattern(said: str, _: Json) -> Fits:
    pattern = re.compile(said)
    return lambda value: not _TYPES["string"](value) or pattern.search(source_text(value)) is not None


def _names(said: Json, _: Json) -> Fits:
    inner = compile_fits(said)
    return lambda value: not isinstance(value, dict) or all(inner(name) for name in value)


def _bound(least: bool) -> Callable[[Any, Json], Fits]:
    def maker(said: Any, _: Json) -> Fits:
        number = _TYPES["number"]
        if least:
            return lambda value: not number(value) or value >= said
        return lambda value: not number(value) or value <= said

    return maker


def _size(kind: type, least: bool) -> Callable[[Any, Json], Fits]:
    def maker(said: int, _: Json) -> Fits:
        if least:
            return lambda value: not isinstance(value, kind) or _count(value) >= said
        return lambda value: not isinstance(value, kind) or _count(value) <= said

    return maker


def _count(value: Any) -> int:
    return len(value)


_MAKERS: Final[dict[str, Callable[[Any, Json], Fits | None]]] = {
    "type": _type,
    "properties": _properties,
    "additionalProperties": _others,
    "required": _required,
    "items": _items,
    "anyOf": _any_of,
    "enum": _enum,
    "const": _const,
    "pattern": _pattern,
    "propertyNames": _names,
    "minimum": _bound(least=True),
    "maximum": _bound(least=False),
    "minItems": _size(list, least=True),
    "maxItems": _size(list, least=False),
    "minProperties": _size(dict, least=True),
    "maxProperties": _size(dict, least=False),
}


def _validator(schema: Json) -> Any:
    known = _validators.get(id(schema))
    if known is None:
        known = _validators[id(schema)] = (schema, _validator_class()(schema))
    return known[1]


def _validator_class() -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError
    from jsonschema.validators import extend

    def pattern(_validator: Any, said: str, value: Any, _schema: Json) -> Iterable[ValidationError]:
        if _TYPES["string"](value) and re.search(said, source_text(value)) is None:
            yield ValidationError("pattern")

    checker = Draft202012Validator.TYPE_CHECKER.redefine("string", lambda _, value: _TYPES["string"](value))
    return extend(  # type: ignore[no-untyped-call]
        Draft202012Validator, {"pattern": pattern}, type_checker=checker
    )


def _report(spot: Spot, error: Any, base: Path) -> list[tuple[Path, bool]]:
    """Reports one error of jsonschema; the paths at fault, and whether something is missing there."""
    path = (*base, *error.relative_path)
    if error.validator == "additionalProperties" and error.schema.get("additionalProperties") is False:
        return _unknown_keys(spot, error, path)
    if error.validator == "required":
        return _missing_keys(spot, error, path)
    if error.validator in {"anyOf", "oneOf"}:
        return _no_branch(spot, error, path)
    if "propertyNames" in error.absolute_schema_path:
        name = str(error.instance)
        _bad_text(spot.at(*path, name), error, on_key=True)
        return [((*path, name), False)]
    _SAYERS.get(error.validator, _misfit)(spot.at(*path), error)
    return [(path, False)]


def _unknown_keys(spot: Spot, error: Any, path: Path) -> list[tuple[Path, bool]]:
    allowed = error.schema.get("properties", {})
    unknown = [name for name in error.instance if name not in allowed]
    for name in unknown:
        spot.fault(
            "unknown-key",
            f"there is no key {shown(name)} here",
            (*path, name),
            hint=_key_hint(name, allowed, error.instance),
            expected="one of " + ", ".join(allowed),
            found=name,
            on_key=True,
        )
    return [((*path, name), False) for name in unknown]


def _key_hint(name: str, allowed: Json, there: Json) -> str:
    inside = [key for key, said in allowed.items() if name in _own_keys(said)]
    if len(inside) == 1:
        return f"it goes inside `{inside[0]}`"
    free = [one for one in allowed if one not in there]
    return suggest(name, allowed if near(name, free) is None and near(name, allowed) else free or allowed)


def _own_keys(said: Any) -> Iterable[str]:
    """The keys of a mapping that may stand there."""
    if not isinstance(said, Mapping):
        return []
    branches = (*said.get("anyOf", ()), *said.get("oneOf", ()))
    return [*said.get("properties", {}), *(key for one in branches for key in _own_keys(one))]


def _missing_keys(spot: Spot, error: Any, path: Path) -> list[tuple[Path, bool]]:
    # jsonschema reports each missing key by itself, the same list every time.
    name = next(one for one in error.validator_value if one not in error.instance and f"'{one}'" in error.message)
    said = error.schema.get("properties", {}).get(name, {})
    examples = said.get("examples") or said.get("enum") or ()
    hint = f"add `{name}: {examples[0]}`" if examples else f"add `{name}:`"
    what = said.get("description", "")
    spot.fault(
        "missing-key",
        f"`{name}` is missing",
        path,
        hint=hint,
        expected=f"{name}: {what}" if what else name,
        missing=True,
    )
    return [((*path, name), True)]


def _no_branch(spot: Spot, error: Any, path: Path) -> list[tuple[Path, bool]]:
    branches: dict[int, list[Any]] = {}
    for inner in error.context:
        branches.setdefault(inner.schema_path[0], []).append(inner)
    near = [errors for errors in branches.values() if not any(_wrong_kind(one) for one in errors)]
    if len(near) == 1:
        return [found for one in near[0] for found in _report(spot, one, path)]
    expected = " or ".join(dict.fromkeys(_expected(one) for one in error.validator_value))
    spot.fault(
        "wrong-type",
        f"this does not fit here: {shown(error.instance)}",
        path,
        hint=_enum_hint(error),
        expected=expected,
        found=shown(error.instance),
    )
    return [(path, False)]


def _wrong_kind(error: Any) -> bool:
    return not error.relative_path and (
        error.validator == "type" or (error.validator in {"enum", "const"} and not isinstance(error.instance, str))
    )


def _enum_hint(error: Any) -> str:
    words = [word for one in error.validator_value for word in one.get("enum", ())]
    return suggest(source_text(error.instance), words) if words and isinstance(error.instance, str) else ""


def _expected(schema: Json) -> str:
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    said = schema.get("type", ())
    words = [said] if isinstance(said, str) else list(said)
    return " or ".join(_WORDS[one] for one in words) or "something else"


def _wrong_type(spot: Spot, error: Any) -> None:
    expected = _expected(error.schema if "enum" not in error.schema else {"type": error.validator_value})
    found = shown(error.instance)
    hint = ""
    if error.validator_value == "boolean" and str(error.instance).casefold() in {"yes", "no", "on", "off"}:
        hint = "only `true` and `false` are booleans"
    elif error.instance is None and _is_comment(spot):
        hint = "a # begins a comment: put what it belongs to in quotes"
    spot.fault("wrong-type", f"this must be {expected}, not {found}", hint=hint, expected=expected, found=found)


def _is_comment(spot: Spot) -> bool:
    """Whether a comment stands where a value is missing."""
    _, value = spot.source.spans(spot.path)
    return spot.source.line(value.line)[value.column - 1 :].lstrip(" :").startswith("#")


def _bad_choice(spot: Spot, error: Any) -> None:
    words = [str(one) for one in error.validator_value]
    found = shown(error.instance)
    meant = near(error.instance, words) if isinstance(error.instance, str) else None
    hint = f"did you mean `{meant}`?" if meant else ""  # the message lists them all already
    spot.fault(
        "bad-choice", f"{found} is not one of {', '.join(words)}", hint=hint, expected=", ".join(words), found=found
    )


def _bad_const(spot: Spot, error: Any) -> None:
    wanted, found = str(error.validator_value), shown(error.instance)
    spot.fault(
        "bad-choice", f"this must be {wanted}, not {found}", hint=f"write {wanted}", expected=wanted, found=found
    )


def _bad_text(spot: Spot, error: Any, *, on_key: bool = False) -> None:
    expected = _PATTERNS.get(error.validator_value, f"text that matches {error.validator_value}")
    found = shown(error.instance)
    spot.fault(
        "bad-id", f"{found} is no name here", hint=f"use {expected}", expected=expected, found=found, on_key=on_key
    )


def _out_of_range(spot: Spot, error: Any) -> None:
    side = "at least" if error.validator in {"minimum", "exclusiveMinimum"} else "at most"
    expected, found = f"{side} {error.validator_value}", shown(error.instance)
    spot.fault("out-of-range", f"{found} is out of range", hint=f"write {expected}", expected=expected, found=found)


def _wrong_size(spot: Spot, error: Any) -> None:
    side = "at least" if error.validator.startswith("min") else "at most"
    what = {"Items": "entries", "Properties": "keys", "Length": "characters"}[error.validator[3:]]
    count = len(source_text(error.instance) if what == "characters" else error.instance)
    expected = f"{side} {error.validator_value}"
    message = f"this has {count} {_ONE[what] if count == 1 else what}" if count else "this is empty"
    found = str(count) if count else ""
    spot.fault("wrong-size", message, hint=f"there must be {expected}", expected=expected, found=found)


def _misfit(spot: Spot, error: Any) -> None:
    found = shown(error.instance)
    spot.fault("wrong-type", f"{found} does not fit here", found=found)


_SAYERS: Final[dict[str, Callable[[Spot, Any], None]]] = {
    "type": _wrong_type,
    "enum": _bad_choice,
    "const": _bad_const,
    "pattern": _bad_text,
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _out_of_range),
    **dict.fromkeys(("minItems", "maxItems", "minProperties", "maxProperties", "minLength", "maxLength"), _wrong_size),
}
