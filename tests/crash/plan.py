"""The workspace of the crash tests: all kinds of timing, inner and outer rules, chains, an event that moves both ways.

Whatever a rule does can be counted afterwards: a field that goes up by one, a code, a comment, a task, or a message
that says of which item, step and visit it is.
"""

from __future__ import annotations

from pathlib import Path

_WORKSPACE = """\
stageauto: 1
timezone: Europe/Warsaw
channels:
  mail: {type: smtp, host: 127.0.0.1, port: SMTP, from: "sales@acme.test", concurrency: 3, timeout: 5s}
  again: {type: webhook, concurrency: 3, timeout: 5s}
  strict: {type: webhook, concurrency: 2, timeout: 5s, on_unknown: hold}
network: {allow_private: ["127.0.0.1:HTTP"]}
limits:
  retry: {attempts: 30, first: 1s, factor: 1, max: 1s}
  automatic_moves: 1000
  moves_per_day: 100000
"""
_PIPELINE = """\
pipeline: work
entity: deal
fields:
  visits: {type: integer, default: 0}
  swaps: {type: integer, default: 0}
  late: {type: integer, default: 0}
  code: string
stages:
"""
_STAGE = """\
  - id: STAGE
    triggers:
      - {id: to-STAGE, event: app.swap, allow_back: true, set: {swaps: "{{ item.swaps + 1 }}"}}
    rules:
      - {id: STAGE-count, do: update_item, with: {set: {visits: "{{ item.visits + 1 }}"}}}
      - {id: STAGE-code, do: generate_code, with: {field: code}}
      - {id: STAGE-note, do: add_comment, after: STAGE-count, with: {text: "{{ item.visits }}"}}
      - id: STAGE-hello
        do: send_email
        after: STAGE-note
        with: {to: customer, from: workspace, subject: "{{ item.id }} hello {{ item.visits }}", body: Hello}
      - id: STAGE-tell
        do: webhook
        after: STAGE-hello
        with:
          url: "http://127.0.0.1:HTTP/flaky"
          channel: again
          json: {item: "{{ item.id }}", step: tell, visit: "{{ item.visits }}"}
      - id: STAGE-order
        do: webhook
        after: STAGE-tell
        with:
          url: "http://127.0.0.1:HTTP/sure"
          channel: strict
          json: {item: "{{ item.id }}", step: order, visit: "{{ item.visits }}"}
      - {id: STAGE-task, do: create_task, after: STAGE-order, with: {title: "{{ item.visits }}"}}
      - {id: STAGE-later, do: update_item, when: {delay: 1s}, with: {set: {late: "{{ item.late + 1 }}"}}}
      - id: STAGE-reminder
        do: send_email
        when: {delay: 1s}
        with: {to: customer, from: workspace, subject: "{{ item.id }} reminder {{ item.visits }}", body: Still there?}
      - {id: STAGE-last, do: add_comment, after: STAGE-later, when: {delay: 1s}, with: {text: "{{ item.visits }}"}}
"""
CHAIN = ("count", "note", "hello", "tell", "order", "task")
"""What follows what in every stage; the ids have the stage before them."""
RULES = (*CHAIN, "code", "later", "reminder", "last")


def write(root: Path, smtp: int, http: int) -> Path:
    """The workspace in that folder, which talks to these ports of this machine.

    Its two stages are alike, and the event `app.swap` moves an item from one into the other.
    """
    (root / "pipelines").mkdir(parents=True)
    stages = "".join(_STAGE.replace("STAGE", name) for name in ("left", "right"))
    for name, text in (("stageauto.yaml", _WORKSPACE), ("pipelines/work.yaml", _PIPELINE + stages)):
        (root / name).write_text(text.replace("SMTP", str(smtp)).replace("HTTP", str(http)), "utf-8")
    return root
