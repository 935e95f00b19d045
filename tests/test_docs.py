"""The handbook's examples: every YAML block loads, every scenario passes, every moment of the tables is right."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from stageauto.loader import files
from stageauto.loader.load import Loaded, load
from stageauto.runner.scenario import PASSED, run_scenario

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
PAGES = ("conditions", "documents", "language", "listening", "messages", "scenarios", "timing", "tour", "triggers")
CONNECT = tuple(f"connect/{page.stem}" for page in sorted((ROOT / "docs" / "connect").glob("*.md")))
# What the pages on connecting a provider have in `.env`.
ENV = {
    "ANNA_NTFY": "ntfy://a-topic-of-annas",
    "DAV_PASSWORD": "a-password",
    "ERP_SECRET": "whsec_c2VjcmV0",
    "ERP_TOKEN": "a-token",
    "METRICS_TOKEN": "a-token",
    "SHOP_SECRET": "a-secret",
    "SIGNING_PASSWORD": "a-password",
    "EDNA_KEY": "01234567-89ab-cdef-0123-456789abcdef",
    "IMAP_PASSWORD": "a-password",
    "MAIL_PASSWORD": "a-password",
    "TEAM_SLACK": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#sales",
    "TELEGRAM_SECRET": "something-long",
    "TELEGRAM_TOKEN": "123456789:AAE-the-rest-of-the-token-of-your-bot",
    "GOOGLE_SECRET": "GOCSPX-a-secret",
    "GOOGLE_REFRESH": "1//a-refresh-token",
    "MICROSOFT_SECRET": "a-secret",
    "GOOGLE_CLIENT_ID": "1234-abc.apps.googleusercontent.com",
    "GOOGLE_CLIENT_SECRET": "GOCSPX-a-secret",
    "GOOGLE_REFRESH_TOKEN": "1//a-refresh-token",
    "LOX24_SECRET": "a-secret",
    "SMS_SECRET": "a-secret",
    "LOX24_TOKEN": "1234567:e3f3a759b6677959b6ebfcaa",
    "META_TOKEN": "EAAB-a-token",
    "SMS_TOKEN": "a-token",
    "TWILIO_ACCOUNT": "AC0123456789abcdef0123456789abcdef",
    "TWILIO_TOKEN": "a-token",
    "VK_CLIENT_ID": "a-client",
    "VK_CLIENT_SECRET": "a-secret",
    "VK_REFRESH_TOKEN": "a-refresh-token",
    "YANDEX_TOKEN": "y0_a-token",
}
NOW = 1_772_438_400_000
PAGE = "pipelines/page.yaml"
MARK = re.compile(r"<!-- load: (\w+) -->")
MOMENTS = re.compile(r"<!-- moments: (\S+) -->")

FIELDS = """
fields:
  amount: {type: money, default: 0}
  agreed: {type: boolean, default: false}
  phone: phone
  contract: file
  faq: file
  tracking_no: string
  meeting_at: datetime
  delivery_date: date
  old_date: date
  empty_date: date
  signed_at: datetime
"""
WRAPPERS = {
    "rule": "stages:\n  - id: quote\n    rules:\n      - {first}\n  - id: later\n",
    "rules": "stages:\n  - id: quote\n    rules:\n{all}\n  - id: later\n",
    "trigger": "stages:\n  - id: quote\n  - id: later\n    triggers:\n      - {first}\n",
}


@dataclass(frozen=True)
class Block:
    """A YAML block of a page; `kind` is what its mark says, "" without one."""

    page: str
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks() -> Iterator[Block]:
    for page in (*PAGES, *CONNECT):
        lines = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8").split("\n")
        for number, line in enumerate(lines):
            if line == "```yaml":
                mark = MARK.fullmatch(lines[number - 1])
                end = lines.index("```", number)
                yield Block(page, number + 1, mark[1] if mark else "", "\n".join(lines[number + 1 : end]) + "\n")


def rows() -> Iterator[tuple[str, str, str]]:
    """Moment of entry, the rule's words, what the table says, of each row of a table of moments."""
    for page in PAGES:
        text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
        for mark in MOMENTS.finditer(text):
            table = text[mark.end() :].strip().split("\n\n")[0]
            for row in table.split("\n")[2:]:
                rule, due = [cell.strip() for cell in row.strip("|").split("|")][:2]
                yield mark[1], rule.strip("`"), due


