"""A string that does not show itself."""

import hmac
from typing import Never


class Secret:
    """A token, verifier or key that never appears in a repr, a log line, a format string or a pickle.

    ``reveal()`` is the only way to the value, so that every use can be found by its name.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        if not value:
            raise ValueError("A secret cannot be empty.")
        self._value = value

    def reveal(self) -> str:
        """The value itself."""
        return self._value

    def matches(self, other: str) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(_bytes(self._value), _bytes(other))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.matches(other.reveal())

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Secret(hidden)"

    def __reduce__(self) -> Never:
        raise TypeError("A secret is not pickled.")


def _bytes(text: str) -> bytes:
    # What a browser sends may hold lone surrogates; comparing them must not fail.
    return text.encode(errors="surrogatepass")
