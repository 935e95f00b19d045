"""The reference pages: made from the kinds, whole, and safe inside a Markdown table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stageauto import registry
from stageauto.engine.event_types import EventType
from stageauto.engine.options import Choice, GroupOption, TextOption, option
from tools.reference import class_section, event_section, file_name, main, pages, table


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
        "# `whistle`\n\nWhistle at somebody.\n\n"
        '```yaml\ndo: whistle\nwith: {tune: "{{ item.title }}"}\n```\n\n'
        "| option | takes | is |\n| --- | --- | --- |\n"
        "| `tune` | string or number or boolean | what is whistled **Required.** |\n"
        "| `pitch` | `low`, `high` | how: low \\| high |"
    )


@dataclass(frozen=True)
class Band:
    """Let a band play."""

    player: Whistle = option(GroupOption(Whistle), "who plays")


def test_the_options_of_a_group_stand_below_it() -> None:
    rows = class_section("band", Band, Band).splitlines()
    assert [row.split(" | ")[0] for row in rows[-3:]] == ["| `player`", "| `player.tune`", "| `player.pitch`"]


def test_an_event_says_who_causes_it_and_what_it_carries() -> None:
    event = EventType("kettle.boiled", "The kettle boiled.", data={"litres": "how much"}, customer=True)
    assert event_section(event) == (
        "# `kettle.boiled`\n\nThe kettle boiled.\n\nSomething the customer does: it ends waits.\n\n"
        "| data | is |\n| --- | --- |\n| `litres` | how much |"
    )


def test_nothing_to_tell_makes_no_table() -> None:
    assert table(("data", "is"), []) == ""


def test_every_kind_has_a_page_with_its_example_and_every_group_a_list_of_them() -> None:
    made = pages()
    kinds = {"actions": registry.actions(), "channels": registry.channels(), "events": registry.events()}
    assert set(made) == {
        *(f"{group}.md" for group in kinds),
        *(f"{group}/{file_name(word)}" for group, words in kinds.items() for word in words),
    }
    for group, words in kinds.items():
        for word in words:
            page = made[f"{group}/{file_name(word)}"]
            assert page.startswith(f"# `{word}`\n")
            assert "```yaml\n" in page
            assert f"[`{word}`]({group}/{file_name(word)})" in made[f"{group}.md"]


def test_pages_of_kinds_that_are_gone_are_removed(tmp_path: Path) -> None:
    (tmp_path / "actions").mkdir()
    (tmp_path / "actions" / "fly.md").write_text("# `fly`\n")
    (tmp_path / "plugins.md").write_text("# Plugins\n")
    main(tmp_path)
    assert not (tmp_path / "actions" / "fly.md").exists()
    assert (tmp_path / "actions" / "wait.md").exists()
    assert (tmp_path / "plugins.md").exists()
