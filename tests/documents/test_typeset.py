"""PDFs from trees: what a customer wrote is text, never Typst; the same source gives the same bytes."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils.reader import PdfFileReader

from stageauto.documents.screen import html as screen
from stageauto.documents.typeset import DocumentError, literal, pdf, source
from stageauto.engine.paper import read

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000" "1f15c4890000000d49444154789c6360606060000000050001"
    "a5f645400000000049454e44ae426082"
)  # fmt: skip


def printed(html: str, pictures: dict[str, str] | None = None, contents: dict[str, bytes] | None = None) -> bytes:
    return pdf(source(read(html), title="A title", at=AT, pictures=pictures or {}), contents or {})


def pages(content: bytes) -> int:
    return int(PdfFileReader(io.BytesIO(content)).root["/Pages"]["/Count"])


def query(text: str) -> str:
    """What Typst makes of a text in a document, read back from the compiled document."""
    import json

    import typst

    marked = f"#metadata({literal(text)}) <it>"
    return str(json.loads(typst.query(marked.encode(), "<it>", field="value", one=True)))


@given(st.text(max_size=60))
@settings(max_examples=150, deadline=None)
def test_any_text_is_the_same_text_in_typst(text: str) -> None:
    plain = text.encode("utf-8", "replace").decode()
    assert query(plain) == plain


@pytest.mark.parametrize(
    "evil",
    [
        '#panic("x")', '#read("/etc/passwd")', '"; #panic("x") //', "\\u{22}#panic()", "$ x $", "= h", "@ref",
        "<label>", '#import "@preview/cetz:0.1.0"', "]#panic()[", "*/ #panic() /*", "\\", '\\"',
        "`raw`", "\u2028#panic()", "a" * 5000,
    ],
)  # fmt: skip
def test_what_a_customer_wrote_is_never_typst(evil: str) -> None:
    from html import escape

    safe = escape(evil)
    everywhere = (
        f'<h1>{safe}</h1><p>{safe} <b>{safe}</b> <code>{safe}</code> <a href="https://a.test/{safe}">{safe}</a></p>'
        f"<pre>{safe}</pre><ul><li>{safe}</ul><table><tr><th>{safe}<td>{safe}</table><blockquote>{safe}</blockquote>"
        f'<img src="{safe}" alt="{safe}"><header>{safe}</header><footer>{safe}</footer>'
    )
    assert pages(printed(everywhere)) >= 1


def test_the_same_document_gives_the_same_bytes() -> None:
    html = "<h1>Offer</h1><p>zażółć</p><table><tr><td>a<td>b</table>"
    assert printed(html) == printed(html)


def test_a_word_longer_than_a_line_is_broken_and_no_other() -> None:
    digest = "7de58d175ad35029279a2e82b292e8760bfe8dd5fd16a823daa506241d8401c3"
    text = source(read(f"<p>{'x' * 200} {digest}</p>"), title="T", at=AT, pictures={})
    assert ("x" * 10 + "\\u{200b}") * 19 + "x" * 10 + " " in text
    assert f" {digest}" in text


def test_a_page_break_begins_a_page() -> None:
    assert pages(printed("<p>a</p><page-break><p>b</p>")) == 2
    assert pages(printed("<div><p>a</p><page-break></div><p>b</p>")) == 2
    assert pages(printed("<ul><li>a<page-break></ul><p>b</p>")) == 1


def test_pictures_are_printed_and_those_not_there_leave_their_words() -> None:
    html = '<p><img src="a.png" alt="An A" width="20mm"><img src="b.png" alt="A B"></p>'
    text = source(read(html), title="", at=AT, pictures={"a.png": "picture-0.png"})
    assert 'image("picture-0.png", width: 20mm, alt: "An A")' in text
    assert '#"A B"' in text
    assert pdf(text, {"picture-0.png": PNG}).startswith(b"%PDF-")


def test_a_picture_that_is_none_is_an_error_with_its_reason() -> None:
    with pytest.raises(DocumentError, match="cannot be printed"):
        printed('<img src="a.png">', {"a.png": "p.png"}, {"p.png": b"no picture"})


@pytest.mark.parametrize(
    "html",
    [
        "", "<table></table>", "<ul></ul>", "<h1></h1>", "<table><tr></tr><tr><td>a</table>", "<p align=justify>x</p>",
        "<table><tr><th>only a head</table>", "<ol start=7><li></ol>", "<b><ul><li>x</ul></b>", "<td>x", "<li>x",
        "<table><tr><td colspan=3>a<tr><td>b<td>c</table>", "<div align=center><div align=right><p>x</div></div>",
        "<footer align=center>Page <page-number> of <page-count></footer>x",
        "<header><table><tr><td>a</table></header>x",
        "<blockquote><pre>x</pre></blockquote>", "<p>" * 300, "<table><tr><td width=30%>a<td>b</table>",
    ],
)  # fmt: skip
def test_odd_html_is_printed_all_the_same(html: str) -> None:
    assert printed(html).startswith(b"%PDF-")


@given(st.lists(st.sampled_from(
    ["<p>", "</p>", "<b>", "</b>", "<table>", "</table>", "<tr>", "<td>", "<th>", "<ul>", "</ul>", "<li>", "<h2>",
     "</h2>", "<div align=right>", "</div>", "<page-break>", "<hr>", "<br>", "<a href=https://a.test>", "</a>", "<pre>",
     "</pre>", "<blockquote>", "<footer>", "<page-number>", "text ", "#x ", '" '],
), max_size=40))  # fmt: skip
@settings(max_examples=120, deadline=None)
def test_whatever_the_tags_a_pdf_comes_out(parts: list[str]) -> None:
    assert printed("".join(parts)).startswith(b"%PDF-")


def test_the_screen_shows_the_same_tree_with_everything_escaped() -> None:
    html = (
        '<h1>a &lt;script&gt;</h1><a href="javascript:x">b</a><a href=\'https://a.test/"onclick=x\'>c</a>'
        '<p align="right" onclick="x">d<script>x</script></p><img src="a.png" alt="&quot;&gt;" width="10mm">'
    )
    assert screen(read(html), {"a.png": "/d/x/picture/0"}) == (
        "<h2>a &lt;script&gt;</h2><a>b</a>"
        '<a href="https://a.test/&quot;onclick=x" rel="noopener noreferrer" target="_blank">c</a>'
        '<p class="right">d</p><img src="/d/x/picture/0" alt="&quot;&gt;" width="38">'
    )
