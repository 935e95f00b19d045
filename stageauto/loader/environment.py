"""Puts the environment into stageauto.yaml's data: `${NAME}` becomes a Secret, or what the place makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stageauto.loader.secret import MissingVariableError, Secret, expand
from stageauto.loader.source import Path, Spot
from stageauto.loader.yaml import BadNumberError, Map, Seq, resolve

# Below these keys a value from the environment stays hidden to its very use.
_KEPT = ("channels", "hooks", "audiences")
# What stands here is nobody's secret: a login or a zone must not turn into *** wherever the same word comes up.
_OPEN = ("users", "timezone", "state")


@dataclass(slots=True)
class Environment:
    """The variables, and what came of them."""

    env: Mapping[str, str]
    used: set[str] = field(default_factory=set)  # every value that came from the environment
    hidden: set[str] = field(default_factory=set)  # those of them that are nobody else's to see at run time
    secrets: dict[str, Secret] = field(default_factory=dict)  # by the placeholder that stands in the data
    missing: list[Path] = field(default_factory=list)  # where a variable is named that there is not

    def expanded(self, spot: Spot, value: Any, path: Path = ()) -> Any:
        """The data with every reference replaced; a missing variable is reported."""
        if isinstance(value, Map):
            made = Map(value.span)
            made.key_spans, made.spans = value.key_spans, value.spans
            for key, one in value.items():
                made[key] = self.expanded(spot, one, (*path, key))
            return made
        if isinstance(value, Seq):
            listed = Seq(value.span)
            listed.spans = value.spans
            listed.extend(self.expanded(spot, one, (*path, index)) for index, one in enumerate(value))
            return listed
        if isinstance(value, str) and "${" in value:
            return self._scalar(spot, value, path)
        return value

    def _scalar(self, spot: Spot, source: str, path: Path) -> Any:
        try:
            text, used = expand(source, self.env)
        except MissingVariableError as error:
            self.missing.append(path)
            if error.name:
                message = f"the environment has no variable `{error.name}`"
                hint = f"set it, put it into `.env` beside stageauto.yaml, or write ${{{error.name}:-default}}"
            else:
                message, hint = "this is no variable", "write ${NAME} or ${NAME:-default}; $${ is a plain ${"
            spot.fault("missing-variable" if error.name else "bad-variable", message, path, hint=hint)
            return ""
        self.used.update(used)
        if path[0] not in _OPEN:
            self.hidden.update(used)
        if path[0] in _KEPT and used:
            placeholder = f"\ue000{len(self.secrets)}\ue000"
            self.secrets[placeholder] = Secret(text, source)
            return placeholder
        try:
            return resolve(text)
        except BadNumberError:
            return text

    def lacks(self, path: Path) -> bool:
        """True where something below that place names a variable that there is not."""
        return any(one[: len(path)] == path for one in self.missing)

    def opened(self, value: Any) -> Any:
        """The data with every placeholder replaced by what it stands for, in plain."""
        if isinstance(value, str) and value in self.secrets:
            try:
                return resolve(self.secrets[value].reveal())
            except BadNumberError:
                return self.secrets[value].reveal()
        return value

    def sealed(self, value: Any) -> Any:
        """The data with every placeholder replaced by its Secret."""
        if isinstance(value, str):
            return self.secrets.get(value, value)
        if isinstance(value, Mapping):
            return {key: self.sealed(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return (
                type(value)(self.sealed(one) for one in value)
                if type(value) in {list, tuple}
                else [self.sealed(one) for one in value]
            )
        return value
