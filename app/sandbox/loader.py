"""Reads a folder of NDJSON files, Bundles and single resources; bad files are reported, never fatal."""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.sandbox.config import Resource

_SUFFIXES = (".json", ".ndjson", ".json.gz", ".ndjson.gz", ".jsonl", ".jsonl.gz")
MAX_PROBLEMS_PER_FILE = 20


def load_folder(folder: Path) -> tuple[list[Resource], list[dict[str, str]]]:
    """All usable resources below `folder`, and what was wrong as `{"file", "problem"}` rows.

    `urn:uuid` references are rewritten to `Type/id` where the bundle that holds them names the target.
    """
    resources: list[Resource] = []
    problems: list[dict[str, str]] = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or not path.name.lower().endswith(_SUFFIXES):
            continue
        name = path.relative_to(folder).as_posix()
        found: list[str] = []
        try:
            text = _text(path)
            if ".ndjson" in path.name or ".jsonl" in path.name:
                resources.extend(_from_lines(text, found))
            else:
                resources.extend(_from_document(json.loads(text), found))
        except (OSError, EOFError, zlib.error, ValueError, RecursionError) as error:
            found.append(f"not readable: {type(error).__name__}")
        kept, extra = found[:MAX_PROBLEMS_PER_FILE], len(found) - MAX_PROBLEMS_PER_FILE
        problems.extend({"file": name, "problem": problem} for problem in kept)
        if extra > 0:
            problems.append({"file": name, "problem": f"and {extra} more problems"})
    return resources, problems


def _text(path: Path) -> str:
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    return data.decode("utf-8-sig")


def _from_lines(text: str, problems: list[str]) -> Iterator[Resource]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield from _from_document(json.loads(line), problems, f"line {number}: ")
        except (ValueError, RecursionError):
            problems.append(f"line {number}: not JSON")


def _from_document(document: Any, problems: list[str], where: str = "") -> Iterator[Resource]:
    members = document if isinstance(document, list) else [document]
    for member in members:
        if isinstance(member, dict) and isinstance(member.get("body"), dict):
            member = member["body"]  # noqa: PLW2901 - a recorded response wraps the resource
        if not isinstance(member, dict) or not isinstance(member.get("resourceType"), str):
            problems.append(f"{where}not a FHIR resource")
        elif member["resourceType"] == "Bundle":
            yield from _from_bundle(member, problems, where)
        elif not isinstance(member.get("id"), str) or not member["id"]:
            problems.append(f"{where}{member['resourceType']} without id")
        else:
            yield member


def _from_bundle(bundle: Resource, problems: list[str], where: str) -> Iterator[Resource]:
    entries = [entry for entry in bundle.get("entry") or [] if isinstance(entry, dict)]
    names: dict[str, str] = {}
    for entry in entries:
        resource, url = entry.get("resource"), entry.get("fullUrl")
        if isinstance(resource, dict) and isinstance(url, str) and url.startswith("urn:"):
            resource.setdefault("id", url.rsplit(":", 1)[-1])
            names[url] = f"{resource.get('resourceType')}/{resource['id']}"
    for entry in entries:
        resource = entry.get("resource")
        if isinstance(resource, dict) and resource.get("resourceType") != "OperationOutcome":
            yield from _from_document(_renamed(resource, names), problems, where)


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    if isinstance(value, dict):
        return {
            key: names.get(item, item)
            if key == "reference" and isinstance(item, str)
            else _renamed(item, names)
            for key, item in value.items()
        }
    return value
