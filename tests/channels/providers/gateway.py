"""A stand-in for an SMS gateway of no great name: a bearer token, JSON or a form or a query, and errors in a 200."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

from tests.channels.providers.stand_in import Reply, Request, StandIn

TOKEN = "gateway-t0ken-of-the-test"
DIGITS = re.compile(r"[1-9]\d{6,14}")


class Gateway(StandIn):
    """Keeps what it took in `messages`. It answers 200 to nearly everything, and says in the body what it meant."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[dict[str, Any]] = []

    def serve(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            shown = request.headers.get("authorization", "")
            return Reply(401, {"error": {"code": "AUTH", "text": f"no such token: {shown}"}})
        said = self._said(request)
        if not DIGITS.fullmatch(str(said.get("msisdn", ""))) or said["msisdn"] == "48500000000":
            return _error("BAD_MSISDN", "not a number")
        if said["msisdn"] == "48509999999":
            return _error("STOPPED", "the recipient wants nothing")
        if said["msisdn"] == "48508888888":
            return _error("BUSY", "come back later")
        if not said.get("text"):
            return _error("NO_TEXT", "no text")
        self.messages.append(said)
        if request.headers.get("content-type", "").startswith("text/xml"):
            made = f'<r:reply xmlns:r="urn:r"><result>OK</result><message id="m-{len(self.messages)}"/></r:reply>'
            return Reply(200, made.encode(), {"content-type": "text/xml"})
        return Reply(200, {"result": "OK", "messages": [{"id": f"m-{len(self.messages)}"}]})

    def refuse(self, status: int) -> Reply:
        if status < 400:
            return Reply(status, b"", {"location": f"{self.url}/elsewhere"})
        return Reply(status, {"error": {"code": f"E{status}", "text": "no"}})

    def _said(self, request: Request) -> dict[str, Any]:
        if request.method == "GET":
            return dict(request.query)
        if request.headers.get("content-type") == "application/json":
            return dict(request.json)
        if request.headers.get("content-type") == "text/xml; charset=utf-8":
            root = ET.fromstring(request.body)
            assert root.tag == "sms"
            return {"msisdn": root.findtext("to") or "", "text": root.findtext("text") or "", **root.attrib}
        return dict(request.form)


def _error(code: str, text: str) -> Reply:
    return Reply(200, {"result": "ERROR", "error": {"code": code, "text": text}})
