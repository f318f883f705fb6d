"""`python -m app.sandbox` serves on this machine and explains a wrong folder."""

import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from app.jobs.demo import free_port

ROOT = Path(__file__).resolve().parents[2]


def test_it_serves_under_another_host_name_than_the_panel():
    port = free_port()
    command = [sys.executable, "-m", "app.sandbox", "--port", str(port), "--flavour", "epic"]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client:
            page = answering(client, process)
        assert "frame-src http://127.0.0.1:8000" in page.headers["content-security-policy"]
        assert f"iss=http%3A%2F%2Flocalhost%3A{port}%2Ffhir" in page.text
    finally:
        process.terminate()
        process.wait(timeout=120)


def answering(client: httpx2.Client, process: subprocess.Popen[bytes]) -> httpx2.Response:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            cards = client.get("/patients.json").json()
            return client.get(f"/chart/{cards[0]['id']}")
        except httpx2.TransportError:
            time.sleep(0.1)
    raise AssertionError("the sandbox did not start")


def test_a_missing_folder_is_one_sentence(tmp_path: Path):
    command = [sys.executable, "-m", "app.sandbox", "--data", str(tmp_path / "nowhere")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "the data folder does not exist" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["--flavour", "none"], ["--port", "x"]])
def test_wrong_usage_is_refused(arguments: list[str]):
    done = subprocess.run(
        [sys.executable, "-m", "app.sandbox", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
