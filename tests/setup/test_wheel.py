"""The built wheel holds everything the service needs: migrations, policies, terminology, templates and styles."""

import base64
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("app", "smart_launch", "fhir_mappings", "valuesets")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from what the container's build copies, and unpacked."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in (*PACKAGES, "alembic"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    build = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
    subprocess.run(
        [sys.executable, "-c", build, str(source)], cwd=source, check=True, capture_output=True, timeout=600
    )
    folder = tmp_path_factory.mktemp("installed")
    (wheel,) = source.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder)
    return folder


def test_every_file_of_the_packages_is_in_the_wheel(installed: Path) -> None:
    def files(folder: Path) -> set[str]:
        found = (path for name in PACKAGES for path in (folder / name).rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix() for path in found if "__pycache__" not in path.parts}

    assert files(ROOT) - files(installed) == set()
    migrations = {path.name for path in (ROOT / "alembic").rglob("*.*") if "__pycache__" not in path.parts}
    assert migrations <= {path.name for path in (installed / "app/store/migrations").rglob("*.*")}


def test_the_installed_service_migrates_and_starts(installed: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LTOT_")} | {
        "PYTHONPATH": str(installed),
        "LTOT_BASE_URL": "https://ltot.example.org",
        "LTOT_DATABASE_URL": f"sqlite:///{tmp_path / 'ltot.db'}",
        "LTOT_MASTER_KEY": base64.b64encode(os.urandom(32)).decode(),
    }

    def run(code: str, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    ltot = "from app.cli import main; main()"
    assert str(installed) in run("import app.cli, valuesets; print(app.cli.__file__, valuesets.__file__)")
    assert "at this version" in run(ltot, "migrate")
    assert run(ltot, "policy", "show")
    assert run(ltot, "tenant", "list") == ""
    started = (
        "from app.main import from_environment; from app.web.render import STATIC_FOLDER, render_state; "
        "from_environment(); print(render_state('LT-404'), *STATIC_FOLDER.iterdir())"
    )
    shown = run(started)
    assert "There is no such page." in shown
    assert str(installed / "app/web/static/") in shown
