"""Pages of documents: a customer reads one by their personal link, keeps a copy, and signs it where they were asked.

Looking at a page changes nothing: that a document was opened is told by the page's own script, which link scanners do
not run, or at the latest by the signature. What is signed are the bytes of the PDF: their hash goes out with the page
and has to come back with the signature.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from zoneinfo import ZoneInfo

from stageauto.documents.evidence import DRAWING
from stageauto.documents.screen import html
from stageauto.engine.documents import OPENED, RECIPIENT, SENDER, SIGNED
from stageauto.engine.files import id_of
from stageauto.engine.paper import Node, read
from stageauto.engine.schedule import to_local
from stageauto.engine.state import Document, Item, Link
from stageauto.engine.zones import zone_of
from stageauto.errors import StageautoError
from stageauto.runner.intake import Raw
from stageauto.runner.papers import papers_of
from stageauto.runner.session import Session
from stageauto.runner.signing import signature_id, waiting
from stageauto.web.brand import ALONE, media_of
from stageauto.web.limits import network_of
from stageauto.web.look import Look, Words
from stageauto.web.machines import likely_machine
from stageauto.web.pages import escape, page, wrongs
from stageauto.web.routing import HTML, HttpError, Reply, Request, Route, redirect, text
from stageauto.web.site import Site

HOUR: Final = 3_600_000
_PER_MINUTE: Final = 20
_LONGEST_NAME: Final = 200
_FORM: Final = """<form method="post" action="{place}/sign" id="sign"><h2>{title}</h2>{wrong}
<p><label for="f-name">{full_name}</label>
<input id="f-name" name="name" required autocomplete="name" maxlength="{longest}" value="{name}"{bad_name}></p>
<div id="draw" hidden><p class="label" id="draw-label">{draw}</p>
<div class="pad"><canvas id="pad" width="1200" height="400" role="img" aria-labelledby="draw-label"></canvas>
<button type="button" class="quiet" id="clear">{clear}</button></div>
<p class="soft">{typed}</p></div>
<input type="hidden" name="drawing" id="drawing" value="">
<input type="hidden" name="sha256" value="{digest}">
<p><label class="check" for="f-consent">
<input id="f-consent" name="consent" type="checkbox" value="yes" required{agreed}{bad_consent}>{consent}</label></p>
<p class="soft">{kept}</p>
<p><button type="submit">{button}</button></p></form>"""
_EVENTS: Final = {role: event for event, role in SIGNED.items()}


@dataclass(frozen=True, slots=True)
class Seen:
    """A document as one link shows it. `party`: as whom its owner was asked to sign, None where they were not.

    `look` and `zone` are those of the link's owner.
    """

    token: str
    link: Link
    item: Item
    document: Document
    party: Mapping[str, Any] | None
    look: Look
    zone: ZoneInfo

    @property
    def role(self) -> str:
        """Whose link it is: sender or recipient."""
        return str(self.link.data.get("role") or RECIPIENT)


def _seen(site: Site, request: Request) -> Seen:
    token = request.arguments["token"]
    link, item = site.link(token, "document")
    with site.read() as state:
        document = state.document(link.target)
        contact = state.contact(str(link.data.get("who") or "")) or (
            state.contact(item.contacts[0]) if item.contacts and link.data.get("role") != SENDER else None
        )
    if document is None or document.item != item.id:
        raise HttpError(404, "this link leads nowhere (any more)")
    role, who = link.data.get("role"), link.data.get("who")
    if role == SENDER and who not in site.workspace.users:
        raise HttpError(404, "this link leads nowhere (any more)")
    party = next((one for one in document.parties if one["role"] == role and one["who"] == who), None)
    look = site.look(*filter(None, [contact.language if contact else ""]))
    zone = zone_of(contact.timezone if contact else "", site.workspace.zone)
    return Seen(token, link, item, document, party, look, zone)


async def _bytes_of(site: Site, file_id: str) -> bytes:
    """What a file holds; a PDF is made now where it is still to be made."""
    workspace = site.workspace

    def deed(session: Session) -> bytes:
        return papers_of(session, workspace).of(file_id)[1]

    try:
        return await site.decide(deed)
    except StageautoError as error:
        site.tell("document_broke", {"file": file_id, "because": error.message})
        raise HttpError(503, "the document cannot be shown just now", {"Retry-After": "60"}) from None


# -- reading ---------------------------------------------------------------------------------------------------------


async def show(site: Site, request: Request) -> Reply:
    """The document as a page, with what there is to sign."""
    seen = _seen(site, request)
    pdf = await _bytes_of(site, seen.document.file)
    # In the clerk's thread: reading the HTML of a long document takes a moment, and others wait for this one.
    return await site.decide(lambda _: _page(site, seen, sha256(pdf).hexdigest(), {}, {}))


def _page(
    site: Site, seen: Seen, digest: str, values: Mapping[str, str], wrong: Mapping[str, str], status: int = 200
) -> Reply:
    document = seen.document
    tree = read(document.html)
    place = f"{site.base}/d/{seen.token}"
    parts = [
        _standing(seen),
        f'<article class="paper">{html(tree, _addresses(tree, place))}</article>',
        f'<p><a class="file" href="{escape(place)}/document.pdf">{seen.look.words.html("download")}</a></p>',
    ]
    if seen.party is not None and seen.party.get("signed_at") is None and document.signed_at is None:
        parts.append(_form(seen.look.words, place, seen.party, digest, values, wrong))
    title = document.name if document.number in document.name else f"{document.name} {document.number}"
    opens = seen.role == RECIPIENT
    body = page(
        title, parts, look=seen.look, styles=("document.css",), scripts=("document.js",),
        attributes=f' class="wide"{f" data-opened={chr(34)}{escape(place)}/opened{chr(34)}" if opens else ""}',
    )  # fmt: skip
    return Reply(status, body, HTML)


def _addresses(tree: Node, place: str) -> dict[str, str]:
    """Where the page finds the document's pictures."""
    sources = list(dict.fromkeys(one.attributes["src"] for one in tree.walk() if one.tag == "img"))
    return {src: f"{place}/picture/{number}" for number, src in enumerate(sources)}


