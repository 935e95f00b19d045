"""The reference pages: made from the kinds, whole, and safe inside a Markdown table."""

from __future__ import annotations

from dataclasses import dataclass

from stageauto.engine.event_types import EventType
from stageauto.engine.options import Choice, TextOption, option
from tools.reference import class_section, event_section, pages, table


@dataclass(frozen=True)
class Whistle:
    """Whistle at somebody.

    Example:
        do: whistle
        with: {tune: "{{ item.title }}"}
    """

    tune: str = option(TextOption(), "what is whistled")
    pitch: str = option(Choice(("low", "high")), "how: low | high", default="low")


def test_an_action_shows_its_docstring_its_example_and_its_options() -> None:
    assert class_section("whistle", Whistle, Whistle) == (
        "## `whistle`\n\nWhistle at somebody.\n\n"
        '```yaml\ndo: whistle\nwith: {tune: "{{ item.title }}"}\n```\n\n'
        "| option | takes | is |\n| --- | --- | --- |\n"
        "| `tune` | string or number or boolean | what is whistled **Required.** |\n"
        "| `pitch` | `low`, `high` | how: low \\| high |"
    )


def test_an_event_says_who_causes_it_and_what_it_carries() -> None:
    event = EventType("kettle.boiled", "The kettle boiled.", data={"litres": "how much"}, customer=True)
    assert event_section(event) == (
        "## `kettle.boiled`\n\nThe kettle boiled.\n\nSomething the customer does: it ends waits.\n\n"
        "| data | is |\n| --- | --- |\n| `litres` | how much |"
    )


def test_nothing_to_tell_makes_no_table() -> None:
    assert table(("data", "is"), []) == ""


def test_every_group_of_kinds_has_its_page() -> None:
    made = pages()
    assert set(made) == {"actions.md", "channels.md", "events.md"}
    assert made["actions.md"].startswith("# Actions\n")
