"""What many hosts need of this machine is worked out for the first that asks, while the others wait."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Once:
    """Remembers what was made, by a key. Thread-safe."""

    def __init__(self) -> None:
        self._known_lock = threading.Lock()
        self._known: dict[Hashable, tuple[threading.Lock, list[Any]]] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` came to for this key. Raises: what it raises; then the next that asks tries anew."""
        with self._known_lock:
            lock, made = self._known.setdefault(key, (threading.Lock(), []))
        with lock:
            if not made:
                made.append(make())
            found: T = made[0]
            return found

    def forget(self, key: Hashable) -> None:
        """It is to be made anew for whoever asks next."""
        with self._known_lock:
            self._known.pop(key, None)
