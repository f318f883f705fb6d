"""Derives valuesets/data from a folder of prepared terminology tables.

Run by hand when the tables change: python valuesets/build/derive.py FOLDER.  Columns the product does not use are
left out; every row keeps its source.  SNOMED CT rows go to files of their own.
"""

from __future__ import annotations

import csv
import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "data"
SNOMED = "http://snomed.info/sct"
FACTOR_TABLES = {
    "cdc_2022_extended": "cdc-2022",
    "cdc_guideline_2022": "cdc-2022-strict",
    "cdc_guideline_2016": "cdc-2016",
    "cdc_ndc_file_2016": "cms-2017",
    "cms_2018_02": "cms-2018",
    "cdc_ndc_file_2018": "cdc-research-2018",
    "nih_heal_2025": "heal-2025",
}
CLASS_NAMES = {
    "opioid_antagonist_rescue": "naloxone_rescue",
    "moud_buprenorphine": "moud",
    "moud_methadone": "moud",
    "moud_naltrexone": "moud",
}
LICENCES = {
    "opioids.csv": "RxNorm names and codes: NLM terms",
    "components.csv": "RxNorm names and codes: NLM terms",
    "classes.csv": "RxNorm names and codes: NLM terms",
    "ndc.csv": "NDC: US government, public domain",
    "factors.csv": "single published numbers, each with its source",
    "conditions.csv": "ICD-10-CM and HCPCS: US government, public domain",
    "conditions_snomed.csv": "SNOMED CT: affiliate licence needed",
    "observations.csv": "LOINC: LOINC licence and notice; HCPCS: public domain",
    "observations_snomed.csv": "SNOMED CT: affiliate licence needed",
}


def read(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(name: str, columns: Iterable[str], rows: Iterable[tuple[str, ...]]) -> dict[str, object]:
    ordered = sorted(set(rows))
    with (DATA / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(ordered)
    digest = hashlib.sha256((DATA / name).read_bytes()).hexdigest()
    return {"file": name, "rows": len(ordered), "sha256": digest, "licence": LICENCES[name]}


def drug_rows(folder: Path) -> list[dict[str, object]]:
    opioids = read(folder, "opioid_drugs.csv")
    names = ("rxcui", "tty", "name", "opioid_ingredient", "opioid_strength_value", "opioid_strength_unit",
             "dose_form", "route_group", "release", "category", "mme_counted", "mme_form_key",
             "name_source")  # fmt: skip
    columns = ("rxcui", "tty", "name", "ingredient", "strength", "unit", "dose_form", "route", "release",
               "category", "counted", "form_key", "source")  # fmt: skip
    components = read(folder, "opioid_drug_components.csv")
    parts = ("rxcui", "seq", "base_ingredient", "strength_value", "strength_unit", "is_opioid")
    classes = read(folder, "drug_classes.csv")
    return [
        write("opioids.csv", columns, (tuple(row[n] for n in names) for row in opioids)),
        write("components.csv", parts, (tuple(row[n] for n in parts) for row in components)),
        write(
            "classes.csv",
            ("rxcui", "class", "tty", "name", "ingredient", "source"),
            (
                (
                    r["rxcui"],
                    CLASS_NAMES.get(r["class"], r["class"]),
                    r["tty"],
                    r["name"],
                    r["ingredient"],
                    r["source"],
                )
                for r in classes
            ),
        ),
    ]


def ndc_rows(folder: Path) -> dict[str, object]:
    """NDC to ingredient, form and strength; the RXCUI where one is known.  No product names."""
    by_rxcui = {row["rxcui"]: row for row in read(folder, "opioid_drugs.csv")}
    found: dict[str, tuple[str, ...]] = {}
    for row in read(folder, "opioid_ndc.csv"):
        drug = by_rxcui.get(row["rxcui"], {})
        found[row["ndc11"]] = (
            row["ndc11"], row["rxcui"] if drug else "", drug.get("opioid_ingredient") or row["cdc_drug"].lower(),
            row["form"], row["strength_per_unit"], row["uom"], drug.get("mme_form_key", ""), "CDC 2016/2018",
        )  # fmt: skip
    for row in read(folder, "opioid_ndc_rxcui.csv"):
        drug = by_rxcui.get(row["rxcui"])
        if drug and not found.get(row["ndc11"], ("", ""))[1]:
            found[row["ndc11"]] = (
                row["ndc11"], row["rxcui"], drug["opioid_ingredient"], drug["dose_form"],
                drug["opioid_strength_value"], drug["opioid_strength_unit"], drug["mme_form_key"], "RxNav, 2023-2025",
            )  # fmt: skip
    for row in read(folder, "other_class_ndc.csv"):
        found.setdefault(
            row["ndc11"],
            (row["ndc11"], row["rxcui"], row["drug"].lower(), row["form"], row["strength_per_unit"], row["uom"],
             f"class:{row['class']}", "CDC 2018"),
        )  # fmt: skip
    columns = ("ndc11", "rxcui", "ingredient", "form", "strength", "unit", "form_key", "source")
    return write("ndc.csv", columns, found.values())


def factor_rows(folder: Path) -> dict[str, object]:
    columns = ("table", "variant", "ingredient", "form_key", "unit", "basis", "above", "up_to", "factor", "status",
               "source")  # fmt: skip
    rows = [
        (FACTOR_TABLES[r["table_id"]], r["variant"], r["ingredient"], r["form_key"], r["dose_unit"], r["basis"],
         r["dose_low_exclusive"], r["dose_high_inclusive"], r["factor"], r["status"], r["source_1"])
        for r in read(folder, "mme_factors.csv")
        if r["table_id"] in FACTOR_TABLES
    ]  # fmt: skip
    return write("factors.csv", columns, rows)


def code_rows(folder: Path) -> list[dict[str, object]]:
    conditions = [r for r in read(folder, "conditions.csv") if r["code"] and r["confidence"] != "gap"]
    columns = ("group", "subgroup", "system", "code", "display", "source")
    pick = [tuple(r[c] for c in columns) for r in conditions]
    observations = [r for r in read(folder, "observations.csv") if r["confidence"] != "gap"]
    observed = ("element", "system", "code", "display", "result_type", "method", "source")
    seen = [tuple(r[c] for c in observed) for r in observations if not r["code"].startswith("(")]
    return [
        write("conditions.csv", columns, (r for r in pick if r[2] != SNOMED)),
        write(
            "conditions_snomed.csv", columns, (r for r in pick if r[2] == SNOMED and not r[3].startswith("("))
        ),
        write("observations.csv", observed, (r for r in seen if r[1] != SNOMED)),
        write("observations_snomed.csv", observed, (r for r in seen if r[1] == SNOMED)),
    ]


def main(folder: Path) -> None:
    files = [*drug_rows(folder), ndc_rows(folder), factor_rows(folder), *code_rows(folder)]
    lines = [
        "# Written by valuesets/build/derive.py.  The loader refuses a file that differs from its line here.",
        'version = "2026-11"',
        'source = "public value sets, RxNorm 2020 to 2025, ICD-10-CM April 2026; row sources in each file"',
        "",
    ]
    for file in files:
        lines += ["[[file]]", *(f"{k} = {v!r}".replace("'", '"') for k, v in file.items()), ""]
    (DATA / "MANIFEST.toml").write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(f"{file['file']}: {file['rows']} rows" for file in files))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
