"""SymetryML's encrypted bodies: AES-CBC with one fixed IV. For compatibility only.

A fixed IV lets equal beginnings be seen as equal, CBC alone does not notice changes, and the key is also the
signing key. So nothing of suffice rests on it: request bodies are covered by the signature before they are
decrypted, and invitations carry their own protection.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

FIXED_IV: Final = b64decode("LzM5QUtXZXWHm7HJ4wAePg==")
_KEY_SIZES = (16, 24, 32)


class DecryptionError(ValueError):
    """The text is not base64, or not encrypted under this key."""


def encrypt(key: bytes, plain: str) -> str:
    """Base64 of AES-CBC-PKCS5 under `key` (16, 24 or 32 bytes)."""
    padder = PKCS7(128).padder()
    padded = padder.update(plain.encode()) + padder.finalize()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(FIXED_IV)).encryptor()
    return b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def decrypt(key: bytes, text: str) -> str:
    """Undo `encrypt`; raises `DecryptionError`."""
    try:
        data = b64decode(text.strip(), validate=True)
        decryptor = Cipher(algorithms.AES(key), modes.CBC(FIXED_IV)).decryptor()
        unpadder = PKCS7(128).unpadder()
        padded = decryptor.update(data) + decryptor.finalize()
        return (unpadder.update(padded) + unpadder.finalize()).decode()
    except ValueError:
        raise DecryptionError("the text is not base64 of AES-CBC under this key") from None


def password_key(password: str) -> bytes:
    """A password as an AES key: its UTF-8 filled with zero bytes to 16, 24 or 32, cut at 32.

    That clients pad is known, with what is not documented; zero bytes are our choice.
    """
    data = password.encode()[: _KEY_SIZES[-1]]
    return data.ljust(next(size for size in _KEY_SIZES if len(data) <= size), b"\0")
