"""Rules and triggers that have a new id since the active version, without `renamed` saying so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final

from stageauto.engine.model import Pipeline
from stageauto.loader.lint.view import Finding, View
from stageauto.loader.source import Path, id_of
from stageauto.loader.yaml import Map, read

_NEAR: Final = 0.6  # as `difflib.get_close_matches` has it
_WORDS: Final = frozenset({"id", "name", "enabled"})


@dataclass(frozen=True, slots=True)
class _Entry:
    """A rule or trigger as it is written: its stage, its id, and where it stands in the new file."""

    what: str
    stage: str
    id: str
    words: Mapping[str, Any]
    path: Path


def silent_renames(view: View) -> Iterator[Finding]:
    """`renamed-silently`: an id is gone, and a new one has its words; what is pending under the old is cancelled."""
    before = {name: text for name, text in view.before.items() if name.startswith("pipelines/")}
    for pipeline in view.pipelines() if before else ():
        text = before.get(pipeline.file)
        if text is not None and text != view.sources[pipeline.file].text:
            yield from _of_pipeline(view, pipeline, read(text).root)


def _of_pipeline(view: View, pipeline: Pipeline, old: Any) -> Iterator[Finding]:
    if not isinstance(old, Map) or old.get("pipeline") != pipeline.id:
        return
    were, are = _entries(old), _entries(view.sources[pipeline.file].root)
    gone = [one for one in were.values() if one.id not in are and one.id not in pipeline.renamed]
    known = {*were, *pipeline.renamed.values()}
    for new in are.values():
        if new.id not in known:
            was = next((one for one in gone if _is_same(one, new, pipeline.moved)), None)
            if was is not None:
                gone.remove(was)
                message = f"the {new.what} `{new.id}` looks like `{was.id}` of the active version under a new id"
                hint = f"if it is, add `renamed: [{{from: {was.id}, to: {new.id}}}]`"
                hint += ", else what is pending of it is cancelled" if new.what == "rule" else ""
                yield Finding("renamed-silently", pipeline.file, (*new.path, "id"), message, hint)


def _entries(root: Map) -> dict[str, _Entry]:
    found = {}
    for number, stage in enumerate(root.get("stages", ())):
        for what in ("rules", "triggers"):
            for index, one in enumerate(stage.get(what) or () if isinstance(stage, Map) else ()):
                if id_of(one):
                    path = ("stages", number, what, index)
                    entry = _Entry(what.removesuffix("s"), id_of(stage), id_of(one), one, path)
                    found[entry.id] = entry
    return found


def _is_same(old: _Entry, new: _Entry, moved: Mapping[str, str]) -> bool:
    """Whether it is the same thing: all words, or a near id and the words that say what it does."""
    if old.what != new.what or moved.get(old.stage, old.stage) != new.stage:
        return False
    if _told(old, *old.words) == _told(new, *new.words):
        return True
    core = ("do", "with") if old.what == "rule" else ("event", "where", "cron")
    near = SequenceMatcher(None, old.id, new.id).ratio() >= _NEAR
    return near and _told(old, *core) == _told(new, *core)


def _told(entry: _Entry, *keys: str) -> dict[str, Any]:
    return {key: entry.words.get(key) for key in keys if key not in _WORDS}
