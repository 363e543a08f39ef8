"""Which lines of ssh_config hold for a host, as ssh finds them. The files are read once, when a host is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

from fleetctl.errors import SshConfigError
from fleetctl.inventory.ssh_config.commands import Commands
from fleetctl.inventory.ssh_config.criteria import Criterion, met
from fleetctl.inventory.ssh_config.files import Section, Source, read
from fleetctl.inventory.ssh_config.gathered import Gathered, Said
from fleetctl.inventory.ssh_config.lines import Line
from fleetctl.inventory.ssh_config.meaning import Settings, settings_of
from fleetctl.inventory.ssh_config.patterns import HostPatterns


class SshConfig:
    """What ssh_config says of hosts.

    Args:
        sources: the files to begin with, in the order in which they count.
        hidden: names of variables that hold secrets: commands do not see them, and SendEnv does not send them.
        warn: takes a sentence on each directive that holds for a host asked for and is not honoured, once.
    """

    def __init__(
        self, sources: Sequence[Source], hidden: frozenset[str] = frozenset(), warn: Callable[[str], None] | None = None
    ) -> None:
        self._sources = sources
        self._hidden = hidden
        self._warn = warn
        self._told: set[tuple[str, str]] = set()
        self._commands = Commands(hidden)
        self._known: dict[tuple[str, Said], Settings] = {}

    def settings(self, name: str, said: Said) -> Settings:
        """What holds for a host.

        Args:
            name: what would be typed behind `ssh`.
            said: what is known of it from nearer than ssh_config.

        Raises: SshConfigError when a file, or a value that counts for this host, makes no sense.
        """
        if not self._sources:
            return {}
        if (name, said) not in self._known:
            self._known[name, said] = settings_of(self._gathered(name, said), self._hidden, self._tell)
        return self._known[name, said]

    def names(self, host: str) -> bool:
        """Whether a Host line is about a host, and not about all."""
        return bool(self._sources) and self._layout.patterns.single_out(host)

    def _gathered(self, name: str, said: Said) -> Gathered:
        gathered = Gathered(name, said)
        self._gather(gathered, name, final=False)
        if self._layout.has_final or _is_canonicalized(gathered):
            self._gather(gathered, gathered.settle_host(), final=True)
        return gathered

    def _gather(self, gathered: Gathered, name: str, *, final: bool) -> None:
        """Take the lines of all sections that hold.

        Args:
            name: what Host patterns are compared with: what was typed, and in the second reading the real name.
        """
        sections = self._layout.sections
        hosts = self._layout.patterns.about(name)
        holding: set[int] = set()
        for number in sorted(hosts.union(self._layout.to_judge)):
            section = sections[number]
            if section.inside >= 0 and section.inside not in holding:
                continue
            if section.criteria is not None and not self._met(section.criteria, gathered, final):
                continue
            holding.add(number)
            for line in section.lines:
                gathered.take(line)

    def _met(self, criteria: tuple[Criterion, ...], gathered: Gathered, final: bool) -> bool:
        try:
            return met(criteria, gathered, final, self._commands.succeeds, self._tell)
        except ValueError as error:
            raise SshConfigError([criteria[0].line.problem(str(error))]) from error

    def _tell(self, line: Line, message: str) -> None:
        if self._warn is not None and (line.place, message) not in self._told:
            self._told.add((line.place, message))
            self._warn(f"{line.place}: {line.written}: {message}")

    @cached_property
    def _layout(self) -> _Layout:
        return _Layout(read(self._sources))


class _Layout:
    """The sections, and how to find those that may hold for a name without looking at all of them."""

    def __init__(self, sections: list[Section]) -> None:
        self.sections = sections
        self.patterns = HostPatterns()
        self.to_judge: list[int] = []
        self.has_final = False
        for number, section in enumerate(sections):
            if section.hosts is not None:
                self.patterns.add(number, section.hosts)
            elif section.lines or section.criteria is not None:
                self.to_judge.append(number)
            self.has_final |= any(one.kind == "final" for one in section.criteria or ())


def _is_canonicalized(gathered: Gathered) -> bool:
    line = gathered.first.get("canonicalizehostname")
    return line is not None and line.words[0].lower() in {"yes", "true", "always"}
