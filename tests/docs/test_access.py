"""Every command of docs/access.md is typed on real servers, and so are those of others that a lab cannot take.

The inventory and the ssh_config are those of the document, on loopback: a bastion, hosts behind it, sudo, and a vault.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from fleetctl.inventory import load
from fleetctl.inventory.secrets.vault import Lock, Vault
from fleetctl.inventory.secrets.vault_place import VaultPlace
from fleetctl.model import Secret
from tests.support.account import Account
from tests.support.documents import ON_A_FLEET, ROOT, check, environment, needs_real_servers, plant, shown, type_command
from tests.support.keys import KeySet
from tests.support.markdown import Example, blocks
from tests.support.privileges import Sudoers
from tests.support.running import start_on_terminal
from tests.support.sshd import SshdStarter

DOCUMENT = "docs/access.md"
GATE = ("203.0.113.5", "127.0.8.1")
BEHIND = {"10.0.0.11": "127.0.1.11", "10.0.0.12": "127.0.1.12", "10.0.0.21": "127.0.1.21", "10.0.7.1": "127.0.7.1"}
BEHIND |= {f"10.0.0.{number}": f"127.0.1.{number}" for number in (31, 32, 33)}
KEY = ".ssh/id_ed25519"
WITH_PASSWORD = "{user} ALL=(ALL:ALL) ALL"
WITHOUT = "{user} ALL=(ALL:ALL) NOPASSWD: ALL"
ANSWERS = {
    "fleetctl secret set db01/root": {"Secret for": "new", "The same again": "new"},
    "fleetctl secret init --passphrase": {"New passphrase": "open", "The same again": "open"},
    "fleetctl ssh web01": {"$ ": "exit"},
    "fleetctl run -K -t @web id -un": {"Sudo password": "{password}"},
}
"""What is typed when one of these asks."""
BLURRED = {r"old0\S*": "OLD", r"SSH-2\.0-\S+.*": "BANNER", r"(key exchange|sftp) .*": r"\1", r"port +\d+": "port"}
"""What depends on who comes first, on the version of OpenSSH, and on the port that was free."""


class Machine(msgspec.Struct, frozen=True):
    """A machine of the document: the address that it has there, and where it is in truth."""

    documented: str
    address: str
    port: int

    def put_into(self, text: str) -> str:
        """A text of the document with the machine where it is."""
        there = re.escape(self.documented)
        text = re.sub(rf"(?<=address: ){there}\b", f"{self.address}, port: {self.port}", text)
        text = re.sub(rf"(?<=HostName ){there}\n( *Port) \d+", rf"{self.address}\n\1 {self.port}", text)
        return re.sub(rf"(?<=@){there}\b", f"{self.address}:{self.port}", text)

    @property
    def written(self) -> dict[str, str]:
        """What the document writes for the ways to call it."""
        return {
            f"[{self.address}]:{self.port}": self.documented,
            f"{self.address}:{self.port}": f"{self.documented}:22",
            self.address: self.documented,
            f"port {self.port}": "port 22",
        }


class Stage(msgspec.Struct, frozen=True):
    """Where commands are typed: a directory with an inventory, a home, and a place on the hosts that is root's."""

    account: Account
    machines: tuple[Machine, ...]
    fleet: Path
    home: Path
    far: Path

    def real(self, text: str) -> str:
        """A text of the document, for the machines and the user that there are."""
        for machine in self.machines:
            text = machine.put_into(text)
        text = re.sub(r"(?<!\S)/etc/", f"{self.far}/etc/", text)
        return re.sub(r"(?<![\w/])deploy(?=[@\n])", self.account.user, text)

    @property
    def written(self) -> dict[str, str]:
        told = {str(self.home): "~", str(self.far): "", self.account.user: "deploy"}
        for machine in self.machines:
            told |= machine.written
        return told

    def typed(self, said: str) -> str:
        return said.format(password=self.account.password)

    def type(self, command: str, answers: Mapping[str, str]) -> tuple[str, int]:
        """Type it into a shell, at a terminal where there are questions to answer.

        Returns: what was said, and the exit code.
        """
        line = self.real(command)
        if line.startswith("fleetctl inventory show"):
            line += " -F ~/.ssh/config"  # what this machine's says of all hosts is no part of the document
        variables = environment(self.home) | {"EDITOR": "true"}
        if not answers:
            done = type_command(line, self.fleet, variables)
            return done.stdout, done.returncode
        with start_on_terminal(["/bin/sh", "-c", line], variables, self.fleet, 120, 40) as running:
            for question, answer in answers.items():
                running.wait_for(question)
                running.type(f"{answer}\n")
            ran = running.finish()
        return ran.stdout, ran.exit_code


@pytest.fixture(scope="module")
def machines(deputy: Account, client_keys: KeySet, host_keys: KeySet) -> Iterator[tuple[Machine, ...]]:
    with ExitStack() as stack:
        start = SshdStarter(deputy, client_keys, host_keys, stack)
        gate, inside = start(), start()
        behind = (Machine(documented, address, inside.port) for documented, address in BEHIND.items())
        yield (Machine(*GATE, gate.port), *behind)


@pytest.fixture
def stage(
    deputy: Account, machines: tuple[Machine, ...], client_keys: KeySet, host_keys: KeySet, tmp_path: Path, far: Path
) -> Stage:
    made = Stage(deputy, machines, tmp_path / "fleet", tmp_path / "home", far)
    inventory, config = blocks(ROOT / DOCUMENT, "yaml")[0], blocks(ROOT / DOCUMENT, "sshconfig")[0]
    known = (f"[{one.address}]:{one.port} {host_keys.public('ed25519')}\n" for one in machines)
    plant(made.fleet, {"inventory.yaml": made.real(inventory), "app.conf": "port = 8080\n"})
    plant(far, {"etc/app.conf": "port = 80\n"})
    plant(made.home, {".ssh/config": made.real(config), ".ssh/known_hosts": "".join(known)})
    (made.home / ".ssh/config").chmod(0o600)
    shutil.copy(client_keys.path("ed25519"), made.home / KEY)
    plant(made.home, {f"{KEY}.pub": client_keys.public("ed25519"), "team/ada.pub": client_keys.public("rsa")})
    vault = Vault(VaultPlace(made.home / ".config/fleetctl/vault.age"), None)
    secrets = {"old/deploy": Secret("of last year"), "db01/sudo": Secret(deputy.password)}
    assert vault.make(Lock((client_keys.public("ed25519"),)), secrets)
    return made


@pytest.fixture
def sudo_for(sudoers: Sudoers) -> Callable[[str], None]:
    """Lets the deputy use sudo as a command of the document expects it."""
    return lambda command: sudoers(WITH_PASSWORD if re.search(r" -K\b|db01", command) else WITHOUT)


EXAMPLES = [*shown((DOCUMENT,)), *(one for one in shown(ON_A_FLEET) if needs_real_servers(one.values[1]))]


@pytest.mark.parametrize(("document", "example"), EXAMPLES)
def test_what_is_shown_of_ways_in_works(
    stage: Stage, sudo_for: Callable[[str], None], document: str, example: Example
) -> None:
    sudo_for(example.command)
    answers = {question: stage.typed(said) for question, said in ANSWERS.get(example.command, {}).items()}
    answer, exit_code = stage.type(example.command, answers)
    check(answer, exit_code, example, 0, stage.written, BLURRED)


@pytest.mark.parametrize("text", blocks(ROOT / DOCUMENT, "yaml"))
def test_every_inventory_that_is_shown_is_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "inventory.yaml").write_text(text)
    load([tmp_path / "inventory.yaml"])
