"""What the store refuses, as errors of the catalogue.

StoreError
├── StoreUnavailableError     LT-605  the database does not answer
├── NotMigratedError          LT-602  its tables are of another version
├── SealBrokenError           LT-900  a sealed value is damaged or belongs to another row
├── AttemptUnmatchedError     LT-104  no launch of this browser is waiting for this answer
├── AttemptSpentError         LT-105  it was answered before, or too late
├── LaunchReplayedError       LT-105  the EHR's launch or code has opened a session before
├── LaunchForbiddenError      LT-402  the address does not belong to this browser
├── LaunchOverError           LT-401  ended, idle too long, or past its last hour
├── AuditUnavailableError     LT-606  no access may happen that is not recorded
├── TenantUnknownError        LT-607
├── TenantInvalidError        LT-601
├── SigningKeyMissingError    LT-608
└── SigningKeyRotationError   LT-608
"""

from typing import ClassVar

from app.errors import LtotError


class StoreError(LtotError):
    """Base of the store's errors; ``detail`` never holds patient data or secrets."""

    code: ClassVar[str] = "LT-900"

    def __init__(self, detail: str = "") -> None:
        super().__init__(self.code, detail)


class StoreUnavailableError(StoreError):
    """The database does not answer."""

    code = "LT-605"


class NotMigratedError(StoreError):
    """The tables are of another version than the program."""

    code = "LT-602"


class SealBrokenError(StoreError):
    """A sealed value is damaged, sealed under an unknown key, or was moved from another row."""


class AttemptUnmatchedError(StoreError):
    """No launch started by this browser waits for this answer."""

    code = "LT-104"


class AttemptSpentError(StoreError):
    """The launch was answered before, or its time is over."""

    code = "LT-105"


class LaunchReplayedError(StoreError):
    """The EHR's launch value or authorization code has opened a session before."""

    code = "LT-105"


class LaunchForbiddenError(StoreError):
    """There is no such launch for this browser; the two cases are not told apart."""

    code = "LT-402"


class LaunchOverError(StoreError):
    """The launch has ended, was idle too long, or reached its absolute end."""

    code = "LT-401"


class AuditUnavailableError(StoreError):
    """The access log cannot be written: whatever was to be recorded must not happen."""

    code = "LT-606"


class TenantUnknownError(StoreError):
    """No tenant has this id."""

    code = "LT-607"


class TenantInvalidError(StoreError):
    """A tenant's settings do not fit; ``detail`` names the field."""

    code = "LT-601"


class SigningKeyMissingError(StoreError):
    """The tenant has no active signing key in this environment."""

    code = "LT-608"


class SigningKeyRotationError(StoreError):
    """The next key cannot become active now; ``detail`` says why and when."""

    code = "LT-608"
