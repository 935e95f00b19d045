"""What came of loading, importing and looking after a state, as people and machines read it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stageauto.report.tables import Cell, Table, safe

if TYPE_CHECKING:
    from stageauto.report.output import Output
    from stageauto.runner.doctor import Finding
    from stageauto.runner.import_rows import ImportFaultsError
    from stageauto.runner.importing import Imported
    from stageauto.runner.upkeep import BackedUp, Pruned, Restored, VersionsView
    from stageauto.store.records import Version

_NEXT = (
    ("validate", "no findings"),
    ("test", "the scenarios pass"),
    ("load", "makes it the active version"),
    ("run", "the daemon; what it sends lands in .stageauto/outbox/"),
)


def instant(ms: int) -> str:
    """RFC 3339 in UTC, with milliseconds."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def counted(number: int, one: str, many: str = "") -> str:
    """`1 item`, `8,800 items`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def started_text(folder: Path, template: str, written: Sequence[str], extra: str = "") -> Iterator[str]:
    """What `init` made, and what to do with it; first of all to install the `extra` that it needs."""
    yield safe(f"{folder}: {counted(len(written), 'file')} of the template `{template}`")
    yield "next:"
    if folder != Path():
        yield safe(f"  cd {shlex.quote(str(folder))}")
    if extra:
        yield f"  pip install 'stageauto[{extra}]'  # its rules make documents; or begin with --template leads"
    for command, why in _NEXT:
        yield f"  stageauto {command:<10}# {why}"


def show_faults(out: Output, name: str, error: ImportFaultsError) -> None:
    """The faults of a file that was not imported: to stderr; with --json the document too."""
    for line in faults_text(name, error):
        out.hint(safe(line))
    if out.json:
        out.hint(safe(f"error: {error.message}"))
        out.document(faults_data(error))
    else:
        out.error(error.message, error.hint, error.exit_code)


# -- versions ---------------------------------------------------------------------------------------------------------


def versions_text(found: VersionsView) -> Iterator[Table]:
    """One row for each version, in local time."""
    zone = found.facts.zone
    rows: list[list[str | Cell]] = [
        [
            str(one.n), f"{datetime.fromtimestamp(one.loaded_at / 1000, zone):%Y-%m-%d %H:%M}", one.author,
            str(len(one.files)), Cell("active", "done") if one.active else "", one.note,
        ]
        for one in found.versions
    ]  # fmt: skip
    right = frozenset({"version", "files"})
    yield Table(("version", "loaded", "by", "files", "", "note"), rows, "nothing is loaded yet", right)


def version_data(one: Version) -> dict[str, Any]:
    """A version as JSON."""
    return {
        "version": one.n, "loaded_at": instant(one.loaded_at), "author": one.author, "note": one.note,
        "active": one.active, "files": sorted(one.files),
    }  # fmt: skip


# -- import -----------------------------------------------------------------------------------------------------------


def imported_text(done: Imported) -> Iterator[str]:
    """What was imported."""
    verb = "would be imported" if done.dry_run else "imported"
    yield f"{counted(done.items, 'item')} {verb} into {done.pipeline}"
    yield "  " + ", ".join(f"{stage} {number:,}" for stage, number in done.by_stage.items())
    if done.companies:
        yield f"  {counted(done.companies, 'new company', 'new companies')}"
    if done.contacts:
        yield f"  {counted(done.contacts, 'new contact')}"
    if not done.dry_run:
        going = counted(done.rules, "rule") if done.rules else "no rule"
        yield f"  {going} set going" + ("" if done.rules else " (see --start-rules)")
    if done.not_taken:
        yield f"  columns not taken: {', '.join(done.not_taken)}"


def imported_data(done: Imported) -> dict[str, Any]:
    """What was imported, as JSON."""
    return {
        "pipeline": done.pipeline, "items": done.items, "dry_run": done.dry_run, "by_stage": done.by_stage,
        "companies": done.companies, "contacts": done.contacts, "rules": done.rules, "not_taken": done.not_taken,
    }  # fmt: skip


def faults_text(name: str, error: ImportFaultsError) -> Iterator[str]:
    """The faults of a file, one a line, as compilers write them."""
    for one in error.faults:
        where = f"{name}:{one.line}: " + (f"{one.column}: " if one.column else "")
        yield f"{where}{one.message}" + (f" ({one.hint})" if one.hint else "")
    if error.count > len(error.faults):
        yield f"... and {error.count - len(error.faults):,} more"


def faults_data(error: ImportFaultsError) -> dict[str, Any]:
    """The faults of a file, as JSON."""
    listed = [
        {"line": one.line, "column": one.column, "message": one.message, "hint": one.hint} for one in error.faults
    ]
    return {
        "error": {"message": error.message, "hint": error.hint, "code": error.exit_code},
        "count": error.count, "faults": listed,
    }  # fmt: skip


# -- doctor, backup, prune --------------------------------------------------------------------------------------------


def findings_text(found: Sequence[Finding]) -> Iterator[str | Table]:
    """One row for each finding."""
    styles = {"ok": "done", "warn": "unknown", "bad": "failed"}
    rows: list[list[str | Cell]] = [
        [Cell(one.level, styles[one.level]), one.check, one.text, one.hint] for one in found
    ]
    yield Table(("", "check", "found", "what to do"), rows)


def findings_data(found: Sequence[Finding]) -> dict[str, Any]:
    """The findings, as JSON; `ok` is false where one is bad."""
    listed = [{"check": one.check, "level": one.level, "text": one.text, "hint": one.hint} for one in found]
    return {"ok": all(one["level"] != "bad" for one in listed), "findings": listed}


def backed_up_text(done: BackedUp) -> str:
    """Where the copy is, in a sentence."""
    return f"{done.file}: {done.size / 1e6:,.1f} MB, whole as of now"


def restored_text(done: Restored) -> str:
    """What was restored and what to do next."""
    kept = f"; what was there before is {done.kept}" if done.kept else ""
    return f"{done.state} is restored{kept}. It sends nothing until `stageauto resume --all`"


def pruned_text(done: Pruned) -> str:
    """What was forgotten, in a sentence."""
    parts = [f"{table} {number:,}" for table, number in done.rows.items() if number]
    return f"forgot what was over before {instant(done.before)[:10]}: {', '.join(parts) or 'there was nothing'}"


def unit(root: Path, command: str, user: str) -> str:
    """A systemd service (systemd.service(5)) that runs the workspace as that user and can write to it alone."""
    return f"""\
[Unit]
Description=stageauto in {_escaped(root)}
After=network-online.target
Wants=network-online.target
# Exit code 2 or 4: the files or the state need a person; trying again all day does not help.
StartLimitIntervalSec=10min
StartLimitBurst=5

[Service]
Type=exec
User={user}
WorkingDirectory={_escaped(root)}
ExecStart={_argument(command)} -C {_argument(str(root))} run
Restart=on-failure
RestartSec=5s
RestartPreventExitStatus=2 4
# `run` ends by itself within its grace time.
KillSignal=SIGTERM
TimeoutStopSec=30s
UMask=0077
NoNewPrivileges=yes
PrivateTmp=yes
ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths={_argument(str(root))}
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes

[Install]
WantedBy=multi-user.target
"""


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")


def _argument(text: str) -> str:
    """The text as one argument of a unit's line: `%` and `$` stand for themselves."""
    plain = text.replace("%", "%%").replace("$", "$$")
    if any(one in plain for one in " \t\"'\\;"):
        return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return plain
