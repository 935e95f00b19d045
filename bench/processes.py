"""W6, W7: whole processes, from the start of Python to its end, as somebody at a terminal waits for them."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.daemon import prepare
from bench.figures import Figure, check

_SETTINGS = "stageauto: 1\ntimezone: Europe/Warsaw\ncalendars: {working: {mon-fri: '09:00-17:00'}}\n"
_TRIGGER = """\
      - id: t{stage}
        event: email.received
        if: item.amount > {number} and item.order_no and not item.delivery_date
        set: {{order_no: "{{{{ event.subject }}}}"}}
"""
_RULE = """\
      - id: r{stage}-{rule}
        name: Rule {rule}
        do: send_email
        if: item.amount > {number}
        when: {{before: delivery_date, by: {by}d}}
        hours: working
        with: {{from: workspace, subject: "Order {{{{ item.order_no }}}} of {number}",
               body: "Dear {{{{ contact.first_name }}}}, hello from stage {stage} of {number}"}}
"""


def _pipeline(number: int) -> str:
    """A pipeline of some 200 lines, different from the next."""
    text = f"pipeline: p{number}\nname: Pipeline {number}\n"
    text += "fields: {amount: money, order_no: string, delivery_date: date}\nstages:\n"
    for stage in range(5):
        text += f"  - id: s{stage}\n    triggers:\n" + _TRIGGER.format(stage=stage, number=number) + "    rules:\n"
        text += "".join(_RULE.format(stage=stage, rule=rule, number=number, by=rule + 1) for rule in range(4))
    return text


def _seconds(words: Sequence[str], times: int, env: dict[str, str] | None = None) -> float:
    """The median of so many runs. Python may keep its byte code, as it does after an installation."""
    env = {name: value for name, value in (env or os.environ).items() if name != "PYTHONDONTWRITEBYTECODE"}
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        done = subprocess.run(words, capture_output=True, check=False, env=env)
        spent.append(time.perf_counter() - began)
        check(f"exit code of {' '.join(words[-2:])} ({done.stderr.decode()[-300:]})", done.returncode, 0)
    return statistics.median(spent)


def _stageauto(*words: str) -> list[str]:
    return [str(Path(sys.executable).with_name("stageauto")), *words]


def start_up(folder: Path, times: int) -> list[Figure]:
    """`--help`, and `items` on a state with a few items."""
    place = folder / "w6"
    prepare(place, 30)
    _seconds(_stageauto("--help"), 2)  # the byte code is there, as it is after an installation
    figures = []
    bare = _seconds([sys.executable, "-c", "pass"], times) * 1000
    for what, words, most in (
        ("stageauto --help", ["--help"], 100),
        ("stageauto items, 30 items", ["-C", str(place), "items"], 200),
    ):
        spent = _seconds(_stageauto(*words), times) * 1000
        note = f"bare python {bare:.0f} ms"
        figures.append(Figure("W6", what, spent, "ms", f"<= {most} ms", spent <= most, note=note))
    return figures


def validation(folder: Path, sizes: Sequence[tuple[int, float]]) -> list[Figure]:
    """`validate` of so many pipelines of 200 lines."""
    figures = []
    for size, most in sizes:
        place = folder / f"w7-{size}"
        (place / "pipelines").mkdir(parents=True)
        (place / "stageauto.yaml").write_text(_SETTINGS, encoding="utf-8")
        for number in range(size):
            (place / "pipelines" / f"p{number}.yaml").write_text(_pipeline(number), encoding="utf-8")
        spent = _seconds(_stageauto("-C", str(place), "validate"), 5 if size == 1 else 3 if size <= 100 else 1)
        lines = _pipeline(0).count("\n")
        what = f"validate {size:,} pipelines of {lines} lines"
        figures.append(Figure("W7", what, spent, "s", f"<= {most} s", spent <= most))
    return figures
