"""What one search or read of the EHR brought, and how completely.

A failure is a value here, never an exception: the page shows what came and says what did not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ProblemCode(StrEnum):
    """Why a search did not bring everything."""

    NOT_GRANTED = "not_granted"
    NOT_OFFERED = "not_offered"
    NOT_SIGNED_IN = "not_signed_in"
    REFUSED = "refused"
    PARTLY_WITHHELD = "partly_withheld"
    TIMEOUT = "timeout"
    NETWORK = "network"
    BUSY = "busy"
    SERVER_ERROR = "server_error"
    NOT_ANSWERING = "not_answering"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too_large"
    FOREIGN_PAGE = "foreign_page"
    PAGE_LOOP = "page_loop"
    TOO_MANY_PAGES = "too_many_pages"


_SENTENCES = {
    ProblemCode.NOT_GRANTED: "the EHR has not granted this app access to it",
    ProblemCode.NOT_OFFERED: "this EHR does not offer it",
    ProblemCode.NOT_SIGNED_IN: "the EHR no longer accepted the sign-in",
    ProblemCode.REFUSED: "the EHR refused the search",
    ProblemCode.PARTLY_WITHHELD: "the EHR withheld part of it",
    ProblemCode.TIMEOUT: "the EHR did not answer in time",
    ProblemCode.NETWORK: "the connection to the EHR failed",
    ProblemCode.BUSY: "the EHR asked to slow down",
    ProblemCode.SERVER_ERROR: "the EHR answered with an error of its own",
    ProblemCode.NOT_ANSWERING: "the EHR has not been answering; it is asked again within half a minute",
    ProblemCode.UNREADABLE: "the EHR's answer could not be read to the end",
    ProblemCode.TOO_LARGE: "the EHR's answer was larger than the panel accepts",
    ProblemCode.FOREIGN_PAGE: "the EHR pointed to another address for the rest, which is not followed",
    ProblemCode.PAGE_LOOP: "the EHR's pages repeat themselves",
    ProblemCode.TOO_MANY_PAGES: "it has more pages than the panel reads",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """A code and a sentence for people; both free of patient data.  `status`: the HTTP status, if it was one."""

    code: ProblemCode
    sentence: str
    status: int | None = None

    @classmethod
    def of(cls, code: ProblemCode, detail: str = "", *, status: int | None = None) -> Problem:
        """The catalogue's sentence for `code`, with what only this case knows in brackets."""
        return cls(code, _SENTENCES[code] + (f" ({detail})" if detail else ""), status)


@dataclass(frozen=True, slots=True)
class Fetched:
    """One search or read.

    items: JSON text of each resource as the EHR sent it.  included: other resources that came along.
    complete False: no conclusion of absence may rest on it.  connected False: this site does not offer or
    grant it at all.  query: what was asked, without the patient.  at: when the last answer came.
    """

    kind: str
    items: tuple[bytes, ...]
    complete: bool
    connected: bool
    problem: Problem | None
    warnings: tuple[str, ...]
    query: str
    pages: int
    at: datetime
    included: tuple[bytes, ...] = ()
