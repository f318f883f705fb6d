"""The house rules a machine can check: sizes, words, paths, and documents that agree with the code."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("app", "smart_launch", "fhir_mappings", "valuesets")


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split("\0")  # fmt: skip
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def product_files() -> list[Path]:
    return [path for package in PACKAGES for path in tracked(f"{package}/*.py")]


def test_no_product_file_is_longer_than_a_person_reads_in_one_go() -> None:
    assert {
        str(p.relative_to(ROOT)): n for p in product_files() if (n := len(p.read_text().splitlines())) > 400
    } == {}


def test_no_function_is_longer_than_a_screen() -> None:
    long = {}
    for path in product_files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > 60:
                    long[f"{path.relative_to(ROOT)}:{node.name}"] = lines
    assert long == {}


def test_architecture_page_names_every_room() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    rooms = {str(path.parent.relative_to(ROOT)) for path in product_files()}
    top = {room for room in rooms if room.count("/") <= 1 and room != "app"} - {"valuesets/build"}
    assert {room for room in top if f"`{room}`" not in page} == set()


def test_files_name_no_machine_and_no_registry() -> None:
    home = re.compile(r"(?:^|[^A-Za-z0-9_.-])/(?:wo" r"rk|fa" r"rm|ro" r"ot|home)/")
    hosts = re.compile(
        "|".join(["py" + r"pi\.org", "pythonhost" + r"ed", r"registry\.npm" + "js", r"deb\.deb" + "ian"])
    )
    found = []
    for path in tracked():
        if path.suffix in {".png", ".ico", ".gz"}:
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if hosts.search(line) or (home.search(line) and "Dockerfile" not in path.name):
                found.append(f"{path.relative_to(ROOT)}:{number}")
    assert found == []


def test_nothing_is_left_for_later() -> None:
    later = re.compile("TODO|FIXME|XXX|NotImplementedError")
    found = [str(p.relative_to(ROOT)) for p in product_files() if later.search(p.read_text())]
    assert found == []


def test_core_holds_no_float_and_no_clock() -> None:
    """Doses are exact and time is an argument: no `float(`, `now()` or `today()` in the pure packages."""
    impure = re.compile(r"\bfloat\(|\.now\(|\.today\(|time\.time\(")
    found = []
    for path in product_files():
        name = str(path.relative_to(ROOT))
        pure = name.startswith(("app/clinical", "fhir_mappings")) and not name.endswith("as_json.py")
        if pure and impure.search(path.read_text()):
            found.append(name)
    assert found == []


def test_mapping_internals_are_protected_by_name() -> None:
    """The import contract lists modules one by one; a new mapping module must be in it."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    protected = next(c for c in contracts if c["name"].startswith("The core sees facts"))["protected_modules"]
    modules = {
        f"fhir_mappings.{p.stem}"
        for p in tracked("fhir_mappings/*.py")
        if p.parent.name == "fhir_mappings" and p.stem not in {"__init__", "facts"}
    }
    assert modules == set(protected) - {m for m in protected if m.count(".") > 1}


@pytest.mark.parametrize("document", ["README.md", "docs/contracts.md"])
def test_documented_make_verbs_exist(document: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`?make ([a-z]+)", (ROOT / document).read_text()))
    assert named - {"what"} <= targets


def test_every_verb_of_the_command_line_is_documented() -> None:
    import typer.main

    from app.cli import cli

    page = (ROOT / "docs/contracts.md").read_text().replace("\\|", "|")
    named = {
        f"{group} {verb}"
        for group, verbs in re.findall(r"`ltot ([a-z]+) ([a-z|]+)", page)
        for verb in verbs.split("|")
    }
    commands = typer.main.get_command(cli).commands  # type: ignore[attr-defined]
    assert {name for name in commands if f"ltot {name}" not in page} == set()
    several = {name: command.commands for name, command in commands.items() if hasattr(command, "commands")}
    assert {f"{name} {verb}" for name, verbs in several.items() for verb in verbs} - named == set()


def test_every_member_of_an_evaluation_is_documented() -> None:
    from app.clinical.as_json import as_json
    from tests.web import samples

    page = (ROOT / "docs/contracts.md").read_text()
    members: set[str] = set()
    for whole in (as_json(evaluation) for evaluation in samples.STATES.values()):
        ltot, mme = whole["ltot"], whole["mme"]
        lists = [mme["contributions"], mme["uncounted"], ltot["evidence"], [*whole["elements"].values()]]
        lists += [whole[name] for name in ("exclusions", "gaps", "sources", "issues")]
        members.update(
            whole, ltot, mme, whole["risk"], whole["versions"], *(one for many in lists for one in many)
        )
    assert {"since", "code"} <= members
    assert {name for name in members if not re.search(rf"\b{name}\b", page)} == set()
