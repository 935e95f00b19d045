"""What `run`, `test` and `simulate` say."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from stageauto.report.output import Output, UnwritableError, dumps
from stageauto.report.tables import safe
from stageauto.report.timeline import sentence
from stageauto.report.times import local, utc
from stageauto.report.upkeep import counted
from stageauto.runner.observe import TRACES

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from stageauto.engine.state import Entry
    from stageauto.runner.scenario import Missed, Result

GREEN, RED, DIM, OFF = "\033[32m", "\033[31m", "\033[2m", "\033[0m"


# -- test ------------------------------------------------------------------------------------------------------------


def result_data(results: Sequence[Result]) -> dict[str, Any]:
    """The JSON document of `test`."""
    return {
        "passed": sum(one.outcome == "passed" for one in results),
        "failed": sum(one.outcome != "passed" for one in results),
        "scenarios": [
            {
                "scenario": one.scenario,
                "file": one.file,
                "outcome": one.outcome,
                "failures": [_missed_data(missed) for missed in one.failures],
            }
            for one in results
        ],
    }


def _missed_data(missed: Missed) -> dict[str, Any]:
    return {
        "step": missed.step,
        "line": missed.place.line,
        "at": utc(missed.at) if missed.at else None,
        "message": missed.message,
        "expected": missed.expected,
        "found": list(missed.found),
    }


def result_lines(result: Result, zone: ZoneInfo, *, color: bool) -> Iterator[str]:
    """One scenario: a line when it passed; what was expected, what happened and the history around it when not."""
    good = result.outcome == "passed"
    done, broken = ("✓", "✗") if (sys.stdout.encoding or "").lower().startswith("utf") else ("ok", "FAILED")
    mark = done if good else broken
    tint, off = (GREEN if good else RED, OFF) if color else ("", "")
    yield f"{tint}{mark}{off} {safe(result.scenario)}  ({safe(result.file)})"
    told: tuple[Entry, ...] = ()
    for missed in result.failures:
        # What several failures have before them is told once.
        yield from _missed_lines(missed, zone, missed.timeline if tuple(missed.timeline) != told else ())
        told = tuple(missed.timeline) or told


def _missed_lines(missed: Missed, zone: ZoneInfo, timeline: Sequence[Entry]) -> Iterator[str]:
    moment = f" at {local(missed.at, zone)}" if missed.at else ""
    yield f"    {safe(missed.place.file)}:{missed.place.line}: {safe(missed.message)}{moment}"
    if missed.expected:
        yield f"      expected  {safe(missed.expected)}"
    for index, found in enumerate(missed.found):
        yield f"      {'found     ' if not index else '          '}{safe(found)}"
    if missed.expected and not missed.found:
        yield "      found     nothing"
    if timeline:
        yield "      what happened before:"
        yield from (f"        {safe(entry_line(entry, zone))}" for entry in timeline)


def summary(results: Sequence[Result]) -> str:
    """The closing line."""
    failed = sum(one.outcome != "passed" for one in results)
    return f"{len(results) - failed} passed, {failed} failed"


# -- simulate --------------------------------------------------------------------------------------------------------


def entry_line(entry: Entry, zone: ZoneInfo) -> str:
    """A line of history: when, whose, what."""
    return f"{local(entry.at, zone)}  {entry.item}  {sentence(entry, zone)}"


def simulated_lines(seen: Mapping[str, Any], zone: ZoneInfo) -> Iterator[str]:
    """A simulation as a timeline, and what it would send."""
    for entry in seen["timeline"]:
        yield safe(entry_line(entry, zone))
    if not seen["timeline"]:
        yield "nothing happens"
    yield ""
    sent, pending = counted(len(seen["sent"]), "message"), counted(len(seen["pending"]), "run")
    yield f"{sent} would go out, {pending} would be pending at the end"


def simulated_data(seen: Mapping[str, Any], timeline: list[Any], items: list[Any]) -> dict[str, Any]:
    """The JSON document of `simulate`."""
    return {
        "timeline": timeline,
        "sent": [{**one, "at": utc(one["at"])} for one in seen["sent"]],
        "items": items,
        "pending": [
            {
                "id": one["id"], "item": one["item"], "pipeline": one["pipeline"], "stage": one["stage"],
                "rule": one["rule"], "do": one["do"], "due": utc(one["due"]), "state": one["state"],
                "reason": one["waiting_for"],
            }
            for one in seen["pending"]
        ],
    }  # fmt: skip


# -- run -------------------------------------------------------------------------------------------------------------


class Log:
    """The daemon's log: readable lines, or JSON objects a line; on a terminal a status line below them."""

    def __init__(self, out: Output, zone: ZoneInfo, *, json: bool) -> None:
        self._out = out
        self._zone = zone
        self._json = json
        self._status = ""
        self._lock = threading.Lock()
        self._live = sys.stderr.isatty() and not json and not out.quiet

    def hear(self, now: int, kind: str, data: Mapping[str, Any]) -> None:
        """One thing that happened; from any thread. Why nothing happened is not said."""
        if kind == "entry" and data["entry"].kind in TRACES:
            return
        with self._lock:
            self._hear(now, kind, data)

    def _hear(self, now: int, kind: str, data: Mapping[str, Any]) -> None:
        if self._json:
            shown = {key: _plain(value, self._zone) for key, value in data.items()}
            self._write(dumps({"at": utc(now), "kind": kind, **shown}))
            return
        if kind == "delivery" or (self._out.quiet and kind not in LOUD):
            return  # the history says what became of a delivery, with its item, and its lines come next
        text = entry_text(data["entry"], self._zone) if kind == "entry" else _SAYS.get(kind, _any)(kind, data)
        self._write(f"{local(now, self._zone, seconds=True)}  {safe(text)}")

    def _write(self, line: str) -> None:
        self.clear()
        with suppress(UnwritableError):  # a full disk takes no log, and nothing else must stop for that
            self._out.line(line, flush=True)
        self._draw()

    def status(self, text: str) -> None:
        """What the status line says from now on."""
        if self._live and text != self._status:
            self.clear()
            self._status = text
            self._draw()

    def clear(self) -> None:
        """Takes the status line away."""
        if self._live and self._status:
            self._put("\r\033[K")

    def _draw(self) -> None:
        if self._live and self._status:
            wide = shutil.get_terminal_size().columns - 1  # on a line of its own: only one can be taken away again
            dim, off = (DIM, OFF) if self._out.colored(sys.stderr) else ("", "")
            self._put(f"{dim}{self._status[:wide]}{off}")

    @staticmethod
    def _put(text: str) -> None:
        with suppress(OSError):
            sys.stderr.write(text)
            sys.stderr.flush()


