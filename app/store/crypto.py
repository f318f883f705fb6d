"""Sealing of single values, and keyed hashes to look them up by.

A sealed value names the key it was sealed under and opens only in its own row and column. Sealing is
AES-256-GCM with a random 96-bit nonce; hashes are HMAC-SHA256. All keys are derived from the master key by
HKDF-SHA256, one per purpose, and never stored.
"""

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.store.errors import SealBrokenError

KEY_BYTES = 32
_NONCE_BYTES = 12
_VERSION = "s1"
KEY_ID_AT, KEY_ID_DIGITS = len(_VERSION) + 1, 12
"""Where a sealed value names its key, and how long the name is."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value lives: it cannot be opened anywhere else."""

    table: str
    row: str
    column: str

    def bound(self) -> bytes:
        """The place as associated data; lengths keep neighbouring parts apart."""
        return "".join(f"{len(part)}:{part};" for part in (self.table, self.row, self.column)).encode()


@dataclass(frozen=True, slots=True)
class _DerivedKeys:
    key_id: str
    sealing: bytes = field(repr=False)
    hashing: bytes = field(repr=False)


class KeyRing:
    """The keys of this process: the current one seals and hashes, the others open and match as well."""

    __slots__ = ("_keys",)

    def __init__(self, keys: tuple[_DerivedKeys, ...]) -> None:
        self._keys = keys

    @classmethod
    def from_settings(cls, master_key: bytes, further: Iterable[bytes] = ()) -> Self:
        """A ring from the master key (32 bytes) and any others that open and match, such as earlier ones.

        Raises ValueError for another length.
        """
        return cls(tuple(_derive(key) for key in (master_key, *further)))

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of all keys, the current one first."""
        return tuple(key.key_id for key in self._keys)

    @property
    def current_id(self) -> str:
        """Id of the key that seals and hashes now; says nothing about the key itself."""
        return self._keys[0].key_id

    def seal(self, value: str, place: Place) -> str:
        """Seal a text for exactly this place."""
        nonce = os.urandom(_NONCE_BYTES)
        key = self._keys[0]
        sealed = AESGCM(key.sealing).encrypt(nonce, value.encode(), _bound(key.key_id, place))
        return f"{_VERSION}.{key.key_id}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, place: Place) -> str:
        """The text sealed for this place. Raises SealBrokenError when moved, altered or of an unknown key."""
        version, _, rest = sealed.partition(".")
        key_id, _, body = rest.partition(".")
        key = next((key for key in self._keys if key.key_id == key_id), None)
        if version != _VERSION or key is None:
            raise SealBrokenError("A stored value was sealed under a key this process does not have.")
        try:
            raw = _decoded(body)
            opened = AESGCM(key.sealing).decrypt(
                raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _bound(key_id, place)
            )
        except (InvalidTag, ValueError, binascii.Error):
            raise SealBrokenError("A stored value is damaged or belongs to another row.") from None
        return opened.decode()

    def keyed_hash(self, purpose: str, value: str) -> str:
        """The look-up hash of a value for one purpose, under the current key: 64 hexadecimal digits."""
        return _hash(self._keys[0], purpose, value)

    def keyed_hashes(self, purpose: str, value: str) -> tuple[str, ...]:
        """The hashes a value may be stored under, the current key's first."""
        return tuple(_hash(key, purpose, value) for key in self._keys)

    def keyed_hash_under(self, key_id: str, purpose: str, value: str) -> str | None:
        """The hash under a named key; None when this process does not have it."""
        return next((_hash(key, purpose, value) for key in self._keys if key.key_id == key_id), None)

    def matches(self, stored: str, purpose: str, value: str) -> bool:
        """Whether a stored hash is that of the value; every candidate is compared in constant time."""
        found = False
        for candidate in self.keyed_hashes(purpose, value):
            found |= hmac.compare_digest(stored, candidate)
        return found

    def __repr__(self) -> str:
        return f"KeyRing(current={self.current_id})"


def _derive(master_key: bytes) -> _DerivedKeys:
    if len(master_key) != KEY_BYTES:
        raise ValueError("A master key has 32 bytes.")
    sealing, hashing, key_id = (
        HKDF(SHA256(), KEY_BYTES, salt=None, info=f"ltot {purpose}".encode()).derive(master_key)
        for purpose in ("seal", "hash", "key id")
    )
    return _DerivedKeys(key_id.hex()[:KEY_ID_DIGITS], sealing, hashing)


def _decoded(body: str) -> bytes:
    raw = base64.b64decode(body, altchars=b"-_", validate=True)
    # Decoders take several spellings of the same bytes; only the one that was written is the stored value.
    if base64.urlsafe_b64encode(raw).decode() != body:
        raise ValueError("not as it was written")
    return raw


def _bound(key_id: str, place: Place) -> bytes:
    return f"{_VERSION}.{key_id}.".encode() + place.bound()


def _hash(key: _DerivedKeys, purpose: str, value: str) -> str:
    return hmac.new(
        key.hashing, f"{purpose}\0{value}".encode(errors="surrogatepass"), hashlib.sha256
    ).hexdigest()
