"""`fleetctl doctor`: the way to a host step by step, and what is said where it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import broken
from tests.support.account import Account
from tests.support.fleetctl import Fleetctl, own_mistakes
from tests.support.privileges import Sudoers
from tests.support.sshd import Sshd, SshdStarter

INSIDE = ["channel", "sftp"]
ALL = ["resolve", "connect", "banner", "key-exchange", "host-key", "login", *INSIDE]


class Examined:
    """What `--json` told."""

    def __init__(self, document: dict[str, Any], exit_code: int) -> None:
        self.document = document
        self.exit_code = exit_code
        self.steps: list[dict[str, Any]] = document["steps"]

    def step(self, name: str, machine: str = "") -> dict[str, Any]:
        (found,) = (s for s in self.steps if s["name"] == name and machine in {"", s["machine"]})
        return found

    def ends_at(self, name: str) -> dict[str, Any]:
        """The step at which it ended, when all before went well and none behind was reached."""
        place = [step["name"] for step in self.steps].index(name)
        assert {step["finding"] for step in self.steps[:place]} <= {"ok", "warning"}
        assert self.steps[place]["finding"] == "failed"
        assert {step["finding"] for step in self.steps[place + 1 :]} <= {"not-reached"}
        assert (self.exit_code, self.document["ok"]) == (3, False)
        assert self.document["hint"] == self.steps[place]["hint"]
        return self.steps[place]


@pytest.fixture
def examine(fleetctl: Fleetctl) -> Callable[..., Examined]:
    def run(*args: str | Path) -> Examined:
        ran = fleetctl("doctor", "--json", *args)
        assert ran.stderr == ""
        return Examined(ran.json, ran.exit_code)

    return run


def test_all_that_is_well_is_told_step_by_step(fleetctl: Fleetctl, one: Path, sshd: Sshd) -> None:
    ran = fleetctl("doctor", "-i", one, "h001")
    assert (ran.exit_code, ran.stderr) == (0, "")
    first, *lines = ran.stdout.splitlines()
    assert first == "h001"
    assert [line.split("ms")[0].split()[1] for line in lines if line[2] in "✔✘!·"] == [
        "resolve", "connect", "banner", "key", "host", "login", "channel", "sftp",
    ]  # fmt: skip
    assert "127.0.1.1 is an address" in ran.stdout
    assert f"127.0.1.1:{sshd.port} accepts connections" in ran.stdout
    assert "SSH-2.0-OpenSSH_" in ran.stdout
    assert f"as {sshd.user} by key {sshd.key()} (ssh-rsa SHA256:" in ran.stdout
    assert "the server takes publickey, password" in ran.stdout
    assert "it runs commands" in ran.stdout


def test_the_document_has_everything_for_programs(examine: Callable[..., Examined], one: Path, sshd: Sshd) -> None:
    examined = examine("-i", one, "h001")
    assert examined.exit_code == 0
    assert {key: examined.document[key] for key in ("schema", "host", "ok", "hint")} == {
        "schema": 1, "host": "h001", "ok": True, "hint": "",
    }  # fmt: skip
    assert [step["name"] for step in examined.steps] == ALL
    for step in examined.steps:
        assert step.keys() == {"machine", "name", "finding", "words", "seconds", "remarks", "hint", "code", "facts"}
        assert (step["machine"], step["finding"], step["code"]) == ("h001", "ok", "")
        assert 0 <= step["seconds"] < 30
    kex = examined.step("key-exchange")["facts"]
    assert kex["agreed"]["host_keys"] == "ssh-ed25519"
    assert kex["agreed"]["ciphers"] in kex["ours"]["ciphers"]
    assert kex["agreed"]["ciphers"] in kex["theirs"]["ciphers"]
    assert kex["strict"] is kex["theirs"]["strict"]
    assert examined.step("host-key")["facts"]["known"] == [f"{one.parent / 'known_hosts'}:1"]
    login = examined.step("login")["facts"]
    assert login["methods"] == ["publickey", "password"]
    assert (login["order"], login["refused"]) == ([login["accepted"]], [])
    sftp = examined.step("sftp")["facts"]
    assert sftp["version"] == 3
    assert "posix-rename@openssh.com" in sftp["extensions"]


def test_nothing_is_said_beside_the_document_when_it_fails(fleetctl: Fleetctl) -> None:
    ran = fleetctl("doctor", "--json", f"127.0.0.1:{broken.free_port()}")
    assert (ran.exit_code, ran.json["ok"], ran.stderr) == (3, False, "")


def test_on_a_terminal_each_step_has_its_colour(fleetctl: Fleetctl, one: Path) -> None:
    with fleetctl.on_terminal("doctor", "-i", one, "h001") as running:
        ran = running.finish()
    assert ran.exit_code == 0
    assert "\x1b[32m✔\x1b[0m login" in ran.stdout
    assert own_mistakes(ran.stdout) == []


def test_a_name_that_does_not_resolve(examine: Callable[..., Examined]) -> None:
    step = examine("no-such-host.invalid").ends_at("resolve")
    assert (step["code"], "check the spelling" in step["hint"]) == ("name-unknown", True)


def test_a_port_where_nothing_listens(examine: Callable[..., Examined]) -> None:
    step = examine(f"127.0.0.1:{broken.free_port()}").ends_at("connect")
    assert (step["code"], "is sshd running" in step["hint"]) == ("connection-refused", True)


@pytest.mark.parametrize(
    ("behave", "ends_at", "said"),
    [
        (broken.speaks_http, "banner", "not an SSH server; it said: HTTP/1.1 400"),
        (broken.closes, "banner", "closed the connection before its SSH banner"),
        (broken.silent, "banner", "no SSH banner came within 2 s"),
        (broken.speaks_ssh_1, "banner", "Incompatible version (1.5"),
        (broken.dies_in_key_exchange, "key-exchange", "the key exchange failed"),
        (broken.stalls_after_banner, "key-exchange", "the key exchange was not done within 2 s"),
        (
            broken.knows_no_algorithm,
            "key-exchange",
            "no key exchange in common: the server offers only made-up@example",
        ),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_what_is_no_sound_ssh_server_is_told_for_what_it_is(
    examine: Callable[..., Examined], behave: broken.Behave, ends_at: str, said: str
) -> None:
    with broken.server(behave) as port:
        step = examine("--login-timeout", "2", f"127.0.0.1:{port}").ends_at(ends_at)
    assert said in step["words"]
    assert step["hint"]


def test_a_host_key_that_is_not_known(examine: Callable[..., Examined], sshd: Sshd) -> None:
    step = examine(f"127.0.1.1:{sshd.port}").ends_at("host-key")
    assert step["code"] == "host-key-unknown"
    assert f"fleetctl trust -H 127.0.1.1:{sshd.port} 127.0.1.1" in step["hint"]


def test_a_host_of_the_inventory_is_trusted_as_such(examine: Callable[..., Examined], one: Path) -> None:
    step = examine("-i", one, "--known-hosts", "empty", "h001").ends_at("host-key")
    assert step["hint"].endswith(f"fleetctl trust -i {one} --known-hosts empty h001")


def test_a_host_key_that_has_changed(examine: Callable[..., Examined], sshd: Sshd, one: Path) -> None:
    (one.parent / "known_hosts").write_text(f"# old\n[127.0.1.1]:{sshd.port} {sshd.keys.public('ed25519')}\n")
    step = examine("-i", one, "h001").ends_at("host-key")
    assert step["code"] == "host-key-changed"
    assert step["facts"]["known"][0].endswith("known_hosts:2")


def test_a_host_key_that_is_revoked(examine: Callable[..., Examined], sshd: Sshd, one: Path) -> None:
    known = one.parent / "known_hosts"
    known.write_text(f"{known.read_text()}@revoked * {sshd.host_keys.public('ed25519')}\n")
    assert examine("-i", one, "h001").ends_at("host-key")["code"] == "host-key-revoked"


def test_a_new_host_key_is_not_written_down_even_where_a_run_would(
    examine: Callable[..., Examined], sshd: Sshd, one: Path
) -> None:
    known = one.parent / "known_hosts"
    known.write_text("")
    examined = examine("-i", one, "--host-key-policy", "accept-new", "h001")
    step = examined.step("host-key")
    assert (examined.exit_code, step["finding"]) == (0, "warning")
    assert f"is not known; a run writes it to {known} (policy accept-new)" in step["words"]
    assert known.read_text() == ""


def test_a_policy_that_looks_at_no_key_is_told(examine: Callable[..., Examined], sshd: Sshd, one: Path) -> None:
    (one.parent / "known_hosts").write_text(f"[127.0.1.1]:{sshd.port} {sshd.keys.public('ed25519')}\n")
    step = examine("-i", one, "--host-key-policy", "off", "h001").step("host-key")
    assert step["finding"] == "warning"
    assert "HAS CHANGED" in step["words"]
    assert "a run takes it all the same (policy off)" in step["words"]


def test_no_key_of_ours_is_taken(examine: Callable[..., Examined], sshd: Sshd, tmp_path: Path) -> None:
    keys = [str(sshd.key("stranger")), str(sshd.key("rsa-encrypted")), str(tmp_path / "nowhere")]
    step = examine("-i", sshd.inventory(tmp_path, 1, keys=keys), "h001").ends_at("login")
    assert step["code"] == "denied"
    assert "the server takes publickey, password" in step["words"]
    facts = step["facts"]
    assert [str(sshd.key("stranger")) in name for name in facts["offered"]] == [True]
    assert len(facts["unusable"]) == 2
    assert "is encrypted and no passphrase is given" in facts["unusable"][0]


def test_what_was_refused_before_something_was_accepted_is_told_in_order(
    examine: Callable[..., Examined], sshd: Sshd, tmp_path: Path, password_login: Account
) -> None:
    keys = [str(sshd.key("stranger")), str(sshd.key("rsa-encrypted"))]
    inventory = sshd.inventory(tmp_path, 1, keys=keys, password=sshd.password)
    step = examine("-i", inventory, "h001").step("login")
    assert step["words"] == f"as {sshd.user} by password"
    assert [remark.split(":")[0] for remark in step["remarks"]] == [
        "the server takes publickey, password", "offered in this order", "refused before", "not offered",
    ]  # fmt: skip
    assert [name.split()[0] for name in step["facts"]["order"]] == ["key", "password"]
    assert sshd.password not in str(step)


def test_a_server_that_takes_passwords_only(
    examine: Callable[..., Examined], start_sshd: SshdStarter, tmp_path: Path, password_login: Account
) -> None:
    server = start_sshd("PubkeyAuthentication no")
    step = examine("-i", server.inventory(tmp_path, 1), "h001").ends_at("login")
    assert step["facts"]["allowed"] == ["password"]
    assert "--ask-pass" in step["hint"]


@pytest.mark.parametrize(
    ("config", "said", "hint"),
    [
        (
            "Ciphers aes256-cbc",
            "no cipher in common: the server offers only aes256-cbc (CBC mode, whose packets can be tampered with)",
            "`ciphers: [+aes256-cbc]`",
        ),
        (
            "HostKeyAlgorithms ssh-rsa",
            "the server offers only ssh-rsa (RSA signed with SHA-1, which can be forged",
            "update the server",
        ),
        ("KexAlgorithms diffie-hellman-group14-sha1", "no key exchange in common", "update the server"),
    ],
    ids=lambda value: value.split()[0],
)
def test_no_algorithm_in_common_is_told_in_plain_words(
    examine: Callable[..., Examined], start_sshd: SshdStarter, tmp_path: Path, config: str, said: str, hint: str
) -> None:
    step = examine("-i", start_sshd(config).inventory(tmp_path, 1), "h001").ends_at("key-exchange")
    assert step["code"] == "no-common-algorithm"
    assert said in step["words"]
    assert hint in step["hint"]
    assert step["facts"]["theirs"]["ciphers"]


def test_the_hint_about_an_algorithm_is_right(fleetctl: Fleetctl, start_sshd: SshdStarter, tmp_path: Path) -> None:
    inventory = start_sshd("Ciphers aes256-cbc").inventory(tmp_path, 1, ciphers=["+aes256-cbc"])
    assert fleetctl("doctor", "-i", inventory, "h001").exit_code == 0


def test_a_server_that_opens_no_session(
    examine: Callable[..., Examined], start_sshd: SshdStarter, tmp_path: Path
) -> None:
    step = examine("-i", start_sshd("MaxSessions 0").inventory(tmp_path, 1), "h001").ends_at("channel")
    assert (step["code"], "MaxSessions" in step["hint"]) == ("channel-refused", True)


def test_a_login_that_runs_no_commands(
    examine: Callable[..., Examined], start_sshd: SshdStarter, tmp_path: Path
) -> None:
    step = examine("-i", start_sshd("ForceCommand /bin/false").inventory(tmp_path, 1), "h001").ends_at("channel")
    assert step["words"] == "the command `true` ended with exit code 1"


def test_a_server_without_sftp(examine: Callable[..., Examined], start_sshd: SshdStarter, tmp_path: Path) -> None:
    command = 'ForceCommand case "$SSH_ORIGINAL_COMMAND" in true) true;; *) exit 1;; esac'
    step = examine("-i", start_sshd(command).inventory(tmp_path, 1), "h001").ends_at("sftp")
    assert (step["code"], "--via tar works without" in step["hint"]) == ("no-sftp", True)


def test_a_shell_that_talks_is_remarked(
    examine: Callable[..., Examined], start_sshd: SshdStarter, tmp_path: Path
) -> None:
    command = "ForceCommand echo Welcome; eval $SSH_ORIGINAL_COMMAND"
    step = examine("-i", start_sshd(command).inventory(tmp_path, 1), "h001").step("channel")
    assert step["remarks"] == ["its shell writes 8 bytes of its own beside the output of a command"]


def test_sudo_is_looked_at_where_it_is_wanted(
    examine: Callable[..., Examined], sudoers: Sudoers, deputy_sshd: Sshd, tmp_path: Path
) -> None:
    sudoers("{user} ALL=(ALL:ALL) NOPASSWD: ALL")
    inventory = deputy_sshd.inventory(tmp_path, 1)
    assert [step["name"] for step in examine("-i", inventory, "h001").steps] == ALL
    step = examine("-i", inventory, "-s", "h001").step("sudo")
    assert (step["finding"], step["words"]) == ("ok", f"sudo makes root of {deputy_sshd.user}")
    assert examine("-i", inventory, "--sudo-user", "daemon", "h001").step("sudo")["facts"]["who"] == "daemon"


def test_a_user_who_may_not_is_told(
    examine: Callable[..., Examined], sudoers: Sudoers, deputy_sshd: Sshd, tmp_path: Path
) -> None:
    sudoers("")
    inventory = deputy_sshd.inventory(tmp_path, 1, sudo=True, sudo_password=deputy_sshd.password)
    step = examine("-i", inventory, "h001").ends_at("sudo")
    assert step["code"] == "elevation-denied"
    assert step["hint"]
    assert deputy_sshd.password not in str(step)


def test_every_bastion_is_walked_to_first_and_logged_in_to_once(
    examine: Callable[..., Examined], start_sshd: SshdStarter, tmp_path: Path
) -> None:
    server = start_sshd()
    examined = examine("-i", server.inventory(tmp_path, 3), "-J", "h001,h002", "h003")
    assert examined.exit_code == 0
    behind = ALL[1:]
    assert [(step["machine"], step["name"]) for step in examined.steps] == [
        *(("h001", name) for name in ALL[:-2]),
        *(("h002", name) for name in behind[:-2]),
        *(("h003", name) for name in behind),
    ]
    assert examined.step("connect", "h003")["facts"]["through"] == ["h001", "h002"]
    assert server.log.count("Accepted publickey") == 3


def test_a_bastion_that_does_not_let_us_in_ends_the_walk(
    examine: Callable[..., Examined], sshd: Sshd, start_sshd: SshdStarter, tmp_path: Path
) -> None:
    gate = start_sshd("PubkeyAuthentication no")
    known = gate.known_hosts(tmp_path / "gate", ["127.0.2.1"])
    inventory = sshd.inventory(tmp_path, 1)
    files = ["--known-hosts", known]
    examined = examine("-i", inventory, *files, "-J", f"127.0.2.1:{gate.port}", "h001")
    login = examined.step("login", "127.0.2.1")
    assert login["finding"] == "failed"
    assert {step["finding"] for step in examined.steps if step["machine"] == "h001"} == {"not-reached"}


def test_a_bastion_that_forwards_nothing_is_told(
    examine: Callable[..., Examined], start_sshd: SshdStarter, tmp_path: Path
) -> None:
    inventory = start_sshd("AllowTcpForwarding no").inventory(tmp_path, 2)
    examined = examine("-i", inventory, "-J", "h001", "h002")
    step = examined.step("connect", "h002")
    assert step["finding"] == "failed"
    assert "AllowTcpForwarding" in step["hint"]


def test_what_a_server_says_cannot_act_on_the_terminal(fleetctl: Fleetctl) -> None:
    with broken.server(broken.speaks_http) as port:
        ran = fleetctl("doctor", f"127.0.0.1:{port}")
    assert "\x1b" not in ran.stdout


def test_one_host_is_wanted(fleetctl: Fleetctl, three: Path) -> None:
    ran = fleetctl("doctor", "-i", three, "h*")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "selects 3 hosts, and one is wanted" in ran.stderr


def test_ctrl_c_ends_it(fleetctl: Fleetctl) -> None:
    with broken.server(broken.silent) as port, fleetctl.on_terminal("doctor", f"127.0.0.1:{port}") as running:
        running.wait_for("accepts connections")
        running.type("\x03")
        ran = running.finish()
    assert ran.exit_code == 130
    assert "interrupted" in ran.stdout
    assert own_mistakes(ran.stdout) == []
