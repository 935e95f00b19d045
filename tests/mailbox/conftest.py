"""One certificate for all servers of a run, and a server for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.channels.support import Certificate, make_certificate
from tests.mailbox.dovecot import Dovecot, dovecot


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(Path(tmp_path_factory.mktemp("certificate")))


@pytest.fixture
def server(certificate: Certificate) -> Iterator[Dovecot]:
    with dovecot(certificate) as made:
        yield made
