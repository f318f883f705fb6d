"""S-08: nonce, audience, issuer, expiry, algorithm and key of the id token are checked."""

import pytest

from smart_launch.id_token import ALGORITHMS
from tests.named import missing
from tests.security.world import World, query_of


def test_only_asymmetric_algorithms_are_allowed() -> None:
    assert {"RS256", "RS384", "RS512", "ES256", "ES384"} == ALGORITHMS


async def test_every_launch_sends_a_nonce_of_its_own(world: World) -> None:
    nonces = {query_of(await world.browser().begin())["nonce"] for _ in range(5)}
    assert len(nonces) == 5
    assert all(len(nonce) == 32 for nonce in nonces)


@pytest.mark.parametrize(
    "name",
    [
        "tests/security/hostile/test_id_tokens.py::test_an_id_token_with_a_changed_claim_opens_nothing",
        "tests/security/hostile/test_id_tokens.py::test_an_id_token_without_a_genuine_signature_opens_nothing",
        "tests/security/hostile/test_id_tokens.py::test_a_doubtful_user_reference_is_not_taken_over",
    ],
)
def test_each_claim_and_signature_is_forged_in_a_whole_launch(name: str) -> None:
    assert missing(name) == []
