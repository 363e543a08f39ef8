"""Keys that an ssh-agent holds: which of them are offered, in what order, and what is said when none is taken."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.certificates import authority, copied
from tests.support.fleetctl import Fleetctl, Ran
from tests.support.sshd import Sshd, SshdStarter

Add = Callable[..., None]


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An empty ssh-agent. Yields: the variables that lead to it."""
    where = {"SSH_AUTH_SOCK": str(tmp_path / "agent")}
    process = subprocess.Popen(["ssh-agent", "-D", "-a", where["SSH_AUTH_SOCK"]], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield where
    process.terminate()
    process.wait(20)
    process.stdout.close()


@pytest.fixture
def add(agent: dict[str, str]) -> Add:
    def add(*keys: Path) -> None:
        subprocess.run(["ssh-add", "-q", *keys], env=os.environ | agent, check=True, timeout=60)

    return add


def _offered(ran: Ran) -> list[str]:
    (host,) = ran.json["hosts"]
    assert host["status"] == "denied"
    return list(host["error"]["facts"]["offered"])


def _strangers(directory: Path, count: int) -> list[Path]:
    paths = [directory / f"stranger{number}" for number in range(count)]
    for path in paths:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True, timeout=20)
    return paths


def test_of_fifty_keys_five_are_offered_and_the_rest_is_told(
    fleetctl: Fleetctl, start_sshd: SshdStarter, tmp_path: Path, agent: dict[str, str], add: Add
) -> None:
    server = start_sshd("MaxAuthTries 6")
    add(*_strangers(tmp_path, 50), server.key("ed25519"))
    ran = fleetctl("run", "-i", server.inventory(tmp_path, 1, keys=[], agent=True), "-o", "json", "true", env=agent)
    assert len(_offered(ran)) == 5
    error = ran.json["hosts"][0]["error"]
    assert "46 further keys were not tried" in error["message"]
    assert "--key" in error["hint"]


@pytest.mark.parametrize("named", ["ed25519", "ed25519.pub"])
def test_a_key_that_is_named_comes_first_though_only_the_agent_has_it(
    fleetctl: Fleetctl, start_sshd: SshdStarter, tmp_path: Path, agent: dict[str, str], add: Add, named: str
) -> None:
    server = start_sshd("MaxAuthTries 2")
    add(*_strangers(tmp_path, 20), server.key("ed25519"))
    public = tmp_path / "ed25519.pub"
    public.write_text(server.keys.public("ed25519"))
    inventory = server.inventory(tmp_path, 2, keys=[str(tmp_path / named)], agent=True)
    ran = fleetctl("run", "-i", inventory, "true", env=agent)
    assert ran.exit_code == 0, ran.stderr


def test_an_encrypted_key_needs_no_passphrase_when_the_agent_has_it(
    fleetctl: Fleetctl, start_sshd: SshdStarter, tmp_path: Path, agent: dict[str, str], add: Add
) -> None:
    server = start_sshd("MaxAuthTries 2")
    add(*_strangers(tmp_path, 7), server.key("rsa"))
    inventory = server.inventory(tmp_path, 2, keys=[str(server.key("rsa-encrypted"))], agent=True)
    ran = fleetctl("run", "-i", inventory, "true", env=agent)
    assert ran.exit_code == 0, ran.stderr


def test_of_the_agents_keys_only_those_named_are_offered_when_the_user_says_so(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, agent: dict[str, str], add: Add
) -> None:
    strangers = _strangers(tmp_path, 3)
    add(*strangers, sshd.key("ed25519"))
    strangers[1].unlink()
    settings = {"keys": [str(strangers[1])], "agent": True, "identities_only": True}
    ran = fleetctl("run", "-i", sshd.inventory(tmp_path, 1, **settings), "-o", "json", "true", env=agent)
    (offered,) = _offered(ran)
    assert str(strangers[1]) in offered


