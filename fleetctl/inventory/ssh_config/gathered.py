"""The lines that hold for one host, of most keywords the first, and what Match and tokens must know of them early."""

from __future__ import annotations

import msgspec

from fleetctl.inventory.ssh_config.lines import Line
from fleetctl.inventory.ssh_config.patterns import list_matcher
from fleetctl.inventory.ssh_config.tokens import Tokens, expand, expand_variables, local_user

_ALL_COUNT = {"certificatefile", "identityfile", "sendenv"}
_PORT = 22
_IN_USER = "Ldhijklnpu"


class Said(msgspec.Struct, frozen=True):
    """What was said of a host nearer than in ssh_config, and so is what Match and the tokens see; None for nothing."""

    address: str | None = None
    port: int | None = None
    user: str | None = None
    host_key_alias: str | None = None


class Gathered:
    """The lines for one host, taken in the order in which they count."""

    def __init__(self, name: str, said: Said) -> None:
        self.name = name
        self.said = said
        self.first: dict[str, Line] = {}
        self.all: dict[str, list[Line]] = {}
        self._tokens: Tokens | None = None
        self._settled_host = ""

    def settle_host(self) -> str:
        """Hold to the address that is known now, as ssh does in its second reading. Raises: ValueError."""
        self._settled_host = self.host
        return self._settled_host

    def take(self, line: Line) -> None:
        keyword = line.keyword
        if keyword in _ALL_COUNT:
            lines = self.all.setdefault(keyword, [])
            if line not in lines:  # the second reading meets them again
                lines.append(line)
        elif keyword not in self.first and not self._comes_too_late(keyword):
            self.first[keyword] = line
            self._tokens = None

    @property
    def tag(self) -> str:
        return self._word("tag")

    def ignores(self, keyword: str) -> bool:
        """Whether IgnoreUnknown names a keyword."""
        return bool(list_matcher(self._word("ignoreunknown").lower())(keyword))

    @property
    def host(self) -> str:
        """The name or address to connect to. Raises: ValueError."""
        if self._settled_host:
            return self._settled_host
        if self.said.address is not None:
            return self.said.address.lower()
        named = self._word("hostname")
        whole = Tokens(self.name, self.name, 0, "")
        return (expand(named, whole, "h") if named else self.name).lower()

    def tokens(self) -> Tokens:
        """What the tokens stand for as far as is known now. Raises: ValueError."""
        if self._tokens is None:
            self._tokens = self._find_tokens()
        return self._tokens

    def _find_tokens(self) -> Tokens:
        port = self._word("port")
        jump = self._word("proxyjump")
        without_user = Tokens(
            name=self.name,
            host=self.host,
            port=self.said.port or (int(port) if port.isdecimal() else _PORT),
            user="",
            key_alias=self.said.host_key_alias or self._word("hostkeyalias"),
            jump="" if jump.lower() == "none" else jump,
        )
        named = self.said.user or expand_variables(expand(self._word("user"), without_user, _IN_USER))
        return msgspec.structs.replace(without_user, user=named or local_user())

    def _comes_too_late(self, keyword: str) -> bool:
        """Of ProxyJump and ProxyCommand the first wins; a `ProxyJump none` leaves the way to a ProxyCommand."""
        if keyword == "hostname":
            return bool(self._settled_host)
        if keyword == "proxyjump":
            return "proxycommand" in self.first
        return keyword == "proxycommand" and self._word("proxyjump").lower() not in {"", "none"}

    def _word(self, keyword: str) -> str:
        line = self.first.get(keyword)
        return line.words[0] if line is not None and line.words else ""
