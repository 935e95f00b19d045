"""A run that somebody ran by hand does not wait any more for the rules before it."""

from __future__ import annotations

from stageauto.engine import commands
from stageauto.engine.commands import By, NewItem
from stageauto.engine.draft import Draft
from stageauto.engine.state import RUNNING
from stageauto.loader.load import load
from stageauto.runner.simulate import Simulation

START = 1_772_438_400_000
FILES = {
    "stageauto.yaml": "stageauto: 1\ntimezone: UTC\nchannels: {mail: {type: file, from: a@b.test}}\n",
    "pipelines/deals.yaml": """\
pipeline: deals
entity: deal
stages:
  - id: new
    rules:
      - {id: first, do: add_comment, when: {delay: 1d}, with: {text: x}}
      - {id: second, do: send_email, after: first, with: {to: customer, from: mail, subject: x, body: y}}
""",
}


def test_load_leaves_a_run_alone_that_was_run_by_hand_before_its_turn():
    loaded = load(FILES, env={}, now=START)
    assert loaded.workspace is not None
    with Simulation(loaded.workspace, START) as simulation:
        by = By("one", START, "anna")
        new = NewItem("deals", contact={"email": "ewa@home.test"})
        item = simulation.do(lambda draft: commands.add(draft, by, new))
        simulation.do(lambda draft: commands.hold_item(draft, by, item.id))  # its mail is decided, and waits
        simulation.do(lambda draft: commands.run_now(draft, by, item.id, f"{item.id}.1.second"))
        simulation.do(lambda draft: commands.cancel(draft, by, item.id, f"{item.id}.1.first"))

        def adopt(draft: Draft) -> None:
            commands.adopt(draft, item, START, "anna", lambda _run: True)

        simulation.do(adopt)
        assert item.runs[f"{item.id}.1.second"].state == RUNNING
