"""What `{{ }}` gives: text, kept types, missing values, filters, files, names and faults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from stageauto.engine.templates import TemplateFault, Templates

ZONE = ZoneInfo("Europe/Warsaw")
SOURCES = {
    "base.html": "<h1>{% block title %}Hello{% endblock %}</h1>{% include 'foot.html' %}",
    "offer.html": "{% extends 'base.html' %}{% block title %}Offer {{ item.title }}{% endblock %}",
    "foot.html": "<p>{{ vars.company }}</p>",
    "broken.txt": "fine\n{{ item.x | datt }}",
}
SCOPE: dict[str, Any] = {
    "item": {
        "title": "Roof <Nowak>",
        "amount": 9000,
        "price": "1234.5",
        "order_no": "A-17",
        "phone": "+48600100200",
        "empty": None,
        "delivery_date": date(2026, 3, 6),
        "meeting_at": datetime(2026, 3, 5, 13, 30, tzinfo=UTC),
        "items": ["nail", "beam"],
        "keys": "the field keys",
        "lines": [{"name": "b", "price": 2}, {"name": "a", "price": 1}, {"name": None}],
    },
    "contact": {"emails": [{"value": "ewa@home.test", "type": "private"}]},
    "results": {"call-back": {"outcome": "done"}},
    "vars": {"company": "Acme & Co"},
    "now": datetime(2026, 3, 2, 9, 0, tzinfo=ZONE),
}


@pytest.fixture
def templates() -> Templates:
    return Templates(zone=ZONE, sources=SOURCES, currency="PLN")


RENDERED = {
    "Order {{ item.order_no }}": "Order A-17",
    "no braces at all\n": "no braces at all\n",
    "[{{ item.empty }}{{ item.nothing }}{{ nothing }}{{ nothing.at.all[3].x }}]": "[]",
    "[{{ item.empty + 1 }}{{ item.empty * 2 - 1 }}{{ -item.empty }}{{ 'a' + 1 }}{{ 1 / 0 }}]": "[]",
    "[{{ item.empty | upper }}{{ item.empty | money }}{{ item.empty | date }}{{ item.empty | join(',') }}]": "[]",
    "{{ item.empty | default('none yet') }} {{ '' | d('x', true) }}": "none yet x",
    "{{ item.items }} {{ item.keys }} {{ item.items | length }}": "nail, beam the field keys 2",
    "{{ item.items[0] }} {{ item.items[-1] }} {{ item.items[9] }}{{ item.order_no[:1] }}": "nail beam A",
    "{{ contact.emails[0].value }} {{ contact.emails.0.type }}": "ewa@home.test private",
    "{{ results['call-back'].outcome }}": "done",
    "{{ now }} {{ item.meeting_at }} {{ item.delivery_date }}": "2026-03-02 09:00 2026-03-05 14:30 2026-03-06",
    "{{ item.meeting_at | date }} {{ item.meeting_at | time }}": "2026-03-05 14:30",
    "{{ item.meeting_at | datetime('%d.%m.%Y, %H:%M') }} {{ item.delivery_date | date('%d.%m.') }}": (
        "05.03.2026, 14:30 06.03."
    ),
    "{{ '2026-03-05' | date('%d/%m/%Y') }} {{ 'soon' | date }}": "05/03/2026 soon",
    "{{ item.meeting_at.hour }}:{{ item.meeting_at.minute }} {{ item.delivery_date.weekday() }}": "14:30 4",
    "{{ item.delivery_date.strftime('%d.%m') }} {{ item.meeting_at.date() }}": "06.03 2026-03-05",
    "{{ item.amount | money }} {{ item.price | money('EUR') }} {{ 'free' | money }}": "9,000.00 PLN 1,234.50 EUR free",
    "{{ item.phone | phone }} {{ 'call me' | phone }}": "+48 600 100 200 call me",
    "{{ 'Zażółć gęślą: Łódź!' | slug }}": "zazolc-gesla-lodz",
    "{{ item.delivery_date | days_until }} {{ item.delivery_date | days_since }}": "4 -4",
    "{{ item.delivery_date | working_days_until }} {{ '2026-03-09' | working_days_until }}": "4 5",
    "{{ '2026-02-23' | working_days_until }}": "-5",
    "{{ item.title.upper() }} {{ item.title.startswith('Roof') }}": "ROOF <NOWAK> True",
    "{{ 'x' if item.empty else 'y' }}{{ 'z' if item.empty }}": "y",
    "{{ item.amount * 2 + 1 }} {{ 7 // 2 }} {{ 7 % 4 }} {{ 2 ** 10 }} {{ 'a' * 3 }} {{ 1 ~ 'b' }}": (
        "18001 3 3 1024 aaa 1b"
    ),
    "{{ item.lines | map(attribute='name') | join('-') }} {{ item.lines | sum('price') }}": "b-a- 3",
    "{{ item.lines | sort(attribute='price') | map(attribute='name') | list }}": ", a, b",
    "{{ item.lines | selectattr('price', '>', 1) | map(attribute='name') | first }}": "b",
    "{{ item.lines | selectattr('name') | list | length }} {{ [3, 1, 2] | max }}": "2 3",
    "{% for l in item.lines if l.name %}{{ loop.index }}{{ l.name }}{{ ',' if not loop.last }}{% endfor %}": "1b,2a",
    "{% for x in nothing %}x{% else %}none{% endfor %}": "none",
    "{% for k, v in vars.items() %}{{ k }}={{ v }}{% endfor %}": "company=Acme & Co",
    "{% for g, l in item.lines | groupby('price') %}{{ g }}:{{ l | length }} {% endfor %}": ":1 1:1 2:1 ",
    "{% set ns = namespace(n=0) %}{% for l in item.lines %}{% set ns.n = ns.n + l.price %}{% endfor %}{{ ns.n }}": "",
    "{% set x = item.amount %}{% if x > 5000 %}big{% else %}small{% endif %}": "big",
    "{% with a = 1 %}{{ a }}{% endwith %}{{ a }}{% filter upper %}b{% endfilter %}": "1B",
    "{% set a, b = item.items %}{{ b }}{{ a }}": "beamnail",
    "{% raw %}{{ x }}{% endraw %}{# unseen #}": "{{ x }}",
    "{{ '%05.1f|%s' | format(2.345, 'x') }} {{ '%02d' % 7 }}": "002.3|x 07",
    "{{ {'a': 1}['a'] }}{{ [1, none, 3] | length }}": "13",
    "{{ range(3) | join }}{{ 'a b' | title }}{{ ' x ' | trim }}{{ 2.5 | round }}{{ '12' | int + 1 }}": "012A Bx2.013",
}


@pytest.mark.parametrize(("source", "expected"), RENDERED.items())
def test_a_text_renders(templates: Templates, source: str, expected: str) -> None:
    assert templates.text(source).render(SCOPE) == expected


@pytest.mark.parametrize("source", RENDERED)
def test_both_ways_to_run_a_template_give_the_same(templates: Templates, source: str) -> None:
    by_jinja = "{% if true %}" + source + "{% endif %}"
    assert templates.text(by_jinja).render(SCOPE) == templates.text(source).render(SCOPE)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<b>{{ item.title }}</b>", "<b>Roof &lt;Nowak&gt;</b>"),
        ("{{ item.title | safe }}", "Roof <Nowak>"),
        ("{{ '<br>' | safe ~ item.title }}", "<br>Roof &lt;Nowak&gt;"),
        ("{{ item.title | escape | escape }}", "Roof &lt;Nowak&gt;"),
        ("{{ [item.title, '<i>' | safe] | join(', ') }}", "Roof &lt;Nowak&gt;, <i>"),
        ("{% set x %}<i>{{ item.title }}</i>{% endset %}{{ x }}", "<i>Roof &lt;Nowak&gt;</i>"),
        ("{{ [item.title] }}{{ item.empty }}", "Roof &lt;Nowak&gt;"),
    ],
)
def test_html_escapes_values_and_nothing_else(templates: Templates, source: str, expected: str) -> None:
    assert templates.text(source, html=True).render(SCOPE) == expected
    assert templates.text("{% if true %}" + source + "{% endif %}", html=True).render(SCOPE) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ item.amount }}", 9000),
        ("{{ item.amount }}\n", 9000),
        ("{{ item.amount }} PLN", "9000 PLN"),
        ("{{ item.phone }}", "+48600100200"),
        ("{{ '+49151' }}", "+49151"),
        ("{{ item.empty }}", None),
        ("{{ item.nothing.at.all }}", None),
        ("{{ item.amount > 5000 }}", True),
        ("{{ item.items }}", ["nail", "beam"]),
        ("{{ [item.nothing, 1] }}", [None, 1]),
        ("{{ (1, 2) }}", [1, 2]),
        ("{{ {'a': item.amount} }}", {"a": 9000}),
        ("{{ item.delivery_date }}", date(2026, 3, 6)),
        ("{{ now }}", SCOPE["now"]),
        ("{{ 'x' | safe }}", "x"),
        ("plain", "plain"),
        (12, 12),
        (None, None),
        (True, True),
        ({"a": ["{{ item.amount }}", {"b": "x{{ item.empty }}"}], "c": 1}, {"a": [9000, {"b": "x"}], "c": 1}),
    ],
)
def test_a_value_keeps_its_type(templates: Templates, source: object, expected: object) -> None:
    made = templates.value(source).render(SCOPE)
    assert made == expected
    assert type(made) is type(expected)


def test_a_customers_text_is_never_a_template(templates: Templates) -> None:
    scope = {"item": {"title": "{{ 7 * 7 }}{% for x in y %}"}}
    assert templates.text("{{ item.title }}").render(scope) == scope["item"]["title"]
    assert templates.value("{{ item.title }}").render(scope) == scope["item"]["title"]


def test_a_body_may_extend_and_include_the_workspaces_files(templates: Templates) -> None:
    made = templates.file("offer.html", html=True).render(SCOPE)
    assert made == "<h1>Offer Roof &lt;Nowak&gt;</h1><p>Acme &amp; Co</p>"
    assert {name.path for name in templates.file("offer.html", html=True).names} == {
        ("item", "title"),
        ("vars", "company"),
    }


class Watched(Mapping[str, object]):
    """A scope that notes which names were asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __getitem__(self, key: str) -> object:
        self.asked.append(key)
        return SCOPE[key]

    def __iter__(self) -> Iterator[str]:
        return iter(SCOPE)

    def __len__(self) -> int:
        return len(SCOPE)