LOUD = (
    "restored", "held", "clock_jumped", "disk_full", "disk_has_room",
    "version_refused", "batch_broke", "item_broke", "broke", "http_broke",
    "listener_broke",
)  # fmt: skip


def entry_text(entry: Entry, zone: ZoneInfo) -> str:
    """An item's line of history in the daemon's log."""
    return f"{entry.item:<12} {sentence(entry, zone)}"


def _plain(value: Any, zone: ZoneInfo) -> Any:
    if hasattr(value, "kind") and hasattr(value, "data"):
        return {
            "seq": value.seq, "at": utc(value.at), "kind": value.kind, "item": value.item, "author": value.author,
            "text": sentence(value, zone), "data": value.data,
        }  # fmt: skip
    return value


def _started(_: str, data: Mapping[str, Any]) -> str:
    return f"running version {data['version']} on {data['state']}; Ctrl-C ends it"


def _settled(_: str, data: Mapping[str, Any]) -> str:
    if data["state"] == "unknown":
        return f"{data['id']} was perhaps sent: `stageauto outbox --unknown` shows it, `stageauto resolve` settles it"
    return f"{data['id']}: what became of it is known now: {data['state']}"


def _held(_: str, data: Mapping[str, Any]) -> str:
    return f"{counted(data['count'], 'overdue run')} would go outside at once; {data['hint']}"


def _jumped(_: str, data: Mapping[str, Any]) -> str:
    held = counted(data["held"], "run")
    return f"the clock went ahead by {data['hours']} hours: {held} held for a look; {data['hint']}"


def _refused(_: str, data: Mapping[str, Any]) -> str:
    return f"version {data['version']} is not taken up, the one before stays: {data['because']}"


def _asked(_: str, data: Mapping[str, Any]) -> str:
    says = "that it was sent" if data["state"] == "done" else "that it was not sent"
    return f"{data['id']} had no answer; now {data['channel']} says {says}: {data['state']}"


def _stopped(_: str, data: Mapping[str, Any]) -> str:
    left = f", {data['in_flight']} still being sent: settled at the next start" if data["in_flight"] else ""
    return f"stopped: {data['decided']} decided, {data['sent']} sent{left}"


def _listening(_: str, data: Mapping[str, Any]) -> str:
    host = f"[{data['at']}]" if ":" in data["at"] else data["at"]
    text = f"listening at {host}:{data['port']}"
    return f"{text}; but links lead to {data['base_url']}, as `base_url` says" if data.get("base_url") else text


def _mailbox(kind: str, data: Mapping[str, Any]) -> str:
    lost = f"not read, tried again in {data['again_in']}" if data.get("again_in") else "not read"
    return f"mailbox {data['channel']}: {lost if kind == 'mailbox_lost' else 'read'}: {data['because']}"


def _received(_: str, data: Mapping[str, Any]) -> str:
    return f"mailbox {data['channel']}: {data['events']} came in"


def _any(kind: str, data: Mapping[str, Any]) -> str:
    words = kind.replace("_", " ")
    rest = ", ".join(f"{name} {value}" for name, value in data.items() if name != "hint")
    rest = "; ".join(one for one in (rest, str(data.get("hint") or "")) if one)
    return f"{words}: {rest}" if rest else words


_SAYS = {
    "listening": _listening,
    "asked": _asked,
    "settled": _settled,
    "started": _started,
    "held": _held,
    "released": lambda _, data: f"{counted(data['count'], 'run')} let go",
    "restored": lambda _, data: str(data["hint"]),
    "clock_jumped": _jumped,
    "version_refused": _refused,
    "disk_full": lambda _, data: str(data["hint"]),
    "disk_has_room": lambda _, __: "there is room on the disk again",
    "version": lambda _, data: f"version {data['version']} is active now",
    "stopped": _stopped,
    "mailbox": _mailbox,
    "mailbox_lost": _mailbox,
    "received": _received,
}
