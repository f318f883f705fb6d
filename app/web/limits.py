"""How many launches one address may start in a minute, counted in this process."""

from __future__ import annotations

from collections import OrderedDict, deque
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=1)
REMEMBERED = 10_000


class RateLimit:
    """A sliding window per client address; the least recently seen addresses are forgotten first."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._seen: OrderedDict[str, deque[datetime]] = OrderedDict()

    def allows(self, client: str, now: datetime) -> bool:
        """Count one request; False when the address has used up its minute."""
        times = self._seen.setdefault(client, deque())
        self._seen.move_to_end(client)
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        while times and now - times[0] >= WINDOW:
            times.popleft()
        if len(times) >= self._per_minute:
            return False
        times.append(now)
        return True
