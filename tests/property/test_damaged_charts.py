"""Real charts with something damaged in them: nothing raises, whatever the damage."""

from __future__ import annotations

import json
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.clinical.as_json import as_json
from app.clinical.evaluate import evaluate
from app.clinical.explain import explain
from app.clinical.policy import Policy
from app.jobs.evaluate_files import read_files
from app.population.charts import Chart, charts
from fhir_mappings.chart import map_chart
from tests.examples import examples
from valuesets import load_terms

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
FOLDERS = (
    "ehr_samples/cerner",
    "ehr_samples/derived",
    "ehr_samples/epic",
    "ehr_samples/uscore",
    "population/epic-shape-mme-tests",
    "population/handmade-pain-ahrq",
    "population/handmade-pain-cosri",
    "population/synthea2025-bulk10",
)
AS_OF = date(2024, 6, 30)
MOST = 120
"""Resources taken of one chart: a damaged one among many shows nothing more than among these."""
TERMS, POLICY, ZONE = load_terms(), Policy(), ZoneInfo("America/Los_Angeles")

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SHARED.is_dir(), reason="the folder shared beside the project is absent"),
]

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=30),
    st.sampled_from(
        [
            "9999-12-31",
            "0001-01-01T00:00:00+14:00",
            "2024-02-30",
            "1e400",
            "١٢",
            "½ tablet",
            "q0h",
            "Patient/../Patient/x",
            "#",
            "",
            0,
            -0.0,
            1e308,
        ]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@cache
def real_charts() -> list[Chart]:
    """Every chart of the folders, with at most MOST resources each."""
    found = []
    for name in FOLDERS:
        run = read_files([SHARED / name], policy=POLICY, terms=TERMS, as_of=AS_OF, zone=ZONE)
        found.extend(charts(run.collected, run.census, run.deleted))
    return found


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything inside `value`."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [deep for key, one in steps for deep in places(one, (*path, key))]


def damage(data: st.DataObject, resource: Any) -> Any:
    """`resource` with one value replaced, taken away, repeated, or exchanged for another of its own."""
    where = data.draw(st.sampled_from(places(resource)))
    holder = resource
    for step in where[:-1]:
        holder = holder[step]
    kind = data.draw(st.sampled_from(["replace", "remove", "nest", "borrow"]))
    if kind == "replace":
        holder[where[-1]] = data.draw(VALUES)
    elif kind == "remove":
        del holder[where[-1]]
    elif kind == "nest":
        holder[where[-1]] = [holder[where[-1]]] * data.draw(st.integers(0, 3))
    else:
        other = resource
        for step in data.draw(st.sampled_from(places(resource))):
            other = other[step]
        holder[where[-1]] = json.loads(json.dumps(other))
    return resource


@given(st.data())
@settings(max_examples=examples(3000))
def test_no_damage_to_a_real_chart_raises(data: st.DataObject) -> None:
    chart = data.draw(st.sampled_from(real_charts()))
    raw = list(chart.raw[:MOST])
    for _ in range(data.draw(st.integers(1, 3))):
        index = data.draw(st.integers(0, len(raw) - 1))
        resource = json.loads(raw[index])
        if places(resource):
            raw[index] = json.dumps(damage(data, resource)).encode()
    facts = map_chart(chart.patient, raw, terms=TERMS, sources=chart.sources, zone=ZONE)
    found = evaluate(facts, POLICY, TERMS, AS_OF)
    json.dumps(as_json(found))
    assert explain(found)
