"""The bastions on the way to a host, by name: hosts of the inventory, or `user@host:port`."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile

from fleetctl.errors import FleetError, InventoryError, Problem
from fleetctl.inventory.adhoc import parse_adhoc
from fleetctl.inventory.levels import Given, Level
from fleetctl.inventory.mistakes import did_you_mean
from fleetctl.inventory.precedence import Precedence
from fleetctl.inventory.ssh_config import LEVEL

_MAX_HOPS = 16


class Jumps:
    """Chains of bastions. One that is a host of the inventory brings its own bastions along."""

    def __init__(self, precedence: Precedence, hosts: Mapping[str, Level]) -> None:
        self._precedence = precedence
        self._hosts = hosts
        self._chains: dict[tuple[str, ...], tuple[str, ...]] = {}

    def through(self, name: str, given: Given) -> tuple[str, ...]:
        """The bastions that a host's `jump` setting stands for, the first to be dialled first.

        A host that is itself one of them is reached without itself.
        Raises: InventoryError when ssh_config lets the way go in a circle.
        """
        return self._chain(given, self.up_to(name, given.value), (name,))

    def up_to(self, name: str, words: tuple[str, ...]) -> tuple[str, ...]:
        """The words of a `jump` setting that lead to a host which is itself one of those bastions; else all of them."""
        return tuple(takewhile(lambda word: not self._is(word, name), words))

    def problems(self) -> list[Problem]:
        """Jumps to hosts that are not there, circles, and chains without end; each told once."""
        search = _Search(self._precedence, self._hosts)
        for name in self._hosts:
            search.length(name, ())
        return list(search.problems)

    def _is(self, word: str, name: str) -> bool:
        return word == name or self._name(word) == name

    def _chain(self, given: Given, words: tuple[str, ...], path: tuple[str, ...]) -> tuple[str, ...]:
        if words not in self._chains:
            chain: tuple[str, ...] = ()
            for word in words:
                hops = self._hops(word, given, path, first=not chain)
                # A bastion whose own way is the one gone so far needs it once.
                chain = hops if hops[: len(chain)] == chain else chain + hops
            self._chains[words] = chain
        return self._chains[words]

    def _hops(self, word: str, given: Given, path: tuple[str, ...], *, first: bool) -> tuple[str, ...]:
        name = self._name(word)
        if name in path:
            raise InventoryError([given.problem(_circle(path, name, given))])
        if len(path) > _MAX_HOPS:
            raise InventoryError([given.problem(f"makes more than {_MAX_HOPS} hops to {path[0]}")])
        onward = self._precedence.bastion(word)[1]["jump"]
        if onward.level == LEVEL and not first:
            return (word,)  # as for ssh, which would come from the bastion before it
        return (*self._chain(onward, self.up_to(name, onward.value), (*path, name)), word)

    def _name(self, word: str) -> str:
        return word if word in self._hosts else parse_adhoc(word).name


class _Search:
    """Walks all jumps once and collects what is wrong with them."""

    def __init__(self, precedence: Precedence, hosts: Mapping[str, Level]) -> None:
        self.problems: dict[Problem, None] = {}
        self._precedence = precedence
        self._hosts = hosts
        self._lengths: dict[str, int] = {}
        self._wrong: dict[str, str] = {}

    def length(self, name: str, path: tuple[str, ...]) -> int:
        """How many hops lead to a host."""
        if name not in self._lengths:
            given = self._precedence.stated_jump(name)
            length = sum(self._hop(word, given, (*path, name)) for word in given.value)
            if length > _MAX_HOPS:
                self._complain(given, f"makes {length} hops to {name}, and {_MAX_HOPS} are the most")
            self._lengths[name] = min(length, _MAX_HOPS)
        return self._lengths[name]

    def _hop(self, word: str, given: Given, path: tuple[str, ...]) -> int:
        if word in path:
            self._complain(given, _circle(path, word, given))
        elif len(path) > _MAX_HOPS:
            self._complain(given, f"makes more than {_MAX_HOPS} hops to {path[0]}")
        elif word in self._hosts:
            return 1 + self.length(word, path)
        else:
            self._judge(word, given)
        return 1

    def _judge(self, word: str, given: Given) -> None:
        # Once per word: in the defaults it stands for every host, and the search for what it may have meant is slow.
        if word not in self._wrong:
            self._wrong[word] = self._fault(word)
        if self._wrong[word]:
            self._complain(given, self._wrong[word])

    def _fault(self, word: str) -> str:
        """What is wrong with a bastion that is no host of the inventory, or ""."""
        if not any(char in word for char in ".@:") and not self._precedence.has_alias(word):
            return f"no such host: {word}{did_you_mean(word, self._hosts)}"
        try:
            parse_adhoc(word)
        except FleetError as error:
            return f"{error.message}: {error.hint}"
        return ""

    def _complain(self, given: Given, message: str) -> None:
        self.problems[given.problem(message)] = None


def _circle(path: tuple[str, ...], name: str, given: Given) -> str:
    """What to say when the last of a path has a `jump` back to one that is on it already."""
    circle = " → ".join([*path[path.index(name) :], name])
    end = "ProxyJump none" if given.level == LEVEL else "jump: []"
    return f"jumps go in a circle: {circle}; give {path[-1]} `{end}` to end it"
