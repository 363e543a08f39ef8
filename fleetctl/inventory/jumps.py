"""The bastions on the way to a host: hosts of the inventory, or `user@host:port`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from fleetctl.errors import FleetError, Problem
from fleetctl.inventory.adhoc import parse_adhoc
from fleetctl.inventory.levels import Given, Level
from fleetctl.inventory.precedence import Precedence
from fleetctl.model import Hop


class Jumps:
    """Chains of hops by host. A bastion of the inventory brings its own bastions along."""

    def __init__(self, precedence: Precedence, hosts: Mapping[str, Level]) -> None:
        self._precedence = precedence
        self._hosts = hosts

    def of(self, name: str) -> tuple[Hop, ...]:
        """The hops to a host, the first to be dialled first."""
        return tuple(hop for word in self._given(name).value for hop in self._chain(word))

    def problems(self) -> list[Problem]:
        """Jumps to hosts that are not there, and circles; each told once."""
        found: dict[Problem, None] = {}
        for name in self._hosts:
            given = self._given(name)
            for word in given.value:
                found.update(dict.fromkeys(self._judge(word, given, [name])))
        return list(found)

    def _given(self, name: str) -> Given:
        return self._precedence.of(name).settings["jump"]

    def _chain(self, word: str) -> tuple[Hop, ...]:
        if word in self._hosts:
            settings = self._precedence.of(word).settings
            address = settings["address"].value if "address" in settings else word
            return (*self.of(word), Hop(word, address, settings["port"].value, settings["user"].value))
        said = parse_adhoc(word)
        return (Hop(said.name, said.address, said.port or 22, said.user or ""),)

    def _judge(self, word: str, given: Given, path: list[str]) -> list[Problem]:
        if word in path:
            return [given.problem(f"jumps go in a circle: {' → '.join([*path, word])}")]
        if word in self._hosts:
            inner = self._given(word)
            return [p for further in inner.value for p in self._judge(further, inner, [*path, word])]
        if not any(char in word for char in ".@:"):
            near = difflib.get_close_matches(word, list(self._hosts), 1)
            meant = f"; did you mean {near[0]}?" if near else ""
            return [given.problem(f"no such host: {word}{meant}")]
        try:
            parse_adhoc(word)
        except FleetError as error:
            return [given.problem(error.message)]
        return []
