from __future__ import annotations

from tests.security.hostile.test_callbacks import CALLBACKS, COOKIES
from tests.security.hostile.test_ehr_answers import BODIES, DISCOVERY, PATHS, TOKEN_ANSWERS
from tests.security.hostile.test_id_tokens import CLAIMS, SIGNATURES
from tests.security.hostile.test_launch_links import LAUNCH_QUERIES, STEERING, UNKNOWN_ISSUERS
from tests.security.hostile.test_session_addresses import SESSION_PATHS


def test_there_are_more_than_two_hundred_cases() -> None:
    links = len(UNKNOWN_ISSUERS) + len(LAUNCH_QUERIES) + len(STEERING)
    answers = len(DISCOVERY) + len(PATHS) * len(BODIES) + len(TOKEN_ANSWERS)
    tokens = len(CLAIMS) + len(SIGNATURES)
    assert links + len(CALLBACKS) + len(COOKIES) + answers + tokens + len(SESSION_PATHS) > 200
