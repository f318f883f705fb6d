"""S-22: who, whom, what, when, where and with what result; every change to it is found."""

import pytest
from sqlalchemy import text

from tests.named import missing
from tests.security.world import World


async def test_a_visit_is_recorded_with_who_whom_what_when_and_result(world: World) -> None:
    browser = world.browser()
    address = await browser.open()
    await browser.get(f"{address}/content")
    entries = world.service.audit.entries("north")
    assert [(e.event.action, e.event.outcome) for e in entries] == [
        ("launch_open", "ok"),
        ("panel_view", "ok"),
    ]
    for entry in entries:
        assert entry.event.actor
        assert entry.event.patient == world.patient()
        assert entry.event.launch_id == address.rpartition("/")[2]
        assert entry.at == world.clock()
    assert len(entries[1].event.evaluation_hash or "") == 64
    assert entries[1].event.source_versions


TAMPERING = {
    "edited": "UPDATE audit SET outcome = 'LT-403' WHERE seq = 2",
    "edited time": "UPDATE audit SET at = '2020-01-01 00:00:00.000000' WHERE seq = 3",
    "edited patient": "UPDATE audit SET sealed_patient = 's1.x.y' WHERE seq = 3",
    "deleted": "DELETE FROM audit WHERE seq = 2",
    "deleted at the start": "DELETE FROM audit WHERE seq = 1",
    "reordered": "UPDATE audit SET seq = CASE seq WHEN 2 THEN -3 WHEN 3 THEN -2 ELSE seq END",
    "cut off": "DELETE FROM audit WHERE seq >= 3",
    "emptied": "DELETE FROM audit",
}


@pytest.mark.parametrize("how", TAMPERING)
async def test_every_change_is_found(world: World, how: str) -> None:
    browser = world.browser()
    for number in range(2):
        await browser.get(f"{await browser.open(patient=world.patient(number=number))}/content")
    audit = world.service.audit
    head = audit.head("north")
    assert audit.verify("north", head).intact
    with world.service.store.engine.begin() as connection:
        for trigger in (
            connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
        ):
            connection.execute(text(f'DROP TRIGGER "{trigger}"'))
        connection.execute(text(TAMPERING[how]))
        connection.execute(text("UPDATE audit SET seq = -seq WHERE seq < 0"))
    assert not audit.verify("north", head).intact
    assert audit.verify("north").intact is (how in {"cut off", "emptied"})


def test_the_database_itself_refuses_changes() -> None:
    assert (
        missing(
            "tests/store/test_audit.py::test_the_database_refuses_changes_even_to_its_owner",
            "tests/store/test_audit.py::test_the_service_role_has_no_right_to_change_the_log",
        )
        == []
    )
