"""One process of two: does the named task for each item and prints one line for each."""

import json
import os
import sys
import time

from app.store.attempts import Attempts
from app.store.audit import AuditEvent, AuditLog
from app.store.crypto import KeyRing
from app.store.db import Store, create_store_engine
from app.store.errors import AttemptSpentError
from app.store.sessions import Sessions
from app.store.tenants import Tenants
from smart_launch.secret import Secret
from tests.store.conftest import ABSOLUTE, IDLE, MASTER_KEY, NOW, make_response


def consume(store: Store, item: list[str]) -> str:
    try:
        Attempts(store).consume(Secret(item[0]), item[1], NOW)
    except AttemptSpentError:
        return "spent"
    return "taken"


def refresh(store: Store, item: list[str]) -> str:
    sessions = Sessions(store, idle=IDLE, absolute=ABSOLUTE)
    launch = sessions.load(item[0], item[1], NOW)
    if launch.token_version > 1:
        return f"late {launch.tokens.access_token.reveal()}"
    claim = sessions.claim_refresh(launch, NOW)
    if claim is not None:
        time.sleep(0.01)
        mine = make_response(access=f"access-{os.getpid()}")
        saved = sessions.save_rotated_tokens(claim, mine, NOW)
        return f"sent {saved.tokens.access_token.reveal()}"
    while launch.token_version == 1:
        time.sleep(0.005)
        launch = sessions.load(item[0], item[1], NOW)
    return f"waited {launch.tokens.access_token.reveal()}"


def audit(store: Store, item: str) -> str:
    return str(AuditLog(store).append(AuditEvent(item, "panel.open", "shown"), NOW))


def main() -> None:
    engine = create_store_engine(sys.argv[1])
    store = Store(engine, KeyRing.from_settings(MASTER_KEY))
    Tenants(store).all()  # connected before the race begins
    print("ready", flush=True)
    task = {"consume": consume, "refresh": refresh, "audit": audit}[sys.argv[2]]
    for item in json.loads(sys.stdin.readline()):
        print(task(store, item))
    engine.dispose()


if __name__ == "__main__":
    main()
