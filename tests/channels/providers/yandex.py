"""A stand-in for the API of Yandex Audience: changing a segment that was made from a file."""

from __future__ import annotations

import re

from tests.channels.providers.multipart import parts
from tests.channels.providers.stand_in import Reply, Request, StandIn

TOKEN, SEGMENT = "y0_t0ken", 111
HASH = re.compile(r"[0-9a-f]{64}")
FEWEST = 100
TYPES = {
    400: "invalid_parameter", 401: "unauthorized", 403: "access_denied", 404: "not_found", 409: "conflict",
    429: "quota_requests_by_uid", 503: "backend_error",
}  # fmt: skip


class Yandex(StandIn):
    """`rows`: the records of the segment; `log`: every row that came, with the way it went."""

    def __init__(self, *, size: int = 0, columns: str = "phone,email", fewest: int = FEWEST) -> None:
        super().__init__()
        self.rows: set[str] = set()
        self.log: list[tuple[str, str]] = []
        self.files: list[str] = []
        self.error_type = ""  # answers this error once
        self._size = size
        self._columns = columns
        self._fewest = fewest

    def refuse(self, status: int) -> Reply:
        return self.error(TYPES.get(status, "backend_error"), status)

    def error(self, kind: str, status: int = 400) -> Reply:
        told = {"error_type": kind, "message": f"It was {kind}", "location": "file"}
        return Reply(status, {"errors": [told], "code": status, "message": f"It was {kind}"})

    def serve(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"OAuth {TOKEN}":
            return self.refuse(401)
        size = self._size + len(self.rows)
        if (request.method, request.path) == ("GET", "/v1/management/segments"):
            others = [{"id": number, "type": "pixel", "name": "other"} for number in range(3)]
            return Reply(200, {"segments": [*others, {"id": SEGMENT, "type": "uploading", "item_quantity": size}]})
        if (request.method, request.path) != ("POST", f"/v1/management/segment/{SEGMENT}/modify_data"):
            return self.refuse(404)
        if self.error_type:
            kind, self.error_type = self.error_type, ""
            return self.error(kind, 409 if kind == "conflict" else 400)
        return self._take(request, size)

    def _take(self, request: Request, size: int) -> Reply:
        way = {"addition": "add", "subtraction": "remove"}.get(request.query["modification_type"])
        content = parts(request)["file"]
        head, *rows = content.splitlines()
        if way is None or head != self._columns:
            return self.error("header_validation_error")
        if len(rows) < self._fewest and not (request.query.get("check_size") == "false" and size >= self._fewest):
            return self.error("invalid_uploading")
        if content in self.files:
            return self.error("no_changes")
        for row in rows:
            cells = row.split(",")
            if len(cells) != len(head.split(",")) or not any(cells) or not all(HASH.fullmatch(c) for c in cells if c):
                return self.error("invalid_uploading")
        self.files.append(content)
        self.log += [(way, row) for row in rows]
        (self.rows.update if way == "add" else self.rows.difference_update)(rows)
        return Reply(200, {"segment": {"id": SEGMENT, "status": "uploaded", "item_quantity": len(self.rows)}})
