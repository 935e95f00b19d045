"""A new workspace: the files of the examples that a template takes, fitted to where they go."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from stageauto.errors import UsageError
from stageauto.resources import data
from stageauto.runner.session import os_user

SCHEMAS = ("workspace", "pipeline", "scenario")
_ALL = ("leads", "deals", "signing")
_IGNORED = "# What the commands make, and secrets: not for version control.\n.stageauto/\n.env\n"


@dataclass(frozen=True, slots=True)
class Template:
    """Which pipelines of the examples it takes; `cut`: rules that would lead into one that it does not take."""

    what: str
    pipelines: tuple[str, ...]
    cut: tuple[str, ...] = ()
    main: tuple[str, ...] = field(default_factory=tuple)  # the scenarios that show these; () = all that fit
    packages: tuple[str, ...] = ()  # optional ones that its rules need, those of the extra `documents`


_DOCUMENTS = ("pyhanko", "typst")
TEMPLATES = {
    "sales": Template("leads, deals and contracts to sign", _ALL, packages=_DOCUMENTS),
    "leads": Template(
        "leads that become deals", ("leads", "deals"), cut=("to-signing", "contract-note"), main=("leads",)
    ),
    "esign": Template("contracts to sign", ("signing",), packages=_DOCUMENTS),
    "blank": Template("one small pipeline to begin with", ()),
}


class ExistingFilesError(UsageError):
    """A file that would be written is there already."""


def missing_extra(template: str) -> str:
    """The extra to install before the template's rules work here, "" where everything is there."""
    return "documents" if any(find_spec(one) is None for one in TEMPLATES[template].packages) else ""


def start(folder: Path, template: str) -> list[str]:
    """Writes the workspace into the folder; gives the paths written, relative to it.

    Raises ExistingFilesError, and then nothing is written; UsageError where nothing can be written.
    """
    files = dict(_files(template))
    there = sorted(name for name in files if (folder / name).exists())
    if there:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        message = f"{folder / there[0]} is there already{more}"
        raise ExistingFilesError(message, "name another folder; nothing was written")
    try:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be written: {error.strerror}", "name another folder") from None
    return sorted(files)


def _files(template: str) -> Iterator[tuple[str, bytes]]:
    schemas = data("schemas")
    yield from ((f"schemas/{one}.schema.json", (schemas / f"{one}.schema.json").read_bytes()) for one in SCHEMAS)
    yield ".gitignore", _IGNORED.encode()
    if template == "blank":
        yield from ((name, text.encode()) for name, text in _BLANK.items())
        return
    examples, chosen = data("examples"), TEMPLATES[template]
    missing = [name for name in _ALL if name not in chosen.pipelines]
    yield "stageauto.yaml", _main(_text(examples / "stageauto.yaml"), missing).encode()
    for name in chosen.pipelines:
        text = _text(examples / "pipelines" / f"{name}.yaml")
        for rule in chosen.cut:
            text = _without_entry(text, rule)
        yield f"pipelines/{name}.yaml", text.encode()
    for path in sorted((examples / "scenarios").glob("*.yaml")):
        text = _text(path)
        if _fits(text, chosen, missing):
            yield f"scenarios/{path.name}", text.encode()
    for path in sorted((examples / "templates").rglob("*")):
        if path.is_file():
            yield path.relative_to(examples).as_posix(), path.read_bytes()


def _text(path: Path) -> str:
    """The file, with the place of the schemas as it is in the new workspace."""
    return path.read_text(encoding="utf-8").replace("../schemas/", "schemas/", 1)


def _main(text: str, missing: list[str]) -> str:
    """stageauto.yaml without the roles of pipelines that are not taken; whoever begins is the admin."""
    for name in missing:
        text = re.sub(rf"(?m)^    {name}: \[.*\]\n", "", text)
    return text.replace("${USER:-root}", os_user())


def _without_entry(text: str, entry: str) -> str:
    """The YAML without the list entry of that id and without the blank line after it."""
    return re.sub(rf"(?m)^( +)- id: {re.escape(entry)}\n(?:\1 +.*\n|\n(?=\1 ))*", "", text)


def _fits(text: str, chosen: Template, missing: list[str]) -> bool:
    """True where the scenario needs nothing that was left out, and shows what the template is about."""
    used = set(re.findall(r"pipeline: *([a-z_-]+)", text))
    if used & set(missing) or any(re.search(rf"\b{rule}\b", text) for rule in chosen.cut):
        return False
    return not chosen.main or bool(used & set(chosen.main))


_BLANK = {
    "stageauto.yaml": """\
# yaml-language-server: $schema=schemas/workspace.schema.json
stageauto: 1
timezone: Europe/London

calendars:
  working: {mon-fri: "09:00-17:00"}

# Without `users` everybody who can open the state may do everything.

channels:
  # Every message becomes a file under .stageauto/outbox/. To send for real:
  # {type: smtp, host: "${SMTP_HOST}", port: 587, from: "you@example.com"}
  mail: {type: file, from: "you@example.com"}
""",
    "pipelines/requests.yaml": """\
# yaml-language-server: $schema=../schemas/pipeline.schema.json
pipeline: requests
name: Requests
entity: lead

fields:
  subject: text

stages:
  - id: new
    name: New
    rules:
      - id: thanks
        name: Say thank you
        do: send_email
        if: contact.email
        with:
          from: workspace
          subject: "We have your request: {{ item.title }}"
          body: |
            Dear {{ contact.first_name }},
            thank you. You will hear from us within two working days.
      - id: answer-it
        name: Nobody should wait longer than that
        do: create_task
        after: thanks
        with: {title: "Answer {{ item.title }}", in: 2wd}

  - id: answered
    name: Answered
    triggers:
      - id: task-is-done
        event: task.completed
        where: {rule: answer-it}

  - id: closed
    name: Closed
    kind: won
""",
    "scenarios/a-request-is-answered.yaml": """\
# yaml-language-server: $schema=../schemas/scenario.schema.json
scenario: A request is thanked for, and moves on when its task is done
start: "2026-03-02T09:00"
given:
  items:
    - {id: r1, pipeline: requests, stage: new, title: Opening hours,
       contact: {first_name: Ewa, emails: [{value: ewa@home.test, type: private}]}}
steps:
  - expect:
      sent: [{do: send_email, to: ewa@home.test, subject: "/Opening hours/"}]
      tasks: [{title: Answer Opening hours, status: open}]
  - after: 1d
    emit: task.completed
    item: r1
    data: {rule: answer-it, stage: new}
  - expect:
      items: {r1: {stage: answered}}
      moves: {r1: [new, answered]}
""",
}