@pytest.mark.parametrize("source", ["{{ item.amount }}{{ item.title }}", "{% if true %}{{ item.title }}{% endif %}"])
def test_only_the_names_that_are_used_are_read_from_the_scope(templates: Templates, source: str) -> None:
    scope = Watched()
    templates.text(source).render(scope)
    assert set(scope.asked) == {"item"}


def test_names_tell_path_line_and_column(templates: Templates) -> None:
    source = "Dear {{ contact.first_name }},\nitem.amount: {{ item.amount }} {{ results['call-back'].code }}"
    found = [(name.path, name.line, name.column) for name in templates.text(source).names]
    assert found[0] == (("contact", "first_name"), 1, 9)
    assert found[1][:2] == (("item", "amount"), 2)
    assert found[2] == (("results", "call-back", "code"), 2, 35)


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ("{% for x in item.items %}{{ x.name }}{{ loop.index }}{{ vars.a }}{% endfor %}{{ x }}", "item.items vars.a x"),
        ("{% set x = item.a %}{{ x.b }}{{ item.c.upper() }}", "item.a item.c"),
        ("{{ item.amount | default(vars.a) }}{{ contacts[0].name }}", "item.amount vars.a contacts.0.name"),
        ("{{ item[event.key] }}", "item event.key"),
        ("{{ range(3) }}{{ 1 + 1 }}", ""),
        ("{% with y = item.z %}{{ y }}{% endwith %}{{ 'a' if item.b is defined else item.c }}", "item.z item.b item.c"),
    ],
)
def test_names_are_those_that_come_from_the_scope(templates: Templates, source: str, paths: str) -> None:
    text = templates.text(source)
    assert sorted(".".join(name.path) for name in text.names) == sorted(paths.split())
    assert text.constant is not bool(paths)


