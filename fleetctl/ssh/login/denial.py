"""What to tell when a server accepted nothing: what it was offered, what it would take, and what to do."""

from __future__ import annotations

import msgspec

from fleetctl.errors import DeniedError


class Problem(msgspec.Struct, frozen=True):
    """Something that kept a way to log in from being tried, or may have made it fail."""

    message: str
    hint: str


class Denial(msgspec.Struct, frozen=True):
    """How a login ended in vain.

    Args:
        offered: what was tried, in words.
        allowed: the methods that the server would take next, if it said so.
        untried: how many keys were left out, because servers bear only so many.
        password: how to give it one.
        goodbye: the words with which the server hung up, if it did.
        advice: what to do, when something that was tried has told it.
    """

    user: str
    offered: list[str]
    allowed: list[str]
    problems: list[Problem]
    password: str
    untried: int = 0
    goodbye: str = ""
    advice: str = ""

    def error(self) -> DeniedError:
        problems = [problem.message for problem in self.problems]
        told = [f"offered {', '.join(self.offered) or 'nothing'}"]
        if self.untried:
            told.append(f"{self.untried} further keys were not tried")
        told += problems
        if self.allowed:
            told.append(f"the server takes {', '.join(self.allowed)}")
        if self.goodbye:
            told.append(f"it hung up: {self.goodbye}")
        return DeniedError(
            f"login as {self.user} denied: {'; '.join(told)}",
            hint=self.advice or self._hint(),
            user=self.user,
            offered=self.offered,
            allowed=self.allowed,
            unusable=problems,
            untried=self.untried,
        )

    def _hint(self) -> str:
        if self.goodbye or self.untried:
            return "too many keys offered? name the right one with `keys` or --key"
        own = next((problem.hint for problem in self.problems if problem.hint), "")
        if own and not self.offered:
            return own
        if not self.offered and self.allowed:
            return f"give it {' or '.join(self.allowed)}: {self._what_it_takes}"
        if refused := self._refused_words:
            return f"{refused}, and the user"
        if "publickey" in self.allowed and not any(name.startswith(("key", "cert")) for name in self.offered):
            return "the server wants a key: `keys` in the inventory, or --key"
        return "check the user, and that the key is in the host's authorized_keys or the password is right"

    @property
    def _what_it_takes(self) -> str:
        key = "`keys` in the inventory, or --key"
        ways = {"publickey": key, "password": self.password, "keyboard-interactive": self.password}
        return "; ".join(dict.fromkeys(ways[method] for method in self.allowed if method in ways)) or key

    @property
    def _refused_words(self) -> str:
        """What of what can be mistyped was refused, and to check it; "" when nothing was."""
        questions = bool({"password", "keyboard-interactive"} & {*self.allowed})
        if questions and any(name.startswith("password") for name in self.offered):
            return "the password was refused: check it"
        if questions and any(name.startswith("answers to") for name in self.offered):
            return "one of the answers was refused: check them"
        return ""
