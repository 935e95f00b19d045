"""The digital signature of a signed document (PDF 2.0, PAdES B-B), and the key it is made with.

The signed file begins with the document byte for byte as it was read; the evidence and the seal come after it as an
incremental update (ISO 32000-2, 7.5.6). So its hash can be checked without anything of ours.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stageauto.documents.typeset import DocumentError

if TYPE_CHECKING:
    from pyhanko.sign.signers import SimpleSigner

YEARS = 10
_EXTRA = "pip install 'stageauto[documents]'"


@dataclass(frozen=True, slots=True)
class Keys:
    """Where the certificate and its key stand, as PEM, perhaps in one file; `password` is the key's, if it has one."""

    certificate: Path
    key: Path
    password: str = ""


def signer(keys: Keys) -> SimpleSigner:
    """What signs. Raises DocumentError where the key or the certificate cannot be used."""
    try:
        from pyhanko.sign.signers import SimpleSigner
    except ImportError as error:
        raise DocumentError("signatures need pyHanko", _EXTRA) from error
    try:
        made: Any = SimpleSigner.load(  # type: ignore[no-untyped-call]
            str(keys.key), str(keys.certificate), key_passphrase=keys.password.encode() or None
        )
    except (OSError, ValueError, TypeError) as error:
        raise DocumentError(f"the signing key {keys.key} cannot be used: {error}"[:300], "check `signing:`") from error
    if made is None:
        hint = "check `signing:` in stageauto.yaml: both are PEM, and the password is the key's"
        raise DocumentError(f"the signing key {keys.key} or the certificate cannot be read", hint)
    return made  # type: ignore[no-any-return]


def make_key(path: Path, name: str, now: datetime) -> None:
    """Makes a key with a certificate that it signed itself, both in one file that only its owner reads.

    A file that is there stays as it is, whoever made it meanwhile.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError as error:
        raise DocumentError("signatures need pyHanko", _EXTRA) from error
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, (name or "stageauto")[:64])])
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=True, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + made.public_bytes(serialization.Encoding.PEM)
    _write_new(path, text)


def _write_new(path: Path, text: bytes) -> None:
    """Writes the file whole or not at all: beside it first, then linked to its name, which fails where there is one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, made = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # readable by its owner alone
    draft = Path(made)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()


def sealed(pdf: bytes, evidence: bytes, made_by: SimpleSigner, reason: str) -> bytes:
    """The document with the pages of evidence behind it, signed. Raises DocumentError."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import PdfSignatureMetadata
    from pyhanko.sign.fields import SigSeedSubFilter
    from pyhanko.sign.signers import PdfSigner

    def deed() -> bytes:
        writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
        _append(writer, evidence)
        about = PdfSignatureMetadata(
            field_name="Seal", reason=reason[:200], name=made_by.subject_name, md_algorithm="sha256",
            subfilter=SigSeedSubFilter.PADES,
        )  # fmt: skip
        out = io.BytesIO()
        PdfSigner(about, made_by).sign_pdf(writer, output=out)
        return out.getvalue()

    return _said(deed)


def _said(deed: Callable[[], bytes]) -> bytes:
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.sign.general import SigningError

    try:
        return deed()
    except (PdfError, SigningError, ValueError) as error:
        raise DocumentError(f"the document cannot be signed: {error}"[:300]) from error


def _append(writer: Any, evidence: bytes) -> None:
    """Puts the evidence's pages behind the document's."""
    from pyhanko.pdf_utils import generic
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.pdf_utils.writer import PageObject

    made: Any = generic.DictionaryObject  # the library has no types for these
    page_of: Any = PageObject
    reader = PdfFileReader(io.BytesIO(evidence))
    for index in range(int(reader.root["/Pages"]["/Count"])):
        drawn = writer.import_page_as_xobject(reader, page_ix=index)
        content = writer.add_object(generic.StreamObject(stream_data=b"q /Evidence Do Q"))
        resources = made({generic.pdf_name("/XObject"): made({generic.pdf_name("/Evidence"): drawn})})
        page = page_of(contents=content, media_box=(0, 0, 595.28, 841.89), resources=resources)
        writer.insert_page(page)