@pytest.mark.parametrize(
    ("source", "fixed"),
    [
        ("Hi {{ item.a }}!", "Hi !"),
        ("{% if item.a %}long text{% else %}short{% endif %}.", "short."),
        ("{% if item.a %}long text{% endif %}.", "."),
        ("{% for x in y %}x{% endfor %}.", "."),
        ("plain", "plain"),
    ],
)
def test_the_fixed_text_is_what_always_stands_there(templates: Templates, source: str, fixed: str) -> None:
    assert templates.text(source).fixed == fixed
    assert templates.value(source).fixed == fixed


FAULTS = {
    "{{ item.x | datt }}": (1, 13, "there is no filter 'datt' (did you mean 'date'?)"),
    "{{ item.x is definned }}": (1, 14, "there is no test 'definned' (did you mean 'defined'?)"),
    "a\nb {{ ranje(3) }}": (2, 6, "there is no function 'ranje' (did you mean 'range'?)"),
    "{{ item.x.uper() }}": (1, 11, "there is no method 'uper' (did you mean 'upper'?)"),
    "{{ slug(item.x) }}": (1, 4, "there is no function 'slug' (slug is a filter: write value | slug)"),
    "{{ results.call-back }}": (1, 4, "results.call-back is read as a subtraction (write results['call-back'])"),
    "{{ results.send-first-mail.code }}": (
        1,
        4,
        "results.send-first-mail is read as a subtraction (write results['send-first-mail'])",
    ),
    "{{ item.x = 5 }}": (1, 11, "expected token 'end of print statement', got '=' (compare with ==)"),
    "x\n{% if a %}": (2, 1, "Unexpected end of template"),
    "{{ item.x | center(1, 2) }}": (1, 13, "'center' is not called so: too many positional arguments"),
    "{% include 'foott.html' %}": (
        1,
        13,
        "there is no template 'foott.html' in templates/ (did you mean 'foot.html'?)",
    ),
    "a\n{% include 'broken.txt' %}": (2, 13, "in templates/broken.txt, line 2: there is no filter 'datt'"),
    "{% for x in y %}{% set loop = 1 %}{% endfor %}": (1, 24, "'loop' is what the loop itself is called"),
    "{{ [1] | map('uper') }}": (1, 15, "there is no filter 'uper' (did you mean 'upper'?)"),
}


