"""What differs between the active version and the files, in the admin's own words: nothing is compiled for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from stageauto.engine.scalars import source_text
from stageauto.loader.files import MAIN
from stageauto.loader.yaml import read

ADDED, CHANGED, RENAMED, REMOVED = "added", "changed", "renamed", "removed"
_NAMED = {
    "calendars": "calendar", "users": "user", "roles": "role", "channels": "channel", "resources": "resource",
    "audiences": "audience", "forms": "form", "hooks": "hook",
}  # fmt: skip
_MANY_LINES = 2000
"""Of longer texts it is only said that they differ: comparing them takes the square of their length."""
_LISTS = {"stages", "rules", "triggers", "intake", "fields", "moved", "renamed"}


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a definition that differs; None where it is not there."""

    name: str
    was: str | None
    now: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is `added`, `changed`, `renamed` or `removed`.

    `what` is rule, trigger, stage, intake, field, pipeline, user, channel, ..., setting or file; `name` is its path,
    such as `deals/quote/chase`; `before` its old name where it was renamed.
    """

    how: str
    what: str
    name: str
    words: tuple[Word, ...] = ()
    before: str = ""


@dataclass(slots=True)
class Changes:
    """The files that differ, and what that changes in them. `number`: the active version, 0 where nothing is loaded."""

    files: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    number: int = 0
    silent: list[tuple[str, str]] = field(default_factory=list)  # rules that look renamed and are not: old, new name

    @property
    def first(self) -> bool:
        """True while nothing is loaded."""
        return self.number == 0

    def names(self, how: str, what: str) -> list[str]:
        """The names of what is added, removed, ... of that kind."""
        return [one.name for one in self.changes if one.how == how and one.what == what]


def compare(
    before: Mapping[str, str],
    after: Mapping[str, str],
    number: int = 0,
    renames: Mapping[str, Mapping[str, str]] | None = None,
) -> Changes:
    """How two sets of files differ. `renames`: pipeline -> old id -> new id, besides what the files say themselves."""
    made = Changes(sorted(name for name in {*before, *after} if before.get(name) != after.get(name)), number=number)
    was, now = _Parts(), _Parts()
    for name in made.files:
        was.take(name, before.get(name))
        now.take(name, after.get(name))
    now.rename(renames or {})
    made.changes = [*_differences(was.parts, now.parts, now.renames), *_reordered(was.orders, now.orders)]
    made.silent = list(_silent(made, was.parts, now.parts))
    return made


class _Parts:
    """What is defined in files, by kind and name."""

    def __init__(self) -> None:
        self.parts: dict[tuple[str, str], Any] = {}
        self.orders: dict[tuple[str, str, str], list[str]] = {}  # (what, name, rules or triggers or intake): ids
        self.renames: dict[tuple[str, str], str] = {}  # (what, pipeline//old id): new path
        self._paths: dict[tuple[str, str, str], str] = {}  # (pipeline, what, id): path

    def take(self, name: str, text: str | None) -> None:
        if text is None:
            return
        root = read(text).root if name.endswith((".yaml", ".yml")) else None
        if name == MAIN and isinstance(root, dict):
            self._workspace(root)
        elif isinstance(root, dict) and "pipeline" in root:
            self._pipeline(root)
        else:
            self.parts["file", name] = text

    def _workspace(self, root: Mapping[str, Any]) -> None:
        for key, value in root.items():
            if key in _NAMED and isinstance(value, dict):
                self.parts |= {(_NAMED[key], str(name)): one for name, one in value.items()}
            else:
                self.parts["setting", key] = value

    def _pipeline(self, root: Mapping[str, Any]) -> None:
        name = source_text(root["pipeline"])
        self.parts["pipeline", name] = {key: value for key, value in root.items() if key not in _LISTS}
        self.parts |= {("field", f"{name}/{key}"): one for key, one in (root.get("fields") or {}).items()}
        self.parts |= {("intake", f"{name}/{key}"): one for key, one in _by_id(root.get("intake"))}
        self.orders["pipeline", name, "intake"] = [key for key, _ in _by_id(root.get("intake"))]
        self.orders["pipeline", name, "stages"] = [key for key, _ in _by_id(root.get("stages"))]
        for stage_id, stage in _by_id(root.get("stages")):
            place = f"{name}/{stage_id}"
            self.parts["stage", place] = {key: value for key, value in stage.items() if key not in _LISTS}
            for what in ("rules", "triggers"):
                self.orders["stage", place, what] = [key for key, _ in _by_id(stage.get(what))]
                for one_id, one in _by_id(stage.get(what)):
                    self.parts[what[:-1], f"{place}/{one_id}"] = one
                    self._paths[name, what[:-1], one_id] = f"{place}/{one_id}"
        self.rename({name: dict(_renamed(root.get("renamed")))})

    def rename(self, renames: Mapping[str, Mapping[str, str]]) -> None:
        """Takes renames, pipeline -> old id -> new id, as far as the new ones are there."""
        for name, pairs in renames.items():
            for old, new in pairs.items():
                for what in ("rule", "trigger"):
                    path = self._paths.get((name, what, new))
                    if path is not None:
                        self.renames.setdefault((what, f"{name}//{old}"), path)


def _by_id(listed: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict):
            yield source_text(one.get("id", "")), one


def _renamed(listed: Any) -> Iterator[tuple[str, str]]:
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict):
            yield source_text(one.get("from")), source_text(one.get("to"))


def _differences(
    was: Mapping[tuple[str, str], Any], now: Mapping[tuple[str, str], Any], renames: Mapping[tuple[str, str], str]
) -> Iterator[Change]:
    taken = set()
    for key, value in was.items():
        what, name = key
        target = renames.get((what, _without_stage(name)))
        if key in now:
            words = tuple(_lines(value, now[key]) if what == "file" else _words(value, now[key]))
            if words:
                yield Change(CHANGED, what, name, words)
        elif target is not None and (what, target) in now and (what, target) not in was:
            taken.add((what, target))
            words = tuple(one for one in _words(value, now[what, target]) if one.name != "id")
            yield Change(RENAMED, what, target, words, before=name)
        else:
            yield Change(REMOVED, what, name)
    for key in now:
        if key not in was and key not in taken:
            yield Change(ADDED, *key)


def _silent(
    made: Changes, was: Mapping[tuple[str, str], Any], now: Mapping[tuple[str, str], Any]
) -> Iterator[tuple[str, str]]:
    """Rules that are gone, each with one that is new in the same stage and has all its words."""
    new = made.names(ADDED, "rule")
    for old in made.names(REMOVED, "rule"):
        for one in new:
            same_stage = one.rpartition("/")[0] == old.rpartition("/")[0]
            if same_stage and _told(was["rule", old]) == _told(now["rule", one]):
                new.remove(one)
                yield old, one
                break


def _told(rule: Mapping[str, Any]) -> dict[str, str]:
    """What a rule does and when, without its names."""
    return {key: _shown(value) for key, value in rule.items() if key not in {"id", "name"}}


def _reordered(
    was: Mapping[tuple[str, str, str], list[str]], now: Mapping[tuple[str, str, str], list[str]]
) -> Iterator[Change]:
    """Lists of which those that are in both stand in another order: it decides who comes first."""
    for key, ids in now.items():
        before = [one for one in was.get(key, ()) if one in ids]
        after = [one for one in ids if one in before]
        if before != after:
            what, name, listed = key
            yield Change(CHANGED, what, name, (Word(f"order of {listed}", ", ".join(before), ", ".join(after)),))


def _lines(was: str, now: str) -> Iterator[Word]:
    """The places where two texts differ, by lines of the newer one."""
    old, new = was.splitlines(), now.splitlines()
    if len(old) + len(new) > _MANY_LINES:
        yield Word("lines", f"{len(old):,}", f"{len(new):,}")
        return
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            before, after = "\n".join(old[i1:i2]), "\n".join(new[j1:j2])
            yield Word(f"line {j1 + 1}", before if i1 < i2 else None, after if j1 < j2 else None)


def _without_stage(name: str) -> str:
    pipeline, _, rest = name.partition("/")
    return f"{pipeline}//{rest.rpartition('/')[2]}"


def _words(was: Any, now: Any, name: str = "") -> Iterator[Word]:
    if isinstance(was, dict) and isinstance(now, dict):
        for key in {**was, **now}:
            path = f"{name}.{key}" if name else str(key)
            if key in was and key in now:
                yield from _words(was[key], now[key], path)
            else:
                yield from _there(path, was.get(key), now.get(key), gone=key in was)
    elif _shown(was) != _shown(now):
        yield Word(name, _shown(was), _shown(now))


def _there(name: str, was: Any, now: Any, *, gone: bool) -> Iterator[Word]:
    value = was if gone else now
    if isinstance(value, dict) and value:
        for key, one in value.items():
            yield from _there(f"{name}.{key}", one if gone else None, None if gone else one, gone=gone)
    else:
        yield Word(name, _shown(was) if gone else None, None if gone else _shown(now))


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_shown(one)}" for key, one in value.items()) + "}"
    if isinstance(value, Iterable) and not isinstance(value, str):
        return "[" + ", ".join(_shown(one) for one in value) + "]"
    return source_text(value)
