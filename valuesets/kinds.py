"""What an opioid known only by ingredient and form is: its category, and the key that joins it to the factors."""

from __future__ import annotations

NO_CLASSES: frozenset[str] = frozenset()
_PAIN = frozenset({"buprenorphine_pain"})
_MOUD = frozenset({"moud"})
_FENTANYL = {
    "transdermal": "fentanyl|transdermal",
    "lozenge": "fentanyl|buccal_sl_tablet_or_lozenge",
    "sublingual": "fentanyl|buccal_sl_tablet_or_lozenge",
    "nasal": "fentanyl|nasal_spray",
    "film": "fentanyl|film_or_oral_spray",
}
_BUPRENORPHINE = {
    "buprenorphine|transdermal": ("buprenorphine_pain_patch", _PAIN),
    "buprenorphine|buccal_film_mcg": ("buprenorphine_pain_buccal_film", _PAIN),
    "buprenorphine|sl_tablet_or_film": ("buprenorphine_moud", _MOUD),
    "buprenorphine|er_injection": ("buprenorphine_moud_er_injection", _MOUD),
    "buprenorphine|implant": ("buprenorphine_moud_implant", _MOUD),
}
_INJECTED_ONLY = frozenset({"nalbuphine", "alfentanil", "remifentanil", "sufentanil", "oliceridine"})
_BY_NOSE_TOO = frozenset({"butorphanol"})
_MIXED = frozenset({"pentazocine", "butorphanol"})
_WITHDRAWN = {"propoxyphene": "withdrawn_us_analgesic", "levomethadyl": "withdrawn_us_moud"}


def kind_of(ingredient: str, form_key: str | None) -> tuple[str, str, frozenset[str]]:
    """(category, counted, further classes) for a form key; without one the form leaves a doubt."""
    if ingredient == "buprenorphine":
        category, classes = _BUPRENORPHINE.get(form_key or "", ("buprenorphine_moud", _MOUD))
        return category, "no", classes
    if ingredient == "methadone":
        return "methadone_pain_or_otp", "yes" if form_key else "review", NO_CLASSES
    if ingredient == "opium" and form_key != "opium|rectal":
        return "opium_antidiarrheal_or_tincture", "no", NO_CLASSES
    category = _WITHDRAWN.get(ingredient, "full_agonist_analgesic")
    if ingredient in _MIXED:
        category = "mixed_agonist_antagonist_analgesic"
    return category, "yes" if form_key else "review", NO_CLASSES


def key_of(ingredient: str, form: str, text: str) -> str | None:
    """The factor key for a form read in free text; None where the form leaves a doubt."""
    if form == "injectable" or ingredient in _INJECTED_ONLY:
        return None
    if ingredient == "fentanyl":
        return _FENTANYL.get(form)
    if ingredient == "buprenorphine":
        return _buprenorphine_key(form, text)
    if ingredient in _BY_NOSE_TOO:
        return f"{ingredient}|nasal" if form == "nasal" else None
    if form in {"transdermal", "nasal"}:
        return None
    return f"{ingredient}|{'rectal' if form == 'rectal' else 'oral'}"


def _buprenorphine_key(form: str, text: str) -> str | None:
    """For pain by patch, or by the one film made for it; the other forms treat opioid use disorder."""
    if form == "transdermal" or "butrans" in text:
        return "buprenorphine|transdermal"
    if "belbuca" in text or "mcg" in text:
        return "buprenorphine|buccal_film_mcg"
    return "buprenorphine|sl_tablet_or_film" if form in {"film", "sublingual", "oral"} else None