@cache
def base() -> Mapping[str, str]:
    return files.read_files(EXAMPLES)


def loaded(texts: Mapping[str, str], scenario: str | None = None) -> Loaded:
    scenarios = {"scenarios/page.yaml": scenario} if scenario else {}
    return load(texts, env=ENV, now=NOW, scenarios=scenarios, files_present=files.file_finder(EXAMPLES))


def workspace_with(block: Block) -> Loaded:
    """The example workspace with the block in it, at the place that its mark names."""
    if block.kind == "scenario":
        return loaded(base(), block.text)
    if block.kind == "workspace":
        return loaded({"stageauto.yaml": block.text, "pipelines/deals.yaml": "pipeline: deals\nstages: [{id: new}]\n"})
    if block.kind == "pipeline":
        return loaded({**base(), PAGE: block.text})
    first = textwrap.indent(block.text, "        ").strip()
    wrapped = WRAPPERS[block.kind].replace("{first}", first).replace("{all}", textwrap.indent(block.text, "      "))
    return loaded({**base(), PAGE: f"pipeline: page\n{FIELDS}{wrapped}"})


@pytest.mark.parametrize("block", list(blocks()), ids=str)
def test_a_block_of_the_handbook_loads_without_any_diagnostic(block: Block) -> None:
    assert block.kind in {*WRAPPERS, "pipeline", "workspace", "scenario"}, "the line above says what it is"
    found = workspace_with(block)
    assert [f"{one.file}:{one.line}: {one.message}" for one in found.diagnostics] == []
    if block.kind == "scenario":
        assert found.workspace is not None
        result = run_scenario(found.workspace, found.scenarios[0])
        assert result.outcome == PASSED, result.failures


@pytest.mark.parametrize(("entered", "rule", "due"), list(rows()))
def test_a_rule_of_the_tables_is_due_when_they_say(entered: str, rule: str, due: str) -> None:
    page = f"pipeline: page\n{FIELDS}" + (
        "stages:\n  - id: quote\n    rules:\n      - {id: it, do: add_log_entry, with: {text: now}, " + rule + "}\n"
    )
    found = loaded({**base(), PAGE: page}, _scenario(entered, due))
    assert [f"{one.file}:{one.line}: {one.message}" for one in found.diagnostics] == []
    assert found.workspace is not None
    result = run_scenario(found.workspace, found.scenarios[0])
    assert result.outcome == PASSED, [(miss.expected, miss.found) for miss in result.failures]


def _scenario(entered: str, due: str) -> str:
    """A scenario that passes where the rule `it` is due as the table says."""
    if due == "skipped":
        expect = "outcomes: [{rule: it, outcome: skipped}]"
    elif due == "waiting":
        expect = "exactly: true, outcomes: [], pending: [{rule: it, item: i}]"
    else:
        moment = _moment(due)
        at_once = moment == entered
        expect = "outcomes: [{rule: it, outcome: done}]" if at_once else f'pending: [{{rule: it, due: "{moment}"}}]'
    return (
        f'scenario: a row\nstart: "{entered}"\ngiven:\n  items:\n    - id: i\n      pipeline: page\n      fields: '
        '{meeting_at: "2026-03-05T11:00", delivery_date: "2026-03-09", old_date: "2026-03-02"}\n'
        f"steps:\n  - expect: {{{expect}}}\n"
    )


def _moment(due: str) -> str:
    """`Thu 2026-03-05 09:00` as `2026-03-05T09:00`; the day of the week must be right."""
    from datetime import datetime

    weekday, day, time = due.split(" ")
    assert datetime.fromisoformat(day).strftime("%a") == weekday, f"{day} is no {weekday}"
    return f"{day}T{time}"


def test_the_handbook_has_blocks_and_rows_to_look_at() -> None:
    assert {block.kind for block in blocks()} == {*WRAPPERS, "pipeline", "workspace", "scenario"}
    assert len(list(rows())) > len("every timing word")


def test_every_page_of_the_language_can_be_found_from_the_tour() -> None:
    tour = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")
    assert [page for page in PAGES if page != "tour" and f"({page}.md)" not in tour] == []
