"""The products the synthetic charts order, with RxNorm codes of published value sets (CDC IG 2025-02)."""

from dataclasses import dataclass

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


@dataclass(frozen=True, slots=True)
class Drug:
    """One product: its own RxNorm code, related codes an EHR sends along, and the strength of one unit.

    `strength` is in `strength_unit` per `form`; 0 where a dose is always written in units of the form.
    """

    rxcui: str
    rxnorm_name: str
    ehr_name: str
    generic: str
    related: tuple[str, ...]
    form: str
    strength: int = 0
    strength_unit: str = "mg"
    route: str = "Oral"


OXYCODONE_5 = Drug(
    "1049621", "oxycodone hydrochloride 5 MG Oral Tablet", "oxyCODONE (ROXICODONE) 5 MG tablet", "oxyCODONE",
    ("7804", "82063"), "tablet", 5,
)  # fmt: skip
OXYCODONE_10 = Drug(
    "1049683", "oxycodone hydrochloride 10 MG Oral Tablet", "oxyCODONE (ROXICODONE) 10 MG tablet",
    "oxyCODONE",
    ("7804", "82063"), "tablet", 10,
)  # fmt: skip
OXYCODONE_ER_20 = Drug(
    "1049563", "12 HR oxycodone hydrochloride 20 MG Extended Release Oral Tablet",
    "oxyCODONE (OXYCONTIN) 20 MG 12 hr tablet", "oxyCODONE", ("7804", "82063", "1049565"), "tablet", 20,
)  # fmt: skip
HYDROCODONE_10 = Drug(
    "856999", "acetaminophen 325 MG / hydrocodone bitartrate 10 MG Oral Tablet",
    "HYDROcodone-acetaminophen (NORCO) 10-325 MG per tablet", "HYDROcodone-acetaminophen",
    ("5489", "142439", "214182", "857001"), "tablet",
)  # fmt: skip
HYDROCODONE_5 = Drug(
    "857002", "acetaminophen 325 MG / hydrocodone bitartrate 5 MG Oral Tablet",
    "HYDROcodone-acetaminophen (NORCO) 5-325 MG per tablet", "HYDROcodone-acetaminophen",
    ("5489", "142439", "214182", "857004"), "tablet",
)  # fmt: skip
MORPHINE_ER_15 = Drug(
    "891881", "morphine sulfate 15 MG Extended Release Oral Tablet",
    "morphine (MS CONTIN) 15 MG 12 hr tablet",
    "morphine", ("7052", "30236", "892574"), "tablet", 15,
)  # fmt: skip
MORPHINE_ER_30 = Drug(
    "891888", "morphine sulfate 30 MG Extended Release Oral Tablet",
    "morphine (MS CONTIN) 30 MG 12 hr tablet",
    "morphine", ("7052", "30236", "892660"), "tablet", 30,
)  # fmt: skip
HYDROMORPHONE_4 = Drug(
    "897702", "hydromorphone hydrochloride 4 MG Oral Tablet", "HYDROmorphone (DILAUDID) 4 MG tablet",
    "HYDROmorphone", ("3423",), "tablet", 4,
)  # fmt: skip
METHADONE_10 = Drug(
    "864706", "methadone hydrochloride 10 MG Oral Tablet", "methadone (DOLOPHINE) 10 MG tablet", "methadone",
    ("6813", "218337"), "tablet", 10,
)  # fmt: skip
TRAMADOL_50 = Drug(
    "835603", "tramadol hydrochloride 50 MG Oral Tablet", "traMADol (ULTRAM) 50 MG tablet", "traMADol",
    ("10689", "82110", "835605"), "tablet", 50,
)  # fmt: skip
FENTANYL_PATCH_50 = Drug(
    "245135", "72 HR fentanyl 0.05 MG/HR Transdermal System", "fentaNYL (DURAGESIC) 50 MCG/HR", "fentaNYL",
    ("4337", "261185"), "patch", 0, "ug/h", "Transdermal",
)  # fmt: skip
BUPRENORPHINE_NALOXONE_8 = Drug(
    "1010604", "buprenorphine 8 MG / naloxone 2 MG Sublingual Film",
    "buprenorphine-naloxone (SUBOXONE) 8-2 MG per film", "buprenorphine-naloxone", ("1819", "352364",
    "1010606"),
    "film", 0, "mg", "Sublingual",
)  # fmt: skip
LORAZEPAM_1 = Drug(
    "197901", "lorazepam 1 MG Oral Tablet", "LORazepam (ATIVAN) 1 MG tablet", "LORazepam", (), "tablet", 1
)
GABAPENTIN_300 = Drug(
    "310431", "gabapentin 300 MG Oral Capsule", "gabapentin (NEURONTIN) 300 MG capsule", "gabapentin",
    ("105029",), "capsule", 300,
)  # fmt: skip
NALOXONE_SPRAY = Drug(
    "1725059", "naloxone hydrochloride 40 MG/ML Nasal Spray", "naloxone (NARCAN) 4 mg/actuation nasal spray",
    "naloxone", ("7242", "1725064"), "spray", 0, "mg", "Nasal",
)  # fmt: skip
