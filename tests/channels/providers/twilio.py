"""A stand-in for Twilio's REST API (2010-04-01): Messages and Calls, its checks and its errors."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from tests.channels.providers.stand_in import Reply, Request, StandIn
from tests.channels.support import NOW

ACCOUNT = "AC" + "0123456789abcdef" * 2
TOKEN = "twilio-t0ken-of-the-test"
OWN = "+48221002030"
E164 = re.compile(r"\+[1-9]\d{6,14}")
ERRORS = {
    400: (21602, "Message body is required."),
    401: (20003, "Authenticate"),
    404: (20404, "The requested resource was not found"),
    429: (20429, "Too Many Requests"),
    500: (20500, "Internal Server Error"),
    503: (20503, "Service is not available"),
}
LANDLINE, STOPPED, INVALID, NO_REGION = "+48221119999", "+48509999999", "+48500000000", "+48507777777"
NUMBERS = {
    LANDLINE: (21614, "'To' number is not a valid mobile number"),
    STOPPED: (21610, "Attempt to send to unsubscribed recipient"),
    INVALID: (21211, "The 'To' number +48500000000 is not a valid phone number."),
    NO_REGION: (21408, "Permission to send an SMS has not been enabled for the region"),
}


class Twilio(StandIn):
    """Keeps what it took in `messages` and `calls`, as its lists show them."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[dict[str, Any]] = []
        self.calls: list[dict[str, Any]] = []
        self.created = NOW

    def serve(self, request: Request) -> Reply:
        base = f"/2010-04-01/Accounts/{ACCOUNT}"
        if request.basic[0] not in {ACCOUNT, "SK1"} or request.basic[1] != TOKEN:
            return self.refuse(401)
        if request.path == f"{base}/Messages.json":
            return self._list(request) if request.method == "GET" else self._message(request)
        if request.path == f"{base}/Calls.json":
            return self._list(request) if request.method == "GET" else self._call(request)
        return self.refuse(404)

    def refuse(self, status: int) -> Reply:
        if status < 400:
            return Reply(status, b"", {"location": f"{self.url}/elsewhere"})
        return _error(status, *ERRORS.get(status, (20001, "Unknown")))

    def _message(self, request: Request) -> Reply:
        form = request.form
        wrong = _wrong_number(form.get("To", "")) or _wrong_message(form)
        if wrong:
            return _error(400, *wrong)
        made = self._made("SM", form) | {"body": form["Body"], "num_segments": "1", "status": "queued"}
        self.messages.insert(0, made)
        return Reply(201, made)

    def _call(self, request: Request) -> Reply:
        form = request.form
        wrong = _wrong_number(form.get("To", "")) or _wrong_call(form)
        if wrong:
            return _error(400, *wrong)
        made = self._made("CA", form) | {"status": "queued", "twiml": form["Twiml"], "form": form}
        self.calls.insert(0, made)
        return Reply(201, {name: one for name, one in made.items() if name not in {"twiml", "form"}})

    def _made(self, prefix: str, form: dict[str, str]) -> dict[str, Any]:
        number = len(self.messages) + len(self.calls)
        return {
            "sid": f"{prefix}{number:032x}",
            "account_sid": ACCOUNT,
            "to": form["To"],
            "from": form.get("From"),
            "direction": "outbound-api",
            "date_created": format_datetime(datetime.fromtimestamp(self.created / 1000, UTC)),
            "date_sent": None,
            "error_code": None,
        }

    def _list(self, request: Request) -> Reply:
        size = int(request.query.get("PageSize", 50))
        what = "calls" if request.path.endswith("/Calls.json") else "messages"
        kept = [
            {name: value for name, value in one.items() if name not in {"twiml", "form"}} for one in getattr(self, what)
        ]
        found = [one for one in kept if one["to"] == request.query.get("To", one["to"])]
        return Reply(200, {what: found[:size], "page": 0, "page_size": size})


def _wrong_number(number: str) -> tuple[int, str] | None:
    if not number:
        return 21604, "A 'To' phone number is required."
    if not E164.fullmatch(number):
        return 21211, f"Invalid 'To' Phone Number: {number}"
    return NUMBERS.get(number)


def _wrong_message(form: dict[str, str]) -> tuple[int, str] | None:
    if not form.get("Body"):
        return ERRORS[400]
    if len(form["Body"]) > 1600:
        return 21617, "The concatenated message body exceeds the 1600 character limit"
    if not form.get("MessagingServiceSid") and form.get("From") not in {OWN, "Acme"}:
        return 21603, "A 'From' phone number is required."
    return None


def _wrong_call(form: dict[str, str]) -> tuple[int, str] | None:
    if form.get("From") != OWN:
        return 21210, f"'From' phone number not verified: {form.get('From')}"
    if not form.get("Twiml") and not form.get("Url"):
        return 21205, "Url parameter is required."
    if len(form["Twiml"]) > 4000 or ET.fromstring(form["Twiml"]).tag != "Response":
        return 12100, "Document parse failure"
    callback = form.get("StatusCallback")
    if callback and not callback.startswith(("http://", "https://")):
        return 21609, "Invalid 'StatusCallback'"
    return None


def _error(status: int, code: int, message: str) -> Reply:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return Reply(status, {"code": code, "message": message, "more_info": more, "status": status})