@pytest.mark.parametrize("kind", ["rsa", "ed25519", "ecdsa"])
def test_a_certificate_in_the_agent_logs_in(
    fleetctl: Fleetctl, start_sshd: SshdStarter, tmp_path: Path, agent: dict[str, str], add: Add, kind: str
) -> None:
    ca = authority(tmp_path)
    server = start_sshd(f"TrustedUserCAKeys {ca.public_file}", "AuthorizedKeysFile none")
    key = copied(server.key(kind), tmp_path / "keys")
    ca.certify(key, [server.user])
    add(key)
    ran = fleetctl("run", "-i", server.inventory(tmp_path, 2, keys=[], agent=True), "true", env=agent)
    assert ran.exit_code == 0, ran.stderr


def test_a_certificate_in_a_file_goes_with_its_key_in_the_agent(
    fleetctl: Fleetctl, start_sshd: SshdStarter, tmp_path: Path, agent: dict[str, str], add: Add
) -> None:
    ca = authority(tmp_path)
    server = start_sshd(f"TrustedUserCAKeys {ca.public_file}", "AuthorizedKeysFile none", "MaxAuthTries 2")
    key = copied(server.key("rsa"), tmp_path / "keys")
    certificate = ca.certify(key, [server.user], into=tmp_path / "certificate.pub")
    add(*_strangers(tmp_path, 9), key)
    inventory = server.inventory(
        tmp_path, 2, keys=[], agent=True, certificates=[str(certificate)], identities_only=True
    )
    ran = fleetctl("run", "-i", inventory, "true", env=agent)
    assert ran.exit_code == 0, ran.stderr


