"""Writes the reference pages of the handbook from the kinds themselves, so that they say what the program does.

`python tools/reference.py [FOLDER]` writes actions.md, events.md and channels.md into FOLDER (docs/reference).
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from stageauto import registry
from stageauto.engine.event_types import EventType
from stageauto.engine.options import Option, options_of

ROOT = Path(__file__).resolve().parent.parent


def main(folder: Path) -> None:
    """Write the three pages."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


def pages() -> Mapping[str, str]:
    """Give back the Markdown of each page by its file name."""
    actions, events, channels = registry.actions(), registry.events(), registry.channels()
    return {
        "actions.md": page(
            "Actions",
            "What a rule can do. The word stands after `do:`, the options stand under `with:`.",
            (class_section(word, actions[word], actions[word]) for word in sorted(actions)),
        ),
        "events.md": page(
            "Events",
            "What can come in. The word stands after `event:`; any key of the data can be asked for under `where:`.",
            (event_section(events[word]) for word in sorted(events)),
        ),
        "channels.md": page(
            "Channels",
            "What talks to the services outside. The word stands after `type:` under `channels:`.",
            (class_section(word, channels[word], channels[word].options) for word in sorted(channels)),
        ),
    }


def page(title: str, summary: str, sections: Iterable[str]) -> str:
    """Give back a whole page."""
    return "\n\n".join([f"# {title}", summary, *sections]) + "\n"


def class_section(word: str, cls: type, options: type) -> str:
    """Give back an action or a channel: what its docstring says, its example, a table of the fields of `options`."""
    prose, _, example = inspect.cleandoc(cls.__doc__ or "").partition("Example:\n")
    rows = [(f"`{name}`", _takes(option), _help(option)) for name, option in options_of(options).items()]
    return _section(word, prose, example, table(("option", "takes", "is"), rows))


def event_section(event: EventType) -> str:
    """Give back an event: what it is, who causes it, its example, a table of its data."""
    facts = [event.help]
    if event.customer:
        facts.append("Something the customer does: it ends waits.")
    if event.engine:
        facts.append("Made by stageauto itself.")
    if event.open_data:
        facts.append("Carries any other keys as well.")
    rows = [(f"`{key}`", what) for key, what in event.data.items()]
    return _section(event.name, "\n\n".join(facts), event.example, table(("data", "is"), rows))


def _section(word: str, prose: str, example: str, rows: str) -> str:
    shown = f"```yaml\n{textwrap.dedent(example).strip()}\n```" if example.strip() else ""
    return "\n\n".join(part for part in (f"## `{word}`", prose.strip(), shown, rows) if part)


def table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Give back a Markdown table; nothing for no rows."""
    if not rows:
        return ""
    lines = [heads, tuple("---" for _ in heads), *(tuple(cell.replace("|", "\\|") for cell in row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _help(option: Option) -> str:
    return f"{option.help} **Required.**" if option.required else option.help


def _takes(option: Option) -> str:
    schema = option.type.schema()
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    kind = schema.get("type", "any value")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "reference")