def _standing(seen: Seen) -> str:
    """Who has signed, and who has not."""
    document, words = seen.document, seen.look.words
    lines = [
        words.html(
            "signed_by", name=str(one["name"]), time=f"{to_local(one['signed_at'], seen.zone):%Y-%m-%d %H:%M %Z}"
        )
        for one in document.parties
        if one.get("signed_at") is not None
    ]
    left = waiting(document)
    if lines and left:
        lines.append(words.html("signed_left", names=", ".join(left)))
    elif lines:
        lines.append(words.html("signed_all"))
    return f'<div class="done" role="status">{"".join(f"<p>{one}</p>" for one in lines)}</div>' if lines else ""


def _form(
    words: Words, place: str, party: Mapping[str, Any], digest: str, values: Mapping[str, str],
    wrong: Mapping[str, str],
) -> str:  # fmt: skip
    bad = ' aria-invalid="true"'
    return _FORM.format(
        place=escape(place), digest=digest, longest=_LONGEST_NAME, wrong=wrongs(words, wrong),
        name=escape(values.get("name") or str(party["name"])), agreed=" checked" if values.get("consent") else "",
        bad_name=bad if "name" in wrong else "", bad_consent=bad if "consent" in wrong else "",
        title=words.html("sign_title"), full_name=words.html("sign_name"), draw=words.html("sign_draw"),
        typed=words.html("sign_typed"), clear=words.html("sign_clear"), consent=words.html("sign_consent"),
        kept=words.html("sign_kept"), button=words.html("sign"),
    )  # fmt: skip


async def picture(site: Site, request: Request) -> Reply:
    """One picture of the document."""
    seen = _seen(site, request)
    workspace = site.workspace

    def deed(session: Session) -> tuple[str, bytes] | None:
        tree = read(seen.document.html)
        wanted = f"/picture/{request.arguments['number']}"
        src = next((src for src, address in _addresses(tree, "").items() if address == wanted), None)
        with session.store.read() as state:
            content = papers_of(session, workspace).pictures(state, seen.document, tree).get(src or "")
        return (src, content) if src is not None and content is not None else None

    found = await site.decide(deed)
    if found is None:
        raise HttpError(404, "there is nothing here")
    src, content = found
    name = src if id_of(src) is None else src.rpartition("/")[2]
    return Reply(200, content, media_of(name), ALONE)


