"""The panel's colours, and which of the EHR's own may replace them.

The stylesheet holds the same values; a test compares them.  A pair of text and background is used only at a
contrast of 4.5:1 or better (WCAG 2.2, 1.4.3).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

MINIMUM_CONTRAST = 4.5

LIGHT = {
    "ground": "#ffffff",
    "text": "#1b2429",
    "soft": "#46545d",
    "line": "#768692",
    "link": "#1d4f91",
    "overdue": "#b10e1e",
    "warning": "#7a4f01",
    "ok": "#00622f",
    "info": "#1d4f91",
    "unknown": "#4c6272",
}
DARK = {
    "ground": "#14191d",
    "text": "#eef2f4",
    "soft": "#b8c4cc",
    "line": "#7f8f9a",
    "link": "#9cc4ff",
    "overdue": "#ff9ba3",
    "warning": "#ffc76e",
    "ok": "#86d9a6",
    "info": "#9cc4ff",
    "unknown": "#b7c4cd",
}
_FOREGROUND = ("text", "soft", "link", "overdue", "warning", "ok", "info", "unknown")
_HEX = re.compile(r"#[0-9a-f]{3}(?:[0-9a-f]{3})?", re.IGNORECASE)
_SIZE = re.compile(r"(1[2-9]|20)px")


def contrast(one: str, other: str) -> float:
    """The WCAG contrast ratio of two hex colours, 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    channels = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def ehr_stylesheet(style: Mapping[str, object]) -> str:
    """CSS for what the EHR's SMART style may decide: text and ground together, and the base font size.

    Empty when nothing is usable.  Every status colour must stay readable on the EHR's ground, else ours stays.
    """
    rules = []
    text, ground = style.get("color_text"), style.get("color_background")
    if isinstance(text, str) and isinstance(ground, str) and _HEX.fullmatch(text) and _HEX.fullmatch(ground):
        for palette in (LIGHT, DARK):
            colours = palette | {"text": text.lower(), "ground": ground.lower(), "soft": text.lower()}
            if all(contrast(colours[name], colours["ground"]) >= MINIMUM_CONTRAST for name in _FOREGROUND):
                declared = "".join(f"--{name}:{value};" for name, value in colours.items())
                scheme = "light" if palette is LIGHT else "dark"
                rules.append(f"@media screen{{:root:root{{color-scheme:{scheme};{declared}}}}}")
                break
    size = style.get("dim_font_size")
    if isinstance(size, str) and _SIZE.fullmatch(size):
        rules.append(f":root:root{{--size:{size}}}")
    return "\n".join(rules)
