"""Our keys: strong, named by thumbprint, published without any private part. Secrets do not show
themselves."""

import json
import pickle
from datetime import UTC, datetime

import pytest
from joserfc.jwk import ECKey, RSAKey

from smart_launch.client_auth import client_assertion
from smart_launch.errors import KeyMaterialError, Reason
from smart_launch.keys import SigningAlgorithm, SigningKey, jwks_document, load_signing_key, public_jwk
from smart_launch.secret import Secret

PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def test_the_published_set_holds_public_members_only(rsa_key: SigningKey, ec_key: SigningKey) -> None:
    keys = json.loads(json.dumps(jwks_document([public_jwk(rsa_key), public_jwk(ec_key)])))["keys"]
    assert [key["alg"] for key in keys] == ["RS384", "ES384"]
    for key in keys:
        assert not PRIVATE & set(key)
        assert (key["use"], key["key_ops"]) == ("sig", ["verify"])
    assert {"n", "e"} <= set(keys[0])
    assert (keys[1]["crv"], {"x", "y"} <= set(keys[1])) == ("P-384", True)


def test_keys_are_named_by_their_thumbprint(rsa_key: SigningKey, ec_key: SigningKey) -> None:
    assert rsa_key.kid == RSAKey.import_key(public_jwk(rsa_key)).thumbprint()
    assert ec_key.kid == ECKey.import_key(public_jwk(ec_key)).thumbprint()
    assert isinstance(rsa := rsa_key.jose_key(), RSAKey)
    assert rsa.public_key.key_size >= 2048


def test_a_stored_key_is_the_same_key(rsa_key: SigningKey, ec_key: SigningKey) -> None:
    for key in (rsa_key, ec_key):
        assert load_signing_key(key.private_jwk, key.algorithm) == key


def test_a_key_read_again_is_not_checked_again(rsa_key: SigningKey, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checking the primes takes longer than all else in a launch, and nothing else is served meanwhile."""
    stored = rsa_key.private_jwk.reveal()
    load_signing_key(Secret(stored), SigningAlgorithm.RS384)

    def checked(*_: object, **__: object) -> RSAKey:
        raise AssertionError("the key was imported again")

    monkeypatch.setattr(RSAKey, "import_key", checked)
    again = load_signing_key(Secret(stored), SigningAlgorithm.RS384)
    assert client_assertion("client", "https://ehr.example.org/token", again, datetime.now(UTC)).reveal()


@pytest.mark.parametrize("stored", ["not json", "{}", "[]", '{"kty": "oct", "k": "AAAA"}', '{"kty": "RSA"}'])
def test_what_is_no_key_is_refused(stored: str) -> None:
    for algorithm in SigningAlgorithm:
        with pytest.raises(KeyMaterialError) as caught:
            load_signing_key(Secret(stored), algorithm)
        assert caught.value.reason is Reason.SIGNING_KEY_INVALID


def test_a_public_key_a_wrong_kind_and_a_wrong_curve_do_not_sign(
    rsa_key: SigningKey, ec_key: SigningKey
) -> None:
    small = ECKey.generate_key("P-256").as_dict(private=True)
    for stored, algorithm in (
        (json.dumps(public_jwk(ec_key)), SigningAlgorithm.ES384),
        (rsa_key.private_jwk.reveal(), SigningAlgorithm.ES384),
        (ec_key.private_jwk.reveal(), SigningAlgorithm.RS384),
        (json.dumps(small), SigningAlgorithm.ES384),
    ):
        with pytest.raises(KeyMaterialError):
            load_signing_key(Secret(stored), algorithm)


def test_a_set_with_a_private_member_or_a_repeated_id_is_never_published(ec_key: SigningKey) -> None:
    public = public_jwk(ec_key)
    for keys in (
        [public, public],
        [public | {"d": "x"}],
        [{"kty": "oct", "k": "x", "kid": "1"}],
        [{"kty": "EC"}],
    ):
        with pytest.raises(KeyMaterialError):
            jwks_document(keys)


def test_a_secret_shows_itself_only_when_asked() -> None:
    secret = Secret("canary")
    assert secret.reveal() == "canary"
    assert "canary" not in f"{secret} {secret!r} {[secret]}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)
    with pytest.raises(ValueError, match="empty"):
        Secret("")


def test_secrets_compare_by_value() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
    assert Secret("é").matches("é")
