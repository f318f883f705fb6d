"""S-15: tokens, names and identifiers are sealed at rest in their own row, and no token reaches the browser."""

import json
from pathlib import Path

from sqlalchemy import text

from tests.named import missing
from tests.security.world import World


def stored_bytes(world: World) -> bytes:
    database = Path(str(world.service.store.engine.url.database))
    return b"".join(path.read_bytes() for path in sorted(database.parent.glob(f"{database.name}*")))


async def test_neither_database_nor_browser_holds_a_token_or_who_it_is_about(world: World) -> None:
    answers: list[bytes] = []
    real = world.network.hosts["north.example.org"]

    class Listening(type(real)):  # type: ignore[misc]
        async def handle_async_request(self, request):  # type: ignore[no-untyped-def]
            response = await real.handle_async_request(request)
            await response.aread()
            if request.url.path.endswith("/auth/token"):
                answers.append(response.content)
            return response

    world.network.hosts["north.example.org"] = Listening(app=None)  # type: ignore[arg-type]
    browser = world.browser()
    address = await browser.open()
    page = await browser.get(f"{address}/content")
    tokens = json.loads(answers[0])
    secrets = [tokens["access_token"], tokens["refresh_token"], tokens["id_token"]]
    seen = page.text + str(page.headers) + (await browser.get(address)).text + str(browser.cookies)
    stored = stored_bytes(world)
    for secret in secrets:
        assert secret not in seen
        assert secret.encode() not in stored
    assert world.patient().encode() not in stored


async def test_a_sealed_value_moved_to_another_row_does_not_open(world: World) -> None:
    browser = world.browser()
    first = (await browser.open(patient=world.patient(number=0))).rpartition("/")[2]
    second = (await browser.open(patient=world.patient(number=1))).rpartition("/")[2]
    with world.service.store.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE launches SET sealed_patient = (SELECT sealed_patient FROM launches WHERE id = :other) "
                "WHERE id = :id"
            ),
            {"other": second, "id": first},
        )
    answer = await browser.get(f"/p/{first}/content")
    assert answer.status_code == 500
    assert "LT-900" in answer.text
    assert world.patient(number=1) not in answer.text


def test_sealing_itself_is_tested_in_the_store() -> None:
    assert (
        missing(
            "tests/store/test_crypto.py::test_a_value_moved_to_another_row_or_column_does_not_open",
            "tests/store/test_crypto.py::test_a_value_altered_anywhere_does_not_open",
            "tests/store/test_signing_keys.py::test_private_keys_are_sealed",
        )
        == []
    )
