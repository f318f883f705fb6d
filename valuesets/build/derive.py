"""Derives valuesets/data from a folder of prepared terminology tables.

Run by hand when the tables change: python valuesets/build/derive.py FOLDER.  Columns the product does not use are
left out; every row keeps its source.  SNOMED CT rows go to files of their own.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path

from factors import factor_rows

DATA = Path(__file__).resolve().parents[1] / "data"
VERSION = "2026-11"
SNOMED = "http://snomed.info/sct"
CLASS_NAMES = {
    "opioid_antagonist_rescue": "naloxone_rescue",
    "moud_buprenorphine": "moud",
    "moud_methadone": "moud",
    "moud_naltrexone": "moud",
    "stimulant": "stimulant_controlled",
}
# Sedating ingredients that are judged by themselves, also inside an opioid product.
OWN_CLASS = {
    "carisoprodol": ("carisoprodol", "muscle_relaxant"),
    "butalbital": ("barbiturate",),
    "meprobamate": ("meprobamate",),
}
NLM = "RxNorm names and codes: NLM terms"
LOINC = "LOINC: LOINC licence and notice; HCPCS: public domain"
AFFILIATE = "SNOMED CT: affiliate licence needed"
# File: source, version, licence.
FILES = {
    "opioids.csv": ("RxNorm names in public value sets and extracts", "2020-10 to 2025-02", NLM),
    "components.csv": ("strengths in RxNorm names", "2020-10 to 2025-02", NLM),
    "classes.csv": ("RxNorm names in public value sets and extracts", "2020-10 to 2025-02", NLM),
    "ndc.csv": ("CDC files of opioids and other drugs by NDC; NDC to RxNorm pairs", "2016-08 to 2025-06",
                "NDC: public; see LICENCES.md on CDC's own source"),
    "factors.csv": ("single published numbers, named in each row", "2014 to 2025", "facts, cited"),
    "conditions.csv": ("ICD-10-CM; HCPCS level II", "April 2026", "US government, public domain"),
    "conditions_snomed.csv": ("SNOMED CT codes in public value sets", "2020 to 2025", AFFILIATE),
    "observations.csv": ("LOINC codes in public value sets and guides; HCPCS", "LOINC 2.74 to 2.80", LOINC),
    "observations_snomed.csv": ("SNOMED CT codes in public value sets", "2020 to 2025", AFFILIATE),
}  # fmt: skip


def read(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(out: Path, name: str, columns: Iterable[str], rows: Iterable[tuple[str, ...]]) -> dict[str, object]:
    ordered = sorted(set(rows))
    with (out / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(ordered)
    digest = hashlib.sha256((out / name).read_bytes()).hexdigest()
    source, version, licence = FILES[name]
    return {"file": name, "source": source, "version": version, "licence": licence, "rows": len(ordered),
            "sha256": digest}  # fmt: skip


def plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


def our_unit(amount: str, unit: str) -> tuple[str, str]:
    """One way to write a strength: mg, mg/mL, mg/{actuat}; patches in mcg/h as labels and factor tables do."""
    if not amount:
        return "", ""
    lowered = unit.lower()
    if lowered == "mg/h":
        return plain(Decimal(amount) * 1000), "mcg/h"
    if lowered in {"mcg", "mcg/spray"}:
        return plain(Decimal(amount) / 1000), "mg" if lowered == "mcg" else "mg/{actuat}"
    return amount, {"mg": "mg", "mg/ml": "mg/mL", "mcg/hr": "mcg/h"}.get(lowered, unit)


def drug_rows(folder: Path, out: Path) -> Iterator[dict[str, object]]:
    opioids = read(folder, "opioid_drugs.csv")
    columns = ("rxcui", "tty", "name", "ingredient", "strength", "unit", "dose_form", "route", "release",
               "category", "counted", "form_key", "source")  # fmt: skip
    yield write(out, "opioids.csv", columns, (
        (r["rxcui"], r["tty"], r["name"], r["opioid_ingredient"],
         *our_unit(r["opioid_strength_value"], r["opioid_strength_unit"]), r["dose_form"], r["route_group"],
         r["release"], r["category"], r["mme_counted"], r["mme_form_key"], r["name_source"])
        for r in opioids
    ))  # fmt: skip
    columns = ("rxcui", "seq", "ingredient", "rxcui_of_ingredient", "amount", "unit", "is_opioid")
    yield write(out, "components.csv", columns, (
        (r["rxcui"], r["seq"], r["base_ingredient"], r["ingredient_rxcui"],
         *our_unit(r["strength_value"], r["strength_unit"]), r["is_opioid"])
        for r in read(folder, "opioid_drug_components.csv")
    ))  # fmt: skip
    yield write(
        out,
        "classes.csv",
        ("rxcui", "class", "tty", "name", "ingredient", "source"),
        class_rows(folder, opioids),
    )


def class_rows(folder: Path, opioids: list[dict[str, str]]) -> Iterator[tuple[str, ...]]:
    """Members of the tracked classes, and opioid products that contain a sedating ingredient."""
    for r in read(folder, "drug_classes.csv"):
        own = next((OWN_CLASS[word] for word in OWN_CLASS if word in r["name"].lower()), ())
        for name in {CLASS_NAMES.get(r["class"], r["class"]), *own}:
            yield r["rxcui"], name, r["tty"], r["name"], r["ingredient"], r["source"]
    for r in opioids:
        for word, names in OWN_CLASS.items():
            if word in r["name"].lower():
                for name in names:
                    yield r["rxcui"], name, r["tty"], r["name"], r["opioid_ingredient"], "co-ingredient"


def ndc_rows(folder: Path, out: Path) -> dict[str, object]:
    """NDC to ingredient, form and strength; the RXCUI where one is known.  No product names."""
    by_rxcui = {row["rxcui"]: row for row in read(folder, "opioid_drugs.csv")}
    found: dict[str, tuple[str, ...]] = {}
    for row in read(folder, "opioid_ndc.csv"):
        drug = by_rxcui.get(row["rxcui"], {})
        ingredient = row["cdc_drug"].lower().removesuffix(" sa").removesuffix(" la")
        amount, unit = our_unit(row["strength_per_unit"], row["uom"])
        if ingredient == "butorphanol":  # a metered spray of 0.1 mL of a 10 mg/mL solution
            amount, unit = "1", "mg/{actuat}"
        key = drug.get("mme_form_key") or form_key(ingredient, row["form"])
        found[row["ndc11"]] = (row["ndc11"], row["rxcui"] if drug else "", ingredient, row["form"], amount, unit, key,
                               "CDC 2016/2018")  # fmt: skip
    for row in read(folder, "opioid_ndc_rxcui.csv"):
        drug = by_rxcui.get(row["rxcui"])
        if drug and not found.get(row["ndc11"], ("", ""))[1]:
            found[row["ndc11"]] = (
                row["ndc11"], row["rxcui"], drug["opioid_ingredient"], drug["dose_form"],
                *our_unit(drug["opioid_strength_value"], drug["opioid_strength_unit"]), drug["mme_form_key"],
                "RxNav, 2023-2025",
            )  # fmt: skip
    for row in read(folder, "other_class_ndc.csv"):
        found.setdefault(
            row["ndc11"],
            (row["ndc11"], row["rxcui"], row["drug"].lower(), row["form"],
             *our_unit(row["strength_per_unit"], row["uom"]),
             f"class:{CLASS_NAMES.get(row['class'], row['class'])}", "CDC 2018"),
        )  # fmt: skip
    columns = ("ndc11", "rxcui", "ingredient", "form", "strength", "unit", "form_key", "source")
    return write(out, "ndc.csv", columns, found.values())


def form_key(ingredient: str, form: str) -> str:
    """The factor key of a product CDC lists by ingredient and form only; empty where the form leaves a doubt."""
    lowered = form.lower()
    if ingredient == "fentanyl":
        return next(
            (key for word, key in (("patch", "fentanyl|transdermal"), ("film", "fentanyl|film_or_oral_spray"),
                                   ("lozenge", "fentanyl|buccal_sl_tablet_or_lozenge"),
                                   ("tablet", "fentanyl|buccal_sl_tablet_or_lozenge")) if word in lowered),
            "",
        )  # fmt: skip
    if ingredient == "buprenorphine":
        return next(
            (f"buprenorphine|{key}" for word, key in (("patch", "transdermal"), ("implant", "implant"),
                                                      ("subcutaneous", "er_injection"),
                                                      ("tablet", "sl_tablet_or_film")) if word in lowered),
            "",
        )  # fmt: skip
    if ingredient == "butorphanol":
        return "butorphanol|nasal"
    return f"{ingredient}|{'rectal' if 'supposit' in lowered else 'oral'}"


def code_rows(folder: Path, out: Path) -> Iterator[dict[str, object]]:
    conditions = [r for r in read(folder, "conditions.csv") if r["code"] and r["confidence"] != "gap"]
    columns = ("group", "subgroup", "system", "code", "display", "source")
    pick = [tuple(r[c] for c in columns) for r in conditions if not r["code"].startswith("(")]
    yield write(out, "conditions.csv", columns, (r for r in pick if r[2] != SNOMED))
    yield write(out, "conditions_snomed.csv", columns, (r for r in pick if r[2] == SNOMED))
    observations = read(folder, "observations.csv")
    for row in observations:
        if row["code"].startswith("(") or not row["code"] or row["system"].startswith("local:"):
            # Only sites have codes for this element; one organisation's mean nothing elsewhere.
            row.update(system="", code="", display="", source="no published code found")
    observed = ("element", "system", "code", "display", "result_type", "method", "source")
    seen = [tuple(r[c] for c in observed) for r in observations]
    yield write(out, "observations.csv", observed, (r for r in seen if r[1] != SNOMED))
    yield write(out, "observations_snomed.csv", observed, (r for r in seen if r[1] == SNOMED))


def main(folder: Path, out: Path = DATA) -> None:
    columns, rows = factor_rows(read(folder, "mme_factors.csv"))
    files = [
        *drug_rows(folder, out),
        ndc_rows(folder, out),
        write(out, "factors.csv", columns, rows),
        *code_rows(folder, out),
    ]
    lines = [
        "# Written by valuesets/build/derive.py.  The loader refuses a file that differs from its line here.",
        f'version = "{VERSION}"',
        'source = "public value sets, RxNorm 2020 to 2025, ICD-10-CM April 2026; row sources in each file"',
        "",
    ]
    for file in files:
        lines += ["[[file]]", *(f"{key} = {json.dumps(value)}" for key, value in file.items()), ""]
    (out / "MANIFEST.toml").write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(f"{file['file']}: {file['rows']} rows" for file in files))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
