"""What one lab host has seen so far; written by the lab's thread, read by any."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Seen:
    """`attempts` counts logins tried: passwords, and keys, each key once per connection."""

    port: int = 0
    connections: int = 0
    attempts: int = 0