@pytest.mark.parametrize(("source", "expected"), FAULTS.items())
def test_a_fault_names_its_place_and_the_way_out(
    templates: Templates, source: str, expected: tuple[int, int, str]
) -> None:
    with pytest.raises(TemplateFault) as caught:
        templates.text(source)
    line, column, message = expected
    assert (caught.value.line, caught.value.column) == (line, column)
    assert str(caught.value).startswith(message)


def test_an_unknown_file_is_a_fault(templates: Templates) -> None:
    with pytest.raises(TemplateFault, match=r"did you mean 'offer\.html'"):
        templates.file("ofer.html", html=True)


def test_templates_are_compiled_once(templates: Templates) -> None:
    assert templates.text("{{ item.a }}") is templates.text("{{ item.a }}")
    assert templates.text("{{ item.a }}") is not templates.text("{{ item.a }}", html=True)
    assert templates.expression("item.a") is templates.expression("item.a")


def test_time_between_two_moments_is_what_went_by_over_a_change_of_the_clocks(templates: Templates) -> None:
    night = {"a": datetime(2026, 3, 28, 12, 0, tzinfo=ZONE), "b": datetime(2026, 3, 29, 12, 0, tzinfo=ZONE)}
    assert templates.value("{{ (b - a).total_seconds() / 3600 }}").render(night) == 23.0
    assert templates.value("{{ a + (b - a) == b }}").render(night) is True


def test_days_are_calendar_days_of_the_zone(templates: Templates) -> None:
    late = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)  # 00:30 on 2 March in Warsaw
    assert templates.value("{{ at | days_since }}").render({"at": late, "now": SCOPE["now"]}) == 0
