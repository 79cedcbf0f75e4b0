"""How often something may be done by each user, tab or address."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

MOST_COUNTED = 10_000  # at once; the one not seen longest is forgotten

Clock = Callable[[], float]


class Rate:
    """So many times in so many seconds, whenever those begin."""

    def __init__(self, most: int, seconds: float, *, clock: Clock = time.monotonic) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._done: OrderedDict[str, deque[float]] = OrderedDict()
        self._guard = threading.Lock()

    def early(self, key: str) -> float:
        """Return how many seconds too early it would be done now, 0 when it may be."""
        with self._guard:
            return self._early(key, self._clock())

    def wait(self, key: str) -> float:
        """Count that it is done, or return how many seconds it comes too early."""
        with self._guard:
            now = self._clock()
            early = self._early(key, now)
            if not early:
                self._done.setdefault(key, deque(maxlen=self._most)).append(now)
                self._done.move_to_end(key)
                if len(self._done) > MOST_COUNTED:
                    self._done.popitem(last=False)
            return early

    def give_back(self, key: str) -> None:
        """Count one time less."""
        with self._guard:
            done = self._done.get(key)
            if done:
                done.pop()

    def forget(self, key: str) -> None:
        """Count anew."""
        with self._guard:
            self._done.pop(key, None)

    def _early(self, key: str, now: float) -> float:
        done = self._done.get(key, deque())
        return max(0.0, done[0] + self._seconds - now) if len(done) == self._most else 0.0
