"""What a document's HTML means, whatever it looks like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stageauto.engine.paper import DEEPEST, DROPPED, TAGS, Node, pictures, plain_text, read, unknown_tags


def shape(node: Node) -> object:
    """The tree as nested lists: [tag, ...inside], texts as they are."""
    return [node.tag, *(one if isinstance(one, str) else shape(one) for one in node.inside)]


def only(html: str) -> Node:
    (found,) = read(html).inside
    assert isinstance(found, Node)
    return found


@pytest.mark.parametrize(
    ("html", "tree"),
    [
        ("plain", ["div", "plain"]),
        ("<p>a<p>b", ["div", ["p", "a"], ["p", "b"]]),
        ("<p>a<h1>b</h1>", ["div", ["p", "a"], ["h1", "b"]]),
        ("<ul><li>a<li>b</ul>", ["div", ["ul", ["li", "a"], ["li", "b"]]]),
        ("<ul><li>a<ul><li>b</ul><li>c</ul>", ["div", ["ul", ["li", "a", ["ul", ["li", "b"]]], ["li", "c"]]]),
        ("<table><tr><td>a<td>b<tr><td>c", ["div", ["table", ["tr", ["td", "a"], ["td", "b"]], ["tr", ["td", "c"]]]]),
        ("<p>a <b>bold</b>\n\n c</p>", ["div", ["p", "a ", ["b", "bold"], " c"]]),
        ("<pre>a\n  b</pre>", ["div", ["pre", "a\n  b"]]),
        ("a</b></p></table>b", ["div", "ab"]),
        ("<section><p>a</p></section>", ["div", ["p", "a"]]),
        ("<blink>a</blink>", ["div", "a"]),
        ("<style>p {}</style><script>x</script>a", ["div", "a"]),
        ("<script><script></script>a", ["div", "a"]),
        ("a<br>b", ["div", "a", ["br"], "b"]),
        ("x &amp; y &lt;b&gt; &#8364;", ["div", "x & y <b> €"]),
        ("<!-- gone --><!doctype html>a", ["div", "a"]),
    ],
)
def test_html_becomes_a_tree(html: str, tree: object) -> None:
    assert shape(read(html)) == tree


@pytest.mark.parametrize(
    ("html", "attributes"),
    [
        ('<p align="right">', {"align": "right"}),
        ('<p style="color: red; text-align:Center">', {"align": "center"}),
        ('<p align="expression(1)" onclick="x">', {}),
        ('<a href="https://a.test/?b=1&amp;c=2">', {"href": "https://a.test/?b=1&c=2"}),
        ('<a href="mailto:a@b.test">', {"href": "mailto:a@b.test"}),
        ('<a href="javascript:alert(1)">', {}),
        ('<a href="https://a.test/\n x">', {}),
        ('<td colspan="3" width="20%">', {"colspan": "3", "width": "20%"}),
        ('<td colspan="9999">', {}),
        ('<ol start="4">', {"start": "4"}),
        ('<ol start="-4">', {}),
        ('<table border="0">', {"border": "0"}),
        ('<img src="files/a.png" width="96" alt="An  A">',
         {"src": "files/a.png", "width": "72pt", "alt": "An A"}),
        ('<img src="file:file-3/qr code.png">', {"src": "file:file-3/qr code.png", "alt": ""}),
    ],
)  # fmt: skip
def test_attributes_are_kept_where_they_mean_something(html: str, attributes: dict[str, str]) -> None:
    assert only(html).attributes == attributes


@pytest.mark.parametrize(
    "src",
    ["../secret.png", "/etc/passwd", "https://a.test/x.png", "data:image/png;base64,AAAA", "a\\b.png", "file:x",
     ".hidden/a.png", "", "files/../../x.png"],
)  # fmt: skip
def test_a_picture_comes_from_the_workspace_or_the_item_or_not_at_all(src: str) -> None:
    assert pictures(read(f'<img src="{src}">')) == []


def test_characters_that_cannot_be_seen_are_left_out() -> None:
    assert plain_text(read("a\x00b\x1bc\u202ed\x85e")) == "abcde"


def test_the_text_has_a_line_for_each_block() -> None:
    html = "<h1>Offer</h1><p>a<br>b</p><ul><li>c</ul><table><tr><td>d<td>e</table>"
    assert plain_text(read(html)) == "Offer\na\nb\nc\nd | e |"


def test_tags_that_no_document_can_have_are_found_with_their_place() -> None:
    assert unknown_tags("<p>\n <video src=x>") == [("video", 2, 2)]


def test_html_that_is_nested_without_end_stays_shallow() -> None:
    node, depth = read("<div>" * 5000 + "x"), 0
    while node.inside and isinstance(node.inside[0], Node):
        node, depth = node.inside[0], depth + 1
    assert depth < DEEPEST
    assert node.inside == ["x"]


@given(st.text(alphabet=st.sampled_from("<>/=\"' abdhilprt!-&;#x0\n"), max_size=200))
def test_no_html_breaks_the_reader_and_nothing_unknown_comes_out(html: str) -> None:
    tree = read(html)
    assert {one.tag for one in tree.walk()} <= TAGS
    assert not {one.tag for one in tree.walk()} & DROPPED
