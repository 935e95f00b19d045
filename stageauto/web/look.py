"""What all pages have in common: whose they are, in which language and colours, and what stands below them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any, Final

from stageauto.engine.model import Workspace
from stageauto.loader.wording import FIRST, filled, languages, words

_LIGHT, _DARK = "#ffffff", "#1b212c"
"""The paper of pages by day and by night; see page.css."""
READABLE: Final = 4.5
"""The least contrast of text that everybody can read (WCAG 2.2, 1.4.3)."""
Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one language; `own` are the admin's."""

    language: str
    own: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, name: str, /, **values: str) -> str:
        """The text as it is, to be escaped where it goes into a page."""
        return filled(str(self.own.get(name) or words(self.language)[name]), values)

    def html(self, name: str, /, **values: str) -> str:
        """The text for a page."""
        return escape(self(name, **values))


@dataclass(frozen=True, slots=True)
class Look:
    """How a page looks. `base` is the path before all of ours; `mark` changes with the colours."""

    words: Words = field(default_factory=lambda: Words(FIRST))
    base: str = ""
    name: str = ""
    logo: bool = False
    mark: str = ""
    links: Mapping[str, str] = field(default_factory=dict)


def words_of(workspace: Workspace, *wanted: str) -> Words:
    """The words in the first of the wanted languages (`pl`, `pl-PL`) that the pages speak, else in the workspace's."""
    texts: Mapping[str, Any] = workspace.web.get("texts") or {}
    default = str(workspace.web.get("language") or FIRST)
    for one in (*wanted, default):
        language = one.replace("_", "-").partition("-")[0].lower()
        if language in texts or language in languages():
            return Words(language, texts.get(language) or {})
    return Words(FIRST, texts.get(FIRST) or {})


def look_of(workspace: Workspace, *wanted: str, base: str = "", logo: bool = False) -> Look:
    """The look of the workspace's pages. `wanted`: languages, the best first; `logo`: whether there is one to show."""
    web = workspace.web
    company = workspace.vars.get("company")
    return Look(
        words=words_of(workspace, *wanted), base=base, logo=logo, mark=str(web.get("color") or "").lstrip("#").lower(),
        name=str(web.get("name") or (company if isinstance(company, str) else "")), links=web.get("links") or {},
    )  # fmt: skip


# -- colours -----------------------------------------------------------------------------------------------------------


def style(color: str) -> str:
    """The style sheet that puts the pages into a colour, by day and by night readable on their paper."""
    day, night = readable(color, _LIGHT), readable(color, _DARK)
    return (
        f":root {{ --main: {day}; --on-main: {over(day)}; }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ --main: {night}; --on-main: {over(night)}; }} }}\n"
    )


def readable(color: str, paper: str) -> str:
    """The colour, made darker or lighter until it can be read on the paper."""
    goal: Rgb = (0, 0, 0) if luminance(_rgb(paper)) > 0.5 else (255, 255, 255)
    start = _rgb(color)
    for step in range(21):
        red, green, blue = (round(one + (to - one) * step / 20) for one, to in zip(start, goal, strict=True))
        found = f"#{red:02x}{green:02x}{blue:02x}"
        if contrast(found, paper) >= READABLE:
            break
    return found


def over(color: str) -> str:
    """The colour of letters on a ground of that colour."""
    return max(_LIGHT, _DARK, key=lambda one: contrast(one, color))


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    light, dark = sorted((luminance(_rgb(one)), luminance(_rgb(other))), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(color: Rgb) -> float:
    """The relative luminance of a colour, 0 to 1 (WCAG 2.2)."""
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in _parts(color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _parts(color: Rgb) -> tuple[float, float, float]:
    return color[0] / 255, color[1] / 255, color[2] / 255


def _rgb(color: str) -> Rgb:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
