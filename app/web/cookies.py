"""One cookie per launch, so that two charts open side by side never mix.

The header is written by hand: `Partitioned` (CHIPS) keeps the cookie inside the EHR's frame when third-party
cookies are blocked, and the `__Host-` prefix binds it to this host over https.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_VALUE = re.compile(r"[A-Za-z0-9_.~-]{1,512}")


@dataclass(frozen=True, slots=True)
class LaunchCookies:
    """Names, writes and reads the cookies of launches.

    secure: True everywhere but in the demo on loopback, where browsers refuse `__Host-` and Secure over http.
    """

    secure: bool = True

    def name(self, launch: str) -> str:
        """Raises ValueError for an id that could change the header's meaning."""
        if not _ID.fullmatch(launch):
            raise ValueError("a launch id holds letters, digits, '-' and '_' only")
        return f"__Host-ltot.{launch}" if self.secure else f"ltot.{launch}"

    def header(self, launch: str, value: str, max_age: int) -> str:
        """The Set-Cookie value; max_age in seconds, at most what is left of the launch."""
        if not _VALUE.fullmatch(value):
            raise ValueError("a cookie value holds URL-safe characters only")
        return f"{self.name(launch)}={value}; {self._attributes(max_age)}"

    def clearing_header(self, launch: str) -> str:
        """The Set-Cookie value that removes the launch's cookie."""
        return f"{self.name(launch)}=; {self._attributes(0)}"

    def read(self, cookie_header: str | None, launch: str) -> str | None:
        """The value of this launch's cookie; None when absent, malformed or sent twice with different values."""
        name = self.name(launch)
        pairs = (part.strip().partition("=") for part in (cookie_header or "").split(";"))
        values = {value for key, _, value in pairs if key == name}
        value = values.pop() if len(values) == 1 else ""
        return value if _VALUE.fullmatch(value) else None

    def _attributes(self, max_age: int) -> str:
        shared = f"Path=/; Max-Age={max(0, max_age)}; HttpOnly"
        return f"{shared}; Secure; SameSite=None; Partitioned" if self.secure else f"{shared}; SameSite=Lax"


def attempt_id(state: str) -> str:
    """The id under which a launch attempt keeps its cookie, told from its state without revealing it."""
    return "a-" + hashlib.sha256(state.encode()).hexdigest()[:32]