@pytest.mark.parametrize(
    ("socket", "told"),
    [("", "SSH_AUTH_SOCK is not set"), ("gone", "no such file"), ("dead", "connection refused")],
)
def test_an_agent_that_is_not_there_is_told_and_the_other_ways_go_on(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, socket: str, told: str
) -> None:
    if socket == "dead":
        with subprocess.Popen(["ssh-agent", "-D", "-a", tmp_path / "dead"], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.kill()
    where = {"SSH_AUTH_SOCK": str(tmp_path / socket)} if socket else {}
    assert fleetctl("run", "-i", sshd.inventory(tmp_path, 2, agent=True), "true", env=where).exit_code == 0
    inventory = sshd.inventory(tmp_path, 1, keys=[str(sshd.key("stranger"))], agent=True)
    ran = fleetctl("run", "-i", inventory, "-o", "json", "true", env=where)
    assert told in ran.json["hosts"][0]["error"]["message"]


def test_a_forwarded_agent_lists_its_keys_there_and_signs_with_them(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, far: Path, agent: dict[str, str], add: Add
) -> None:
    add(sshd.key("ed25519"), sshd.key("rsa"))
    inventory = sshd.inventory(tmp_path, 5)
    (far / "key.pub").write_text(sshd.keys.public("rsa"))
    signs = f"ssh-add -l && ssh-add -T {far}/key.pub"
    ran = fleetctl("run", "-i", inventory, "--forward-agent", signs, env=agent)
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("(ED25519)") == 5
    assert ran.stderr.count("agent forwarded to 5 hosts: root there can use your keys") == 1


def test_an_agent_is_forwarded_only_when_that_is_asked_for(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, agent: dict[str, str], add: Add
) -> None:
    add(sshd.key("ed25519"))
    ran = fleetctl("run", "-i", sshd.inventory(tmp_path, 1), "ssh-add -l", env=agent)
    assert ran.exit_code == 1
    assert "Could not open a connection to your authentication agent" in ran.stdout + ran.stderr
    ran = fleetctl("run", "-i", sshd.inventory(tmp_path, 1, forward_agent=True), "ssh-add -l", env=agent)
    assert ran.exit_code == 0
    assert "forwarded to 1 host:" in ran.stderr


def test_a_terminal_has_the_forwarded_agent_too(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, agent: dict[str, str], add: Add
) -> None:
    add(sshd.key("ed25519"))
    ran = fleetctl("ssh", "-i", sshd.inventory(tmp_path, 1), "--forward-agent", "h001", "ssh-add -l", env=agent)
    assert ran.exit_code == 0, ran.stderr
    assert "(ED25519)" in ran.stdout


def test_a_forwarded_agent_cannot_be_emptied_from_there(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, agent: dict[str, str], add: Add
) -> None:
    add(sshd.key("ed25519"))
    ran = fleetctl("run", "-i", sshd.inventory(tmp_path, 1), "--forward-agent", "ssh-add -D; ssh-add -l", env=agent)
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    assert "(ED25519)" in ran.stdout


def test_a_forwarded_agent_is_gone_when_the_command_is(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, agent: dict[str, str], add: Add
) -> None:
    """What stays behind in the background holds a link open, and must not hold up the run."""
    add(sshd.key("ed25519"))
    hold = 'python3 -c \'import os, socket; s = socket.socket(socket.AF_UNIX); s.connect(os.environ["SSH_AUTH_SOCK"])'
    hold += '; print("held", flush=True); os.fork() or s.recv(1)\''
    line = f"({hold} </dev/null >/dev/null 2>&1 &) ; ssh-add -l"
    ran = fleetctl("run", "-i", sshd.inventory(tmp_path, 2), "--forward-agent", line, env=agent, timeout=30)
    assert ran.exit_code == 0, ran.stdout + ran.stderr


def test_more_links_than_are_borne_are_refused_and_the_others_work(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, agent: dict[str, str], add: Add
) -> None:
    add(sshd.key("ed25519"))
    script = (
        "import os, socket\n"
        "links = []\n"
        "answered = 0\n"
        "for _ in range(20):\n"
        "    s = socket.socket(socket.AF_UNIX)\n"
        "    s.settimeout(10)\n"
        "    s.connect(os.environ['SSH_AUTH_SOCK'])\n"
        "    links.append(s)\n"
        "for s in links:\n"
        "    try:\n"
        "        s.sendall(b'\\0\\0\\0\\1\\x0b')\n"
        "        answered += s.recv(4) != b''\n"
        "    except OSError:\n"
        "        pass\n"
        "print('answered', answered)\n"
    )
    ran = fleetctl("run", "-i", sshd.inventory(tmp_path, 1), "--forward-agent", f'python3 -c "{script}"', env=agent)
    assert "answered 8" in ran.stdout, ran.stdout + ran.stderr


def test_where_there_is_no_agent_to_forward_that_is_said(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    ran = fleetctl("run", "-i", sshd.inventory(tmp_path, 1), "--forward-agent", "true")
    assert ran.exit_code == 0
    assert "there is no ssh-agent to forward" in ran.stderr


@pytest.fixture
def alias(sshd: Sshd, tmp_path: Path, agent: dict[str, str]) -> Path:
    """An ssh_config whose host `web` has an agent of its own."""
    known = sshd.known_hosts(tmp_path / "known", ["127.0.1.1"], ("ed25519",))
    path = tmp_path / "ssh_config"
    path.write_text(
        f"Host web\n HostName 127.0.1.1\n Port {sshd.port}\n User {sshd.user}\n UserKnownHostsFile {known}\n"
        f" IdentityAgent {agent['SSH_AUTH_SOCK']}\n IdentityFile {sshd.keys.path('ed25519.pub')}\n"
    )
    return path


def test_the_agent_that_ssh_config_names_is_used_and_forwarded(
    fleetctl: Fleetctl, sshd: Sshd, alias: Path, add: Add
) -> None:
    add(sshd.key("stranger"), sshd.key("ed25519"))
    ran = fleetctl("run", "-F", alias, "-H", "web", "--forward-agent", "ssh-add -l")
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("(ED25519)") == 2
    assert "agent forwarded to 1 host: root there can use your keys" in ran.stderr
    assert f"key {sshd.keys.path('ed25519.pub')} of the agent" in fleetctl("doctor", "-F", alias, "web").stdout


def test_an_agent_that_ssh_config_names_and_that_is_not_there_is_told(fleetctl: Fleetctl, alias: Path) -> None:
    alias.write_text(alias.read_text().replace("IdentityAgent ", "IdentityAgent /nowhere"))
    ran = fleetctl("run", "-F", alias, "-H", "web", "true")
    assert ran.exit_code == 3
    assert "cannot use the ssh-agent: no such file or directory (/nowhere/" in ran.stderr
