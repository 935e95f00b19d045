"""When the `schedule` triggers of a workspace match."""

from __future__ import annotations

from stageauto.engine.cron import cron_next
from stageauto.engine.model import Pipeline, Trigger, Workspace


class Crons:
    """The next match of every `schedule` trigger after a moment."""

    def __init__(self, workspace: Workspace, after: int) -> None:
        self._zone = workspace.zone
        self._next: list[tuple[int, Pipeline, Trigger]] = []
        for pipeline in workspace.pipelines.values():
            for trigger in pipeline.triggers_by_event.get("schedule", ()):
                if trigger.cron is not None:
                    self._next.append((cron_next(trigger.cron, after, self._zone), pipeline, trigger))

    def next_at(self) -> int | None:
        """When the next one matches, ms UTC; None where there are none."""
        return min((at for at, _, _ in self._next), default=None)

    def due(self, now: int) -> list[tuple[Pipeline, list[Trigger]]]:
        """The triggers that matched up to now, by pipeline; each then waits for its next match after now.

        A trigger that matched several times meanwhile (the runner was down) is given once.
        """
        matched: dict[str, tuple[Pipeline, list[Trigger]]] = {}
        for index, (at, pipeline, trigger) in enumerate(self._next):
            if at <= now:
                matched.setdefault(pipeline.id, (pipeline, []))[1].append(trigger)
                self._next[index] = (cron_next(trigger.cron or "", now, self._zone), pipeline, trigger)
        return list(matched.values())
