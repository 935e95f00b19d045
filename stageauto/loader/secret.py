"""Values from the environment: `${NAME}` and `${NAME:-default}` in stageauto.yaml, and what keeps them unseen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, NoReturn

HIDDEN: Final = "***"
_REFERENCE: Final = re.compile(r"\$\$\{|\$\{([^}]*)\}|\$\{", re.ASCII)
_INSIDE: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.ASCII | re.DOTALL)
_SHORTEST_REDACTED: Final = 4


class Secret:
    """A text from the environment that never shows itself; `source` is what stands in the file."""

    __slots__ = ("_text", "source")

    def __init__(self, text: str, source: str = "") -> None:
        self._text = text
        self.source = source

    def reveal(self) -> str:
        """The text itself, for the one place that needs it."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, _spec: str) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reveal() == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        # A copy by pickling would carry the text into whatever is written.
        raise TypeError("a secret is not written down")


class MissingVariableError(ValueError):
    """A variable that the environment does not have; `name` is "" where the reference itself is malformed."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def expand(source: str, env: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """The text with its references replaced, and the values that came from the environment (defaults not counted).

    `$${` is a literal `${`. Raises MissingVariableError for a variable that is neither set nor has a default.
    """
    used: list[str] = []

    def one(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        inside = _INSIDE.fullmatch(match[1] or "")
        if inside is None:
            raise MissingVariableError("")
        name, default = inside[1], inside[2]
        value = env.get(name)
        if value is None or (value == "" and default is not None):
            if default is None:
                raise MissingVariableError(name)
            return default
        used.append(value)
        return value

    return _REFERENCE.sub(one, source), tuple(used)


def read_dotenv(text: str) -> dict[str, str]:
    """The variables of a `.env` file: NAME=value lines, `export` and quotes allowed, `#` begins a comment."""
    found = {}
    for line in text.removeprefix("\ufeff").splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        name, value = name.strip(), value.strip()
        if not equals or name.startswith("#") or not _INSIDE.fullmatch(name):
            continue
        if value[:1] in {'"', "'"} and value.find(value[0], 1) > 0:
            value = value[1 : value.find(value[0], 1)]
        else:
            value = value.split(" #", 1)[0].rstrip()
        found[name] = value
    return found


def redact(text: str, values: Iterable[str], *, keep_width: bool = False) -> str:
    """The text with every secret value in it hidden, the longest first; with `keep_width` by as many asterisks."""
    for value in sorted({one for one in values if len(one) >= _SHORTEST_REDACTED}, key=len, reverse=True):
        text = text.replace(value, "*" * len(value) if keep_width else HIDDEN)
    return text
