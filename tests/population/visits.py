"""Launches in which something is recorded, without the browser that opened them."""

from app.store.launch import Launch, LaunchUser, Tokens
from smart_launch.secret import Secret
from tests.population.conftest import NOW


def launch_of(tenant: str, patient: str) -> Launch:
    return Launch(
        id=f"launch-{tenant}-{patient}",
        tenant_id=tenant,
        user=LaunchUser(f"https://{tenant}.example.org", "ada", "Practitioner/ada", "Ada Example"),
        user_hash="ada",
        patient=patient,
        patient_fingerprint="",
        tokens=Tokens(Secret("access"), None, NOW),
        token_version=1,
        scopes=(),
        roles=("clinician",),
        need_patient_banner=False,
        style_url=None,
        created_at=NOW,
        expires_at=NOW,
        idle_expires_at=NOW,
    )
