"""Reads multipart/form-data as a server does."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP

from tests.channels.providers.stand_in import Request


def parts(request: Request) -> dict[str, str]:
    """The fields and files by name, as text."""
    head = f"content-type: {request.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + request.body)
    found = {}
    for part in message.iter_parts():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        found[str(part.get_param("name", header="content-disposition"))] = content.decode()
    return found
