"""Templates that mean harm end in a clear error, within a second and in bounded memory."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from stageauto.engine.templates import TemplateBudget, TemplateFault, Templates
from stageauto.errors import StageautoError

REFUSED_WHEN_COMPILED = {
    "class of a text": "{{ ''.__class__.__mro__ }}",
    "class by subscript": "{{ ''['__class__'] }}",
    "class by filter": "{{ item | attr('__class__') }}",
    "class by map": "{{ [''] | map('attr', '__class__') | list }}",
    "globals of a function": "{{ range.__globals__ }}",
    "loop internals": "{% for x in [1] %}{{ loop._iterable }}{% endfor %}",
    "format method": "{{ '{0.__class__}'.format(1) }}",
    "format_map method": "{{ '{a}'.format_map({}) }}",
    "call of a value": "{{ item.title() }}{{ item.run() }}",
    "call of a call": "{{ range(3)(4) }}",
    "call of a filter's name by variable": "{{ ['a'] | map(item.f) }}",
    "random": "{{ [1, 2] | random }}",
    "lipsum": "{{ lipsum() }}",
    "cycler": "{{ cycler(1) }}",
    "pprint": "{{ item | pprint }}",
    "xmlattr": "{{ {} | xmlattr }}",
    "macro": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "import": "{% import 'x' as x %}",
    "from import": "{% from 'x' import y %}",
    "call block": "{% call range(1) %}{% endcall %}",
    "autoescape off": "{% autoescape false %}{{ item }}{% endautoescape %}",
    "recursive loop": "{% for x in item.xs recursive %}{{ loop(x) }}{% endfor %}",
    "include of a path": "{% include '/etc/passwd' %}",
    "include of a value": "{% include item.file %}",
    "extends of a value": "{% extends item.file %}",
    "include in a circle": "{% include 'circle' %}",
    "extends in a circle": "{% extends 'self' %}",
    "includes that double": "{% include 'double0' %}",
    "spread arguments": "{{ range(*item.xs) }}",
    "deep parentheses": "{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}",
    "unclosed parentheses": "{{ " + "(" * 100_000,
    "deep lists": "{{ " + "[" * 300 + "]" * 300 + " }}",
    "deep not": "{{ " + "not " * 10_000 + "a }}",
    "deep minus": "{{ " + "-" * 10_000 + "1 }}",
    "deep ifs": "{% if a %}" * 5_000 + "{% endif %}" * 5_000,
    "deep loops": "{% for x in y %}" * 12 + "{% endfor %}" * 12,
    "deep filters": "{{ a" + "|upper" * 5_000 + " }}",
    "deep attributes": "{{ a" + ".b" * 50_000 + " }}",
    "deep sum": "{{ 1" + "+1" * 20_000 + " }}",
    "many parts": "{{ a }}" * 30_000,
    "long source": "x" * 300_000,
    "long number": "{{ " + "9" * 100_000 + " }}",
    "endless number": "{% if a %}{{ 1e999 }}{% endif %}",
    "date format": "{{ now | date('%999999999d') }}",
    "epoch of the machine": "{{ now | date('%s') }}",
}
SOURCES = {
    "circle": "{% include 'circle2' %}",
    "circle2": "{% include 'circle' %}",
    "self": "{% extends 'self' %}",
    **{f"double{n}": f"{{% include 'double{n + 1}' %}}" * 4 for n in range(30)},
    "double30": "x",
}
STOPPED_WHEN_RENDERED = {
    "repeated text": "{{ 'a' * 10**9 }}",
    "repeated text the other way": "{{ 10**9 * 'a' }}",
    "repeated list": "{{ [1] * 10**9 }}",
    "tower": "{{ 9 ** 9999 }}",
    "long range": "{% for x in range(10**9) %}x{% endfor %}",
    "nested ranges": "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}"
    "{% endfor %}{% endfor %}{% endfor %}",
    "loop over a long text": "{% for a in item.long %}{% for b in item.long %}x{% endfor %}{% endfor %}",
    "long output": "{% for a in range(9999) %}" + "x" * 1_000 + "{% endfor %}",
    "output of a value": "{{ item.long }}{{ item.long }}",
    "output in a branch": "{% if true %}{{ item.long }}{{ item.long }}{% endif %}",
    "doubling by set": "{% set a = 'aaaaaaaaaaaaaaaa' %}" + "{% set a = a ~ a %}" * 40 + "{{ a | length }}",
    "doubling by plus": "{% set a = 'aaaaaaaaaaaaaaaa' %}" + "{% set a = a + a %}" * 40 + "{{ a | length }}",
    "doubling lists": "{% set a = [1] %}" + "{% set a = [a, a] %}" * 60 + "{{ a }}",
    "doubling records": "{% set a = [1] %}" + "{% set a = {'x': a, 'y': a} %}" * 60 + "{{ a }}",
    "doubling in a loop": "{% set ns = namespace(a='aaaaaaaa') %}{% for i in range(99) %}"
    "{% set ns.a = ns.a ~ ns.a %}{% endfor %}{{ ns.a | length }}",
    "hoarding": "{% set ns = namespace(a=[]) %}{% for i in range(9999) %}"
    "{% set ns.a = ns.a + [item.long ~ i] %}{% endfor %}{{ ns.a | length }}",
    "hoarding in a block": "{% set x %}{% for i in range(9999) %}"
    + "y" * 9_000
    + "{% endfor %}{% endset %}{{ x | length }}",
    "replace": "{{ item.long | replace('a', 'bbbbbbbbbbbbbbbb') }}",
    "replace of nothing": "{{ item.long | replace('', 'bbbbbbbbbbbbbbbb') }}",
    "replace method": "{{ item.long.replace('a', 'bbbbbbbbb') }}",
    "join": "{{ item.long | join(item.long) }}",
    "join method": "{{ item.long.join(item.long) }}",
    "indent": "{{ item.lines | indent(100) }}",
    "wordwrap": "{{ item.long | wordwrap(1) }}",
    "escape": "{{ item.quotes | escape | escape | forceescape | forceescape }}",
    "sum of texts": "{{ range(9999) | map('string') | map('replace', '1', item.long) | sum(start='') | length }}",
    "date format made up": "{{ now | date('%99999' ~ '9999d') }}",
    "costly question in a loop": "{% for i in range(9999) %}{{ item.long | wordcount }}{% endfor %}",
    "costly test in a loop": "{% for i in range(9999) %}{{ item.long is lower }}{% endfor %}",
    "sort of a long text": "{{ item.long | sort | length }}",
    "long list many times": "{{ item.numbers }}" * 1_300,
    "batch": "{{ [1] | batch(10**9, 'x') | length }}",
    "includes of a loop": "{% for i in range(9999) %}{% include 'double28' %}"
    "{% for j in range(9999) %}{% endfor %}{% endfor %}",
}
NOTHING_HAPPENS = {
    "class put together": "{{ ''['__cla' ~ 'ss__'] }}",
    "class by attribute path": "{{ [''] | map(attribute='__class__') | first }}",
    "class by sort": "{{ [item.xs] | sort(attribute='__class__') | length }}",
    "format of a width": "{{ '%999999999d' | format(5) }}",
    "percent of a width": "{{ '%999999999d' % 5 }}",
    "percent of a star": "{{ '%*d' % (999999999, 5) }}",
    "center": "{{ 'a' | center(10**9) | length }}",
    "method without a call": "{{ item.xs.append }}",
    "template in a value": "{{ item.template }}",
    "infinite number": "{{ (1e300 * 1e300) | int }}{{ 1e300 ** 2 }}",
    "division by nothing": "{{ 1 / 0 }}{{ 1 // 0 }}{{ 1 % 0 }}{{ 0 ** -1 }}",
    "wrong kinds": "{{ 'a' - 1 }}{{ [] * 'a' }}{{ -'a' }}{{ {} + 1 }}{{ 'a' | round }}"
    "{{ 5 | items }}{{ 5 | groupby('x') }}",
    "unhashable key": "{{ {[1]: 2} }}{{ item[[1]] }}{{ {} in {} }}",
    "loop over no list": "{% for a in 5 %}x{% endfor %}{% for a, b in [1, 2] %}{{ a }}{% endfor %}",
    "many angle brackets": "{{ item.angles | striptags | length }}",
    "comments without end": "{{ item.comments | striptags | length }}",
}
SCOPE = {
    "item": {
        "long": "a" * 900_000,
        "lines": "a\n" * 400_000,
        "quotes": '"' * 900_000,
        "angles": "<" * 900_000,
        "comments": "<!-- " * 180_000,
        "template": "{{ 9 * 9 }}",
        "xs": [1, 2],
        "numbers": list(range(100_000)),
    },
    "now": "2026-03-02",
}


def templates() -> Templates:
    return Templates(zone=ZoneInfo("Europe/Warsaw"), sources=SOURCES)


@pytest.mark.parametrize("source", REFUSED_WHEN_COMPILED.values(), ids=REFUSED_WHEN_COMPILED.keys())
def test_it_is_refused_when_it_is_compiled(source: str) -> None:
    with pytest.raises(TemplateFault) as caught:
        templates().text(source)
    assert caught.value.message
    assert caught.value.line >= 1
    assert caught.value.column >= 1
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("html", [False, True])
@pytest.mark.parametrize("source", STOPPED_WHEN_RENDERED.values(), ids=STOPPED_WHEN_RENDERED.keys())
def test_it_is_stopped_when_it_is_rendered(source: str, html: bool) -> None:
    text = templates().text(source, html=html)
    with pytest.raises(TemplateBudget):
        text.render(SCOPE)


@pytest.mark.parametrize("source", NOTHING_HAPPENS.values(), ids=NOTHING_HAPPENS.keys())
def test_it_shows_nothing_that_it_should_not(source: str) -> None:
    for statement in ("", "{% if true %}x{% endif %}"):
        made = templates().text(statement + source).render(SCOPE)
        assert len(made) < 2_000
        assert "class" not in made
        assert "81" not in made
        assert "built-in" not in made


HARNESS = """
    import resource, sys, time
    resource.setrlimit(resource.RLIMIT_AS, (700 * 2**20, 700 * 2**20))
    sys.path[:0] = sys.argv[1:]
    import test_hostile_templates as hostile
    worst = ("", 0.0)
    everything = {**hostile.REFUSED_WHEN_COMPILED, **hostile.STOPPED_WHEN_RENDERED, **hostile.NOTHING_HAPPENS}
    for name, source in everything.items():
        for _ in range(3):  # the processor's time; where others share the processor that is more, but not three times
            began = time.process_time()
            try:
                hostile.templates().text(source).render(hostile.SCOPE)
            except hostile.StageautoError:
                pass
            took = time.process_time() - began
            if took <= 1:
                break
        print(f"{took:.3f} {name}")
        worst = max(worst, (name, took), key=lambda one: one[1])
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "MB")
    sys.exit(f"{worst[0]} took {worst[1]:.2f} s" if worst[1] > 1 else 0)
"""


def test_each_ends_within_a_second_and_700_megabytes() -> None:
    command = [sys.executable, "-c", textwrap.dedent(HARNESS), str(Path(__file__).parent)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stdout[-3_000:] + ran.stderr[-3_000:]


def test_every_error_of_this_file_is_one_made_on_purpose() -> None:
    for source in {**REFUSED_WHEN_COMPILED, **STOPPED_WHEN_RENDERED}.values():
        with pytest.raises(StageautoError):
            templates().text(source).render(SCOPE)
