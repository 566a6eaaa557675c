"""TLS without a certificate authority: a certificate made by the server's own node, pinned by fingerprint.

The fingerprint (sha256 of the certificate's DER form) comes to a peer in its invitation. The handshake proves
that the server holds the certificate's key; the pin proves that it is the right certificate. It is compared
as the last step of the handshake, so before any byte of ours, credentials included, has been sent.
"""

import datetime
import hmac
import ssl
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from transport.credentials import write_secret

_VALID_FOR = datetime.timedelta(days=20 * 365)  # it is the pin that is trusted, and a pin does not expire


class _PinnedConnection(ssl.SSLObject):
    """A TLS connection whose handshake fails unless the server shows the one expected certificate."""

    def do_handshake(self) -> None:
        super().do_handshake()
        certificate = self.getpeercert(binary_form=True) or b""
        expected: str = getattr(self.context, "fingerprint", "")
        if not hmac.compare_digest(fingerprint_of(certificate), expected):
            raise ssl.SSLCertVerificationError(
                1,
                "the server's certificate is not the one whose fingerprint is pinned: this is another "
                "server, or one whose folder was made anew. Ask its admin for a new invitation",
            )


class _PinnedContext(ssl.SSLContext):
    fingerprint: str
    sslobject_class = _PinnedConnection


def pinned_context(fingerprint: str) -> ssl.SSLContext:
    """A client context that accepts exactly the certificate with this sha256 fingerprint (64 hex digits)."""
    wanted = fingerprint.lower().replace(":", "")
    if len(wanted) != 64 or not set(wanted) <= set("0123456789abcdef"):
        raise ValueError("a certificate's fingerprint is the 64 hexadecimal digits of its sha256")
    context = _PinnedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # no chain to verify: the pin stands in its place
    context.fingerprint = wanted
    return context


def authority_context(certificates: Path | None = None) -> ssl.SSLContext:
    """A client context that trusts the system's authorities, or only those in a PEM file."""
    context = ssl.create_default_context(cafile=str(certificates) if certificates else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def fingerprint_of(certificate: bytes) -> str:
    """The sha256 of a certificate in DER form, in hexadecimal."""
    return sha256(certificate).hexdigest()


def ensure_certificate(certificate: Path, key: Path, name: str) -> str:
    """Make a self-signed certificate and its key (P-256, 0600) unless both files exist; its fingerprint."""
    if not (certificate.exists() and key.exists()):
        _make(certificate, key, name)
    pem = x509.load_pem_x509_certificate(certificate.read_bytes())
    return fingerprint_of(pem.public_bytes(serialization.Encoding.DER))


def _make(certificate: Path, key: Path, name: str) -> None:
    secret = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # a peer's clock may be slow
        .not_valid_after(now + _VALID_FOR)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(secret, hashes.SHA256())
    )
    pem = secret.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_secret(key, pem)
    write_secret(certificate, made.public_bytes(serialization.Encoding.PEM))
