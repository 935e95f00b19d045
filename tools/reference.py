"""Writes the reference pages of the handbook from the kinds themselves, so that they say what the program does.

`python tools/reference.py [FOLDER]` writes into FOLDER (docs/reference) a page for each action, event and channel
(actions/send_email.md), and the lists of them: actions.md, events.md and channels.md.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from stageauto import registry
from stageauto.engine.event_types import EventType
from stageauto.engine.options import GroupOption, Option, options_of
from stageauto.loader.shapes import CHANNEL_COMMON as COMMON

ROOT = Path(__file__).resolve().parent.parent


def main(folder: Path) -> None:
    """Write the pages; those of kinds that are gone are removed."""
    made = pages()
    for old in folder.glob("*/*.md"):
        if str(old.relative_to(folder)) not in made:
            old.unlink()
    for name, text in made.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def pages() -> Mapping[str, str]:
    """Give back the Markdown of each page by the name of its file."""
    actions, events, channels = registry.actions(), registry.events(), registry.channels()
    return {
        **_pages(
            "actions",
            "What a rule can do. The word stands after `do:`, the options stand under `with:`.",
            {word: class_section(word, actions[word], actions[word]) for word in sorted(actions)},
        ),
        **_pages(
            "events",
            "What can come in. The word stands after `event:`; any key of the data can be asked for under `where:`.",
            {word: event_section(events[word]) for word in sorted(events)},
        ),
        **_pages(
            "channels",
            "What talks to the services outside. The word stands after `type:` under `channels:`.",
            {word: class_section(word, channels[word], channels[word].options) for word in sorted(channels)},
            table(("every channel has", "is"), [(f"`{name}`", said["description"]) for name, said in COMMON.items()]),
        ),
    }


def _pages(group: str, summary: str, sections: Mapping[str, str], more: str = "") -> dict[str, str]:
    """The list of the group, and a page for each of its kinds."""
    rows = [(f"[`{word}`]({group}/{file_name(word)})", _first(text)) for word, text in sections.items()]
    listed = [f"# {group.capitalize()}", summary, table(("word", "is"), rows), more]
    back = f"*One of the [{group}](../{group}.md).*"
    made = {f"{group}.md": "\n\n".join(part for part in listed if part) + "\n"}
    return made | {f"{group}/{file_name(word)}": f"{text}\n\n{back}\n" for word, text in sections.items()}


def file_name(word: str) -> str:
    """Give back the name of a kind's page, `app.*` being app.md."""
    return word.removesuffix(".*") + ".md"


def _first(section: str) -> str:
    """The first paragraph below the heading, on one line."""
    return " ".join(section.split("\n\n")[1].split())


def class_section(word: str, cls: type, options: type) -> str:
    """Give back an action or a channel: what its docstring says, its example, a table of the fields of `options`."""
    prose, _, example = inspect.cleandoc(cls.__doc__ or "").partition("Example:\n")
    return _section(word, prose, example, table(("option", "takes", "is"), list(_rows(options))))


def _rows(options: type, above: str = "") -> Iterator[tuple[str, ...]]:
    """A row for each option, and below a group those of its own options: `say`, `say.text`."""
    for name, option in options_of(options).items():
        yield f"`{above}{name}`", _takes(option), _help(option)
        if isinstance(option.type, GroupOption):
            yield from _rows(option.type.cls, f"{above}{name}.")


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
    return "\n\n".join(part for part in (f"# `{word}`", prose.strip(), shown, rows) if part)


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
