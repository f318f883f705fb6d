"""Signing keys are published before they are used, and stay published while anything signed may be
checked."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from app.store.db import Store
from app.store.errors import SigningKeyMissingError, SigningKeyRotationError, TenantUnknownError
from app.store.keys import KEEP_AFTER_USE, PUBLISH_BEFORE_USE, SigningKeys
from smart_launch.keys import KeyState, SigningAlgorithm, jwks_document
from tests.store.conftest import NOW

ES384 = SigningAlgorithm.ES384


@pytest.fixture
def keys(store: Store) -> SigningKeys:
    return SigningKeys(store, "north", "production")


def published_ids(keys: SigningKeys) -> list[object]:
    return [key["kid"] for key in keys.published()]


def test_the_first_key_is_active_at_once(keys: SigningKeys) -> None:
    with pytest.raises(SigningKeyMissingError, match="LT-608"):
        keys.active()
    kid, state = keys.create(SigningAlgorithm.RS384, NOW)
    assert state is KeyState.ACTIVE
    assert keys.active().kid == kid
    assert keys.active().algorithm is SigningAlgorithm.RS384


def test_a_rotation_overlaps_at_both_ends(keys: SigningKeys) -> None:
    first, _ = keys.create(ES384, NOW)
    second, state = keys.create(ES384, NOW)
    assert state is KeyState.NEXT
    assert keys.active().kid == first
    assert set(published_ids(keys)) == {first, second}

    with pytest.raises(SigningKeyRotationError, match="rotate after 2026-03-02 10:30 UTC"):
        keys.rotate(NOW + PUBLISH_BEFORE_USE - timedelta(seconds=1))
    turned = NOW + PUBLISH_BEFORE_USE
    assert keys.rotate(turned) == second
    assert keys.active().kid == second
    assert set(published_ids(keys)) == {first, second}
    assert dict(keys.states()) == {first: KeyState.PASSIVE, second: KeyState.ACTIVE}

    assert keys.remove_passive(turned + KEEP_AFTER_USE - timedelta(seconds=1)) == ()
    assert keys.remove_passive(turned + KEEP_AFTER_USE) == (first,)
    assert published_ids(keys) == [second]


def test_there_is_at_most_one_next_key(keys: SigningKeys) -> None:
    keys.create(ES384, NOW)
    with pytest.raises(SigningKeyRotationError, match="no next key"):
        keys.rotate(NOW)
    keys.create(ES384, NOW)
    with pytest.raises(SigningKeyRotationError, match="exists already"):
        keys.create(ES384, NOW)


def test_what_is_published_can_be_served_as_it_is(keys: SigningKeys) -> None:
    keys.create(ES384, NOW)
    keys.create(SigningAlgorithm.RS384, NOW)
    document = jwks_document(keys.published())
    assert '"d"' not in str(document).replace("'", '"')


def test_private_keys_are_sealed(keys: SigningKeys, store: Store) -> None:
    keys.create(ES384, NOW)
    private = keys.active().private_jwk.reveal()
    with store.tenant("north") as session:
        stored = str(session.execute(text("SELECT * FROM signing_keys")).one())
    secret_part = private.split('"d": "')[1].split('"')[0]
    assert secret_part not in stored
    assert secret_part not in repr(keys.active())


def test_tenants_and_environments_have_their_own_keys(keys: SigningKeys, store: Store) -> None:
    kid, _ = keys.create(ES384, NOW)
    for other in (SigningKeys(store, "south", "production"), SigningKeys(store, "north", "demo")):
        with pytest.raises(SigningKeyMissingError):
            other.active()
        assert other.create(ES384, NOW)[1] is KeyState.ACTIVE
        assert kid not in published_ids(other)


def test_keys_need_a_tenant(store: Store) -> None:
    with pytest.raises(TenantUnknownError):
        SigningKeys(store, "nowhere", "production").create(ES384, NOW)
