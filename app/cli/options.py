"""What several verbs share: options, and who runs them."""

from __future__ import annotations

import getpass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer


class Snomed(StrEnum):
    ON = "on"
    OFF = "off"


def operator() -> str:
    """Who runs the verb, as the access log names it."""
    return f"operator {getpass.getuser()}"


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("write the day as YYYY-MM-DD") from None


def _zone(text: str | ZoneInfo) -> ZoneInfo:
    if isinstance(text, ZoneInfo):  # typer passes a default through the parser too
        return text
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError):
        raise typer.BadParameter("write a time zone such as America/Los_Angeles") from None


AsOf = Annotated[
    date, typer.Option("--as-of", parser=_date, metavar="YYYY-MM-DD", help="the day to evaluate for")
]
PolicyFile = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        metavar="FILE",
        envvar="LTOT_POLICY",
        help="a clinic policy: a file, or a name that comes with the product",
    ),
]
SiteCodes = Annotated[
    Path | None,
    typer.Option("--site-codes", envvar="LTOT_SITE_CODES", help="a file with the site's own codes"),
]
SnomedCodes = Annotated[
    Snomed,
    typer.Option(
        "--snomed", envvar="LTOT_SNOMED", help="whether SNOMED CT codes are used; a licence may be needed"
    ),
]
Zone = Annotated[
    ZoneInfo,
    typer.Option(
        "--time-zone",
        parser=_zone,
        metavar="ZONE",
        envvar="LTOT_TIME_ZONE",
        help="the clinic's time zone",
    ),
]
UTC = ZoneInfo("UTC")
