"""The channel `label_printer`: labels go to a printer that speaks ZPL on a TCP port, as most of them do on 9100."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from stageauto.channels.base import ChannelContext, ChannelType, Delivered, Outcome, Rejected, Retry, settings
from stageauto.engine.model import Channel
from stageauto.engine.options import Plain, option
from stageauto.engine.state import Delivery

LEFT, TOP, LINE = 40, 40, 50
"""Where text begins, and how far lines are apart, in dots."""


@dataclass(frozen=True, slots=True)
class LabelPrinterOptions:
    """The options of a `label_printer` channel."""

    host: str = option(Plain(), "where the printer is")
    port: int = option(Plain("integer", 1, 65_535), "the port it listens on", default=9100)


class LabelPrinter(ChannelType):
    """Prints labels on a printer of the local network.

    A printer prints at the command that ends a label, so that everything before it can be taken back by hanging up.
    It knows of no keys: whether a label was printed when the connection broke, only people can see; with
    `on_unknown: resend` it is printed once more.

    Example:
        warehouse: {type: label_printer, host: 192.0.2.7}
    """

    type: ClassVar[str] = "label_printer"
    kinds: ClassVar[tuple[str, ...]] = ("label",)
    options: ClassVar[Any] = LabelPrinterOptions

    def __init__(self, channel: Channel, context: ChannelContext) -> None:
        super().__init__(channel, context)
        self._printer = settings(LabelPrinterOptions, channel)

    def send(self, delivery: Delivery, point: Callable[[], None]) -> Outcome:
        """Delivered when the printer has taken the whole label and hung up."""
        try:
            label = zpl(delivery)
        except ValueError as error:
            return Rejected(str(error), "bad_label", undeliverable=True)
        address = (self._printer.host, self._printer.port)
        try:
            connection = socket.create_connection(address, self.context.timeout)
        except OSError as error:
            return Retry(f"no connection to the printer: {error}")
        with connection:
            return self._print(connection, label, point)

    def _print(self, connection: socket.socket, label: bytes, point: Callable[[], None]) -> Outcome:
        try:
            connection.sendall(label)
        except OSError as error:
            return Retry(f"the printer hung up: {error}")
        point()
        try:
            connection.sendall(b"^XZ\n")
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1024):
                pass  # what it says of itself is of no interest
        except OSError as error:
            return self.perhaps(f"the printer did not say goodbye: {error}")
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        return Delivered({"bytes": len(label)})


def zpl(delivery: Delivery) -> bytes:
    """The label in ZPL II without the `^XZ` that prints it; the delivery's key stands in it as a comment.

    Raises ValueError for a message that is no label.
    """
    lines = delivery.message.get("lines")
    if not isinstance(lines, list) or not lines:
        raise ValueError("the message has no lines")
    parts = ["^XA", "^CI28", f"^FX {delivery.key}^FS", f"^PQ{int(delivery.message.get('copies', 1))}"]
    parts += [f"^FO{LEFT},{TOP + number * LINE}^A0N,36^FH_^FD{_field(str(one))}^FS" for number, one in enumerate(lines)]
    return "\n".join(parts).encode("utf-8", "replace")


def _field(text: str) -> str:
    """The text as data of a field: signs that would begin a command, and what cannot be seen, by number (`^FH`)."""
    return "".join(
        "".join(f"_{byte:02X}" for byte in ch.encode()) if ch in "^~_" or not ch.isprintable() else ch for ch in text
    )
