"""250 hosts for a benchmark: one sshd that answers on 250 addresses, a lean user, an RSA key, strict known_hosts."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.account import local_account
from tests.support.keys import make_keys
from tests.support.sshd import Sshd, serve


@dataclass(frozen=True)
class Fleet:
    """A server, and the files that a client needs to reach all its hosts."""

    server: Sshd
    directory: Path
    size: int

    @property
    def inventory(self) -> Path:
        return self.directory / "inventory.yaml"

    @property
    def known_hosts(self) -> Path:
        return self.directory / "known_hosts"

    @property
    def addresses(self) -> Path:
        """A file with one address a line."""
        return self.directory / "addresses"

    def lines(self, lines: Iterable[str]) -> Path:
        """A file with these lines."""
        path = self.directory / "lines"
        path.write_text("".join(f"{line}\n" for line in lines))
        return path


@contextmanager
def fleet(size: int) -> Iterator[Fleet]:
    """Serve until the block ends."""
    with tempfile.TemporaryDirectory(prefix="fleetctl-bench-") as name:
        directory = Path(name)
        for kind in ("client", "host"):
            (directory / kind).mkdir()
        client, host = make_keys(directory / "client"), make_keys(directory / "host")
        with local_account() as account, serve(account, client, host) as server:
            server.inventory(directory, size)
            made = Fleet(server, directory, size)
            made.addresses.write_text("".join(f"{address}\n" for address in server.addresses(size)))
            yield made
