"""The container files cannot be built here, so every path, command and setting in them is checked instead."""

import re
from pathlib import Path

import typer.main

from app.cli import cli
from app.settings import SETTING_NAMES
from benchmarks.launches.__main__ import ALLOCATOR

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = (ROOT / "compose.yaml").read_text()


def test_every_path_copied_into_the_image_exists_and_is_let_through() -> None:
    ignored = (ROOT / ".dockerignore").read_text()
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE):
        *sources, _ = line.split()
        for source in sources:
            assert (ROOT / source).exists(), source
            assert f"!{source.split('/')[0]}\n" in ignored + "\n", source


def test_image_is_two_stages_and_runs_without_root_or_build_tools() -> None:
    first, last = DOCKERFILE.split("\nFROM ", 2)[1:]
    assert "AS build" in first
    assert re.search(r"^USER (?!root|0)\w+", last, re.MULTILINE)
    assert not re.search(r"apt-get|gcc|pip |setuptools", last)
    assert "HEALTHCHECK" in last
    assert "/live" in last


def test_load_is_measured_with_the_allocator_of_the_image() -> None:
    _, _, image = DOCKERFILE.rpartition("\nFROM ")
    assert {f"{name}={value}" for name, value in ALLOCATOR.items()} <= set(image.split())


def test_every_command_in_image_and_compose_is_a_verb() -> None:
    verbs = set(typer.main.get_command(cli).commands)  # type: ignore[attr-defined]
    named = set(re.findall(r'"ltot", "([a-z]+)"', DOCKERFILE + COMPOSE))
    assert named
    assert named <= verbs


def test_options_of_the_served_command_exist() -> None:
    command = typer.main.get_command(cli).commands["serve"]  # type: ignore[attr-defined]
    known = {option for parameter in command.params for option in parameter.opts}
    given = set(re.findall(r'"(--[a-z-]+)"', DOCKERFILE.rpartition('CMD ["ltot"')[2]))
    assert given
    assert given <= known


def test_every_setting_in_compose_is_known() -> None:
    named = set(re.findall(r"^\s+(LTOT_[A-Z_]+):", COMPOSE, re.MULTILINE))
    assert named
    assert named <= SETTING_NAMES


def test_requirements_are_pinned_with_hashes() -> None:
    for name in ("runtime", "dev", "build", "spark"):
        text = (ROOT / f"requirements/{name}.txt").read_text()
        packages = re.findall(r"^[a-zA-Z0-9_.\[\]-]+==\S+", text, re.MULTILINE)
        assert packages, name
        assert text.count("--hash=sha256:") >= len(packages), name
