"""How many launches one address may start in a minute, counted in this process."""

from __future__ import annotations

from collections import OrderedDict, deque
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=1)
REMEMBERED = 10_000


class RateLimit:
    """A sliding window per client address; an address not seen for a minute is forgotten."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._seen: OrderedDict[str, deque[datetime]] = OrderedDict()

    def allows(self, client: str, now: datetime) -> bool:
        """Count one request; False when the address has used up its minute."""
        times = self._seen.setdefault(client, deque())
        self._seen.move_to_end(client)
        self._forget(now)
        while times and now - times[0] >= WINDOW:
            times.popleft()
        if len(times) >= self._per_minute:
            return False
        times.append(now)
        return True

    def _forget(self, now: datetime) -> None:
        """Drop addresses from the one least recently seen on; the last one is in use."""
        while len(self._seen) > 1:
            client, times = next(iter(self._seen.items()))
            if len(self._seen) <= REMEMBERED and times and now - times[-1] < WINDOW:
                return
            del self._seen[client]
