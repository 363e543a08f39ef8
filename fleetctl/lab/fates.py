"""What goes wrong on which host of a rehearsal: worked out from a seed, so that it can be played again."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Literal

import msgspec

Kind = Literal["fails", "drops", "slow", "refuses"]

_KINDS: tuple[Kind, ...] = ("fails", "drops", "slow", "refuses")
_SHARE = 0.4
_SECONDS = (0.3, 0.5, 1.0)


class Fate(msgspec.Struct, frozen=True):
    """What goes wrong on one host.

    Args:
        kind: a step fails, the connection drops in a step, all is slow, or it does not let anybody in.
        step: the step; "" where it is about no single one.
        seconds: how long each command takes.
    """

    kind: Kind
    step: str = ""
    seconds: float = 0.0

    def __str__(self) -> str:
        match self.kind:
            case "fails":
                return f"fails at {self.step!r}"
            case "drops":
                return f"loses its connection in {self.step!r}"
            case "slow":
                return f"takes {self.seconds:g} s for each command"
            case _:
                return "refuses connections"


def fates(hosts: Sequence[str], steps: Sequence[str], seed: int, restarts: Sequence[str] = ()) -> Mapping[str, Fate]:
    """For two hosts of five, in the order of the hosts. The same for the same hosts, steps and seed.

    Args:
        steps: those that can fail; where there are none, hosts refuse connections.
        restarts: those of them in which a connection that ends is no fault.
    """
    chance = random.Random(seed)  # noqa: S311 - to be foreseen is what it is for
    struck = chance.sample(hosts, math.ceil(len(hosts) * _SHARE))
    drawn = {
        host: _fate(kind, [step for step in steps if kind == "fails" or step not in restarts], chance)
        for host, kind in zip(struck, cycle(_KINDS if steps else ("refuses",)), strict=False)
    }
    return {host: drawn[host] for host in hosts if host in drawn}


def _fate(kind: Kind, steps: Sequence[str], chance: random.Random) -> Fate:
    if kind in {"fails", "drops"} and steps:
        return Fate(kind, chance.choice(steps))
    return Fate("slow", seconds=chance.choice(_SECONDS)) if kind == "slow" else Fate("refuses")
