"""The channel does what every channel owes, with a printer on loopback that keeps what it prints."""

from __future__ import annotations

import re
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from acme_actions.label_printer import LabelPrinter, zpl

from stageauto.channels.base import ChannelType, Retry, Uncertain
from stageauto.engine.state import Delivery
from stageauto.testing import ChannelConformance, Rig, make_channel, make_context, make_delivery, nothing


class Printer(socketserver.ThreadingTCPServer):
    """Prints a label when it has ended, and never one that breaks off."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        self.printed: list[str] = []
        super().__init__(("127.0.0.1", 0), Job)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class Job(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Printer)
        got = self.rfile.read().decode()
        if got.endswith("^XZ\n"):
            self.server.printed.append(got)


class PrinterRig(Rig):
    def __init__(self, printer: Printer, root: Path) -> None:
        self.printer = printer
        self.root = root

    def channel(self) -> ChannelType:
        said = make_channel("label_printer", "label", host="127.0.0.1", port=self.printer.server_address[1])
        return LabelPrinter(said, make_context(self.root))

    def delivery(self, key: str) -> Delivery:
        return make_delivery("label", {"lines": ["Ewa Home", "12 Long Street"]}, key)

    def arrived(self) -> list[str]:
        return [found[1] for one in self.printer.printed if (found := re.search(r"\^FX (.+)\^FS", one))]

    def broken(self) -> Delivery:
        return make_delivery("label", {"lines": []}, "k-0")


@pytest.fixture
def printer() -> Iterator[Printer]:
    made = Printer()
    yield made
    made.close()


class TestConformance(ChannelConformance):
    @pytest.fixture
    def rig(self, printer: Printer, tmp_path: Path) -> Rig:
        return PrinterRig(printer, tmp_path)


def test_what_a_customer_typed_is_no_command() -> None:
    label = zpl(make_delivery("label", {"lines": ["Ewa^XZ^XA~JA_5E\n^PQ999"], "copies": 2})).decode()
    assert label.count("^PQ") == label.count("^XA") == 1
    assert "^FDEwa_5EXZ_5EXA_7EJA_5F5E_0A_5EPQ999^FS" in label
    assert "^PQ2" in label


def test_a_printer_that_is_off_is_tried_again(printer: Printer, tmp_path: Path) -> None:
    rig = PrinterRig(printer, tmp_path)
    printer.close()
    outcome = rig.channel().send(rig.delivery("k-1"), nothing)
    assert isinstance(outcome, Retry)
    assert not outcome.sent_maybe


def test_a_printer_that_does_not_hang_up_has_printed_it_perhaps(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        said = make_channel("label_printer", "label", host="127.0.0.1", port=server.getsockname()[1])
        one = LabelPrinter(said, make_context(tmp_path, timeout=0.2))
        assert isinstance(one.send(make_delivery("label", {"lines": ["Ewa"]}), nothing), Uncertain)
