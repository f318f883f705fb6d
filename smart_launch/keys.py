"""Our signing keys: RS384 and ES384 pairs, and the public key set servers fetch.

Source: SMART App Launch 2.2, "Client Authentication: Asymmetric"; key ids are RFC 7638 thumbprints.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import cast

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from smart_launch.errors import KeyMaterialError, Reason
from smart_launch.secret import Secret

RSA_BITS = 3072
_PUBLIC_MEMBERS = {"RSA": ("kty", "n", "e"), "EC": ("kty", "crv", "x", "y")}


class SigningAlgorithm(StrEnum):
    """The two algorithms SMART demands of a client."""

    RS384 = "RS384"
    ES384 = "ES384"


class KeyState(StrEnum):
    """NEXT is published, not used yet; ACTIVE signs; PASSIVE is published until its last assertion
    expired."""

    NEXT = "next"
    ACTIVE = "active"
    PASSIVE = "passive"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private signing key; only ``private_jwk`` holds the private part, and it hides it."""

    kid: str
    algorithm: SigningAlgorithm
    private_jwk: Secret = field(repr=False)

    def jose_key(self) -> RSAKey | ECKey:
        """The key in the form the signing library takes."""
        return _import(self.private_jwk, self.algorithm)


def generate_signing_key(algorithm: SigningAlgorithm) -> SigningKey:
    """A new key pair: RSA of 3072 bits, or P-384."""
    if algorithm is SigningAlgorithm.RS384:
        key = RSAKey.generate_key(RSA_BITS, private=True)
    else:
        key = ECKey.generate_key("P-384", private=True)
    return SigningKey(key.thumbprint(), algorithm, Secret(json.dumps(key.as_dict(private=True))))


def load_signing_key(private_jwk: Secret, algorithm: SigningAlgorithm) -> SigningKey:
    """A stored key. Raises KeyMaterialError when it is no private key fit for the algorithm."""
    key = _import(private_jwk, algorithm)
    if not key.is_private:
        raise _invalid("it has no private part")
    if isinstance(key, ECKey) and key.curve_name != "P-384":
        raise _invalid("ES384 needs the curve P-384")
    return SigningKey(key.thumbprint(), algorithm, private_jwk)


def public_jwk(key: SigningKey) -> dict[str, str | list[str]]:
    """The publishable half, built from the public members alone, so that no private one can slip in."""
    members = key.jose_key().as_dict(private=False)
    kind = cast("str", members["kty"])
    public: dict[str, str | list[str]] = {name: cast("str", members[name]) for name in _PUBLIC_MEMBERS[kind]}
    return public | {"kid": key.kid, "use": "sig", "alg": key.algorithm.value, "key_ops": ["verify"]}


def jwks_document(public_jwks: Iterable[dict[str, str | list[str]]]) -> dict[str, object]:
    """The key set to publish. Raises KeyMaterialError for a repeated key id or any member that is not
    public."""
    keys = list(public_jwks)
    kids = [key.get("kid") for key in keys]
    if len(set(map(str, kids))) != len(kids) or None in kids:
        raise _invalid("two published keys share one key id, or one has none")
    for key in keys:
        allowed = {*_PUBLIC_MEMBERS.get(str(key.get("kty")), ()), "kid", "use", "alg", "key_ops"}
        if not set(key) <= allowed:
            raise _invalid("a published key holds members that are not public")
    return {"keys": keys}


# Checking the primes of an RSA key takes a tenth of a second of processor, far more than signing with it.
@lru_cache(maxsize=64)
def _import(private_jwk: Secret, algorithm: SigningAlgorithm) -> RSAKey | ECKey:
    kind = RSAKey if algorithm is SigningAlgorithm.RS384 else ECKey
    try:
        return kind.import_key(json.loads(private_jwk.reveal()))
    except (JoseError, ValueError, TypeError, KeyError):
        raise _invalid(f"it is no {algorithm} key") from None


def _invalid(why: str) -> KeyMaterialError:
    return KeyMaterialError(
        Reason.SIGNING_KEY_INVALID, f"A signing key cannot be used: {why}. Create a new one."
    )
