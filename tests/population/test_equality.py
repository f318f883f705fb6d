"""A run over an export says of each patient, byte for byte, what the chart alone gives; whatever the engine."""

from pathlib import Path

import pytest

from app.jobs.evaluate_population import EngineName
from app.population.pipeline import Limits
from tests.population.conftest import SHARED, Run, evaluate, one_by_one
from tests.population.generated import GENERATOR, generate

POPULATION = SHARED / "data/population"
needs_data = pytest.mark.skipif(
    not POPULATION.is_dir(), reason="the folder shared beside the project is absent"
)
needs_generator = pytest.mark.skipif(
    not GENERATOR.is_file(), reason="the folder shared beside the project is absent"
)


def _same(run: Run, folder: Path) -> None:
    expected = one_by_one(folder)
    assert {
        patient: row["evaluation"] for patient, row in run.rows.items() if row["opioid"] == "yes"
    } == expected
    assert list(run.rows) == sorted(run.rows)


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three vendors' shapes in one export, with damage."""
    return generate(
        tmp_path_factory.mktemp("population") / "mixed", flavour="mixed", defects=0.3, patients=150, seed=5
    )


@pytest.mark.shared
@needs_data
@pytest.mark.parametrize(
    "name", sorted(path.name for path in POPULATION.iterdir() if path.is_dir()) if POPULATION.is_dir() else []
)
def test_public_exports_give_what_each_chart_gives(name: str, tmp_path: Path) -> None:
    run = evaluate(POPULATION / name, tmp_path)
    assert run.record.status == "complete"
    _same(run, POPULATION / name)


@pytest.mark.shared
@needs_generator
def test_generated_exports_give_what_each_chart_gives(generated: Path, tmp_path: Path) -> None:
    run = evaluate(generated, tmp_path)
    assert len(run.rows) > 50
    _same(run, generated)


@pytest.mark.shared
@needs_generator
def test_neither_processes_nor_the_cut_of_files_change_a_byte(generated: Path, tmp_path: Path) -> None:
    whole = evaluate(generated, tmp_path / "whole")
    cut = evaluate(generated, tmp_path / "cut", workers=2, limits=Limits(part_bytes=50_000, shard_patients=7))
    assert cut.files() == whole.files()
    again = evaluate(generated, tmp_path / "again", workers=2)
    assert again.files() == whole.files()
    assert again.record.id == whole.record.id


@pytest.mark.shared
@pytest.mark.spark
@needs_generator
def test_spark_writes_the_same_bytes(generated: Path, tmp_path: Path) -> None:
    embedded = evaluate(generated, tmp_path / "embedded")
    spark = evaluate(generated, tmp_path / "spark", engine=EngineName.SPARK)
    assert spark.files() == embedded.files()
    assert spark.record.id == embedded.record.id
    assert spark.record.engine == "spark"


@pytest.mark.shared
@pytest.mark.spark
@needs_data
def test_spark_reads_public_exports_in_one_tree(tmp_path: Path) -> None:
    embedded = evaluate(POPULATION, tmp_path / "embedded")
    spark = evaluate(POPULATION, tmp_path / "spark", engine=EngineName.SPARK)
    assert len(spark.rows) > 100
    assert spark.files() == embedded.files()