async def pdf(site: Site, request: Request) -> Reply:
    """The PDF: the signed one as soon as everybody has signed."""
    seen = _seen(site, request)
    document = seen.document
    content = await _bytes_of(site, document.signed_file or document.file)
    name = "".join(ch if ch.isalnum() and ch.isascii() else "-" for ch in document.number).strip("-") or "document"
    headers = {"Content-Disposition": f'attachment; filename="{name}{"-signed" if document.signed_file else ""}.pdf"'}
    return Reply(200, content, "application/pdf", headers)


async def opened(site: Site, request: Request) -> Reply:
    """The page tells that somebody reads it: one event an hour for each link."""
    seen = _seen(site, request)
    if seen.role == RECIPIENT and not likely_machine(request, HOUR):
        await site.offer(_opening(site, seen))
    return text("noted")


def _opening(site: Site, seen: Seen) -> Raw:
    data = {"document": seen.document.id, "email": str(seen.link.data.get("email") or "")}
    event_id = f"opened:{seen.link.hash[:32]}:{site.now() // HOUR}"
    return Raw(OPENED, data, id=event_id, item=seen.item.id, source="document-page")


# -- signing ---------------------------------------------------------------------------------------------------------


async def sign(site: Site, request: Request) -> Reply:
    """Takes a signature; the same one again changes nothing."""
    seen = _seen(site, request)
    if seen.party is None:
        raise HttpError(403, "nobody asked you to sign this")
    wait = site.allowance("sign", _PER_MINUTE).take(network_of(request.address), site.monotonic())
    if wait:
        raise HttpError(429, "too many at once; please come again in a minute", {"Retry-After": str(wait // 1000 + 1)})
    given = request.fields()
    digest = sha256(await _bytes_of(site, seen.document.file)).hexdigest()
    wrong = _wrong(seen.look.words, given)
    if wrong:
        # To a browser all is well: it shows the page, and has nothing to say about it on its console.
        return await site.decide(
            lambda _: _page(site, seen, digest, given, wrong, 200 if request.wants_html() else 422)
        )
    if given.get("sha256") != digest:
        raise HttpError(409, "this is not the document that is to be signed; please open the link again")
    if seen.party.get("signed_at") is None:
        if seen.role == RECIPIENT and seen.document.opened_at is None:
            await site.offer(_opening(site, seen))
        await site.offer(_signature(seen, request, given, digest))
    return redirect(f"{site.base}/d/{seen.token}")


def _wrong(words: Words, given: Mapping[str, str]) -> dict[str, str]:
    """What is missing, by the field it is missing in."""
    wrong = {}
    if not given.get("name", "").strip() or len(given["name"]) > _LONGEST_NAME or "\n" in given["name"]:
        wrong["name"] = words("sign_no_name")
    if given.get("consent") != "yes":
        wrong["consent"] = words("sign_no_consent")
    return wrong


def _signature(seen: Seen, request: Request, given: Mapping[str, str], digest: str) -> Raw:
    party, document = seen.party or {}, seen.document
    drawn = given.get("drawing", "")
    drawn = drawn if DRAWING.fullmatch(drawn) else ""
    data = {
        "document": document.id, "who": str(party.get("who")), "signer": given["name"],
        "how": "drawn" if drawn else "typed", "drawing": drawn, "sha256": digest,
        "consent": seen.look.words("sign_consent"),  # what they have read
        "address": request.address, "agent": request.headers.get("user-agent", "")[:400],
        "email": str(seen.link.data.get("email") or ""),
    }  # fmt: skip
    author = str(party.get("who")) if seen.role == SENDER else ""
    event_id = signature_id(document, seen.role, str(party.get("who")))
    return Raw(_EVENTS[seen.role], data, id=event_id, item=seen.item.id, source="document-page", author=author)


def routes() -> list[Route]:
    """The routes of this group."""
    return [
        Route("GET", "/d/{token}", show),
        Route("GET", "/d/{token}/document.pdf", pdf),
        Route("GET", "/d/{token}/picture/{number}", picture),
        Route("POST", "/d/{token}/opened", opened, most=1024),
        Route("POST", "/d/{token}/sign", sign),
    ]
