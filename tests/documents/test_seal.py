"""The seal of a signed document, checked by another's validator; the key it is made with."""

from __future__ import annotations

import io
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from stageauto.documents import evidence, seal, typeset
from stageauto.documents.typeset import DocumentError
from stageauto.engine.paper import read, unknown_tags
from stageauto.engine.state import Document

NOW = datetime.now(UTC)
MS = int(NOW.timestamp() * 1000)
PARTIES: list[dict[str, Any]] = [
    {
        "role": "recipient", "who": "contact-1", "name": 'Ewa <b> #panic("x")', "email": "ewa@home.test",
        "signed_at": MS - 60_000, "how": "drawn", "drawing": "M10 10L90 90", "address": "192.0.2.7",
        "agent": "Mozilla/5.0", "consent": "I sign.", "sha256": "ab" * 32, "source": "document-page", "author": "",
    },
    {"role": "sender", "who": "anna", "name": "Anna", "signed_at": MS, "how": "terminal", "source": "sign"},
]  # fmt: skip


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> seal.Keys:
    path = tmp_path_factory.mktemp("keys") / "state" / "signing.pem"
    seal.make_key(path, "Acme", NOW)
    return seal.Keys(path, path)


@pytest.fixture(scope="module")
def plain() -> bytes:
    return typeset.pdf(typeset.source(read("<h1>Contract</h1><p>All of it.</p>"), title="C", at=NOW, pictures={}), {})


@pytest.fixture(scope="module")
def sealed(keys: seal.Keys, plain: bytes) -> bytes:
    return seal.sealed(plain, evidence.page(document(), plain), seal.signer(keys), reason="signed by all")


def document() -> Document:
    return Document(
        "document-1", "deal-1", "rule", "contract", "Contract <i>", "C-1", MS - 90_000, "", "file-1", parties=PARTIES,
        signed_at=MS,
    )  # fmt: skip


def verdict(content: bytes, keys: seal.Keys) -> Any:
    (signature,) = PdfFileReader(io.BytesIO(content)).embedded_signatures
    trust = ValidationContext(trust_roots=[seal.signer(keys).signing_cert])
    return validate_pdf_signature(signature, signer_validation_context=trust)


def test_another_validator_finds_the_seal_good(sealed: bytes, keys: seal.Keys) -> None:
    found = verdict(sealed, keys)
    assert found.bottom_line
    assert found.coverage.name == "ENTIRE_FILE"
    assert found.signing_cert.subject.human_friendly == "Common Name: Acme"


@pytest.mark.parametrize("where", [0.1, 0.3, 0.5, 0.7])
def test_one_changed_byte_breaks_the_seal(sealed: bytes, plain: bytes, keys: seal.Keys, where: float) -> None:
    changed = bytearray(sealed)
    changed[int(len(plain) * where)] ^= 1
    try:
        found = verdict(bytes(changed), keys)
    except Exception:  # noqa: BLE001 - it may not even be a PDF any more
        return
    assert not found.intact
    assert not found.bottom_line


def test_what_was_signed_is_the_beginning_of_the_file_byte_for_byte(sealed: bytes, plain: bytes) -> None:
    assert sealed.startswith(plain)
    page = evidence._about(document(), plain)
    assert sha256(plain).hexdigest() in page
    assert f"{len(plain):,} bytes" in page


def test_the_evidence_stands_on_pages_behind_the_document(sealed: bytes, plain: bytes) -> None:
    assert _pages(plain) == 1
    assert _pages(sealed) == 2


def _pages(content: bytes) -> int:
    return int(PdfFileReader(io.BytesIO(content)).root["/Pages"]["/Count"])


def test_the_evidence_says_who_signed_when_and_how_and_takes_nothing_as_markup() -> None:
    said = "".join(evidence._party(one, "") for one in PARTIES)
    for word in ("192.0.2.7", "Mozilla/5.0", "I sign.", "by hand on the screen", "in the terminal", "ewa@home.test"):
        assert word in said
    assert "Ewa &lt;b&gt;" in said
    assert unknown_tags(said) == []


@pytest.mark.parametrize("path", ["", "M1", "M1 1L2", 'M1 1"/>', "M1 1L2 2<script>", "L1 1", "M12345 1", "M1 1Z"])
def test_a_drawing_is_moves_and_lines_or_none(path: str) -> None:
    assert evidence.drawing(path) is None


def test_a_drawing_becomes_a_picture() -> None:
    assert b'd="M1 2L3 4M5 6"' in (evidence.drawing("M1 2L3 4M5 6") or b"")


def test_a_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "state" / "signing.pem"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: seal.make_key(path, f"Acme {number}", NOW), range(8)))
    first = path.read_bytes()
    seal.make_key(path, "Somebody", NOW)
    assert path.read_bytes() == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["signing.pem"]
    made = x509.load_pem_x509_certificate(first)
    assert made.not_valid_after_utc > NOW + timedelta(days=3000)


def test_ones_own_key_with_a_password_is_used(tmp_path: Path, keys: seal.Keys, plain: bytes) -> None:
    text = keys.key.read_bytes()
    key = serialization.load_pem_private_key(text, None)
    locked = serialization.BestAvailableEncryption(b"geheim")
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    )
    (tmp_path / "cert.pem").write_bytes(text[text.index(b"-----BEGIN CERTIFICATE") :])
    own = seal.Keys(tmp_path / "cert.pem", tmp_path / "key.pem", "geheim")
    made = seal.sealed(plain, evidence.page(document(), plain), seal.signer(own), reason="x")
    assert verdict(made, keys).bottom_line
    with pytest.raises(DocumentError, match="cannot be"):
        seal.signer(seal.Keys(own.certificate, own.key, "wrong"))


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_key_that_is_none_is_an_error_that_names_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.pem"
    path.write_bytes(content)
    with pytest.raises(DocumentError, match=r"x\.pem"):
        seal.signer(seal.Keys(path, path))
    with pytest.raises(DocumentError, match="gone"):
        seal.signer(seal.Keys(tmp_path / "gone.pem", tmp_path / "gone.pem"))
