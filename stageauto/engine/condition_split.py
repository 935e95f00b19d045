"""Splits the text of a condition at its own `and`, `or` and `not`, so that every leaf keeps the admin's words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

from jinja2 import Environment
from jinja2.lexer import get_lexer

_LEXER = get_lexer(Environment())  # noqa: S701 - it only tells tokens apart
_OPENING = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}
_PREFIX = "{{ "
# Without one of these there is nothing to split.
_SEAMS = re.compile(r"\b(?:and|or|not)\b|\(")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a condition: a leaf with its text, or `all`, `any`, `not` over other pieces."""

    kind: Literal["leaf", "all", "any", "not"]
    text: str = ""
    parts: tuple[Part, ...] = ()


class _Token(NamedTuple):
    text: str
    start: int
    end: int
    depth: int
    word: bool


def split(source: str) -> Part:
    """The tree of an expression that Jinja2 has accepted, with the meaning and the order Jinja2 gives it."""
    normal = "\n".join(source.splitlines())
    return _split(normal, _tokens(normal)) if _SEAMS.search(normal) else Part("leaf", normal.strip())


def _tokens(source: str) -> list[_Token]:
    tokens, at, depth = [], -len(_PREFIX), 0
    for _, kind, text in _LEXER.tokeniter(f"{_PREFIX}{source} }}}}", None):
        start, at = at, at + len(text)
        if kind in {"whitespace", "variable_begin", "variable_end"}:
            continue
        step = _OPENING.get(text, 0) if kind == "operator" else 0
        depth += min(step, 0)
        tokens.append(_Token(text, start, at, depth, kind == "name"))
        depth += max(step, 0)
    return tokens


def _split(source: str, tokens: list[_Token]) -> Part:
    tokens = _bare(tokens)
    level = tokens[0].depth
    if any(token.word and token.text == "if" and token.depth == level for token in tokens):
        return _leaf(source, tokens)
    kinds: tuple[tuple[str, Literal["any", "all"]], ...] = (("or", "any"), ("and", "all"))
    for word, kind in kinds:
        rows = _rows(tokens, word, level)
        if len(rows) > 1:
            return Part(kind, parts=tuple(_split(source, row) for row in rows))
    if tokens[0].word and tokens[0].text == "not":
        return Part("not", parts=(_split(source, tokens[1:]),))
    return _leaf(source, tokens)


def _leaf(source: str, tokens: list[_Token]) -> Part:
    return Part("leaf", source[tokens[0].start : tokens[-1].end])


def _rows(tokens: list[_Token], word: str, level: int) -> list[list[_Token]]:
    rows: list[list[_Token]] = [[]]
    for token in tokens:
        if token.word and token.text == word and token.depth == level:
            rows.append([])
        else:
            rows[-1].append(token)
    return rows


def _bare(tokens: list[_Token]) -> list[_Token]:
    """The tokens without parentheses around all of them; those of a tuple are its own."""
    while len(tokens) > 2 and tokens[0].text == "(" and tokens[-1].text == ")":
        level = tokens[0].depth
        inner = tokens[1:-1]
        if any(token.depth <= level or (token.text == "," and token.depth == level + 1) for token in inner):
            break
        tokens = inner
    return tokens
