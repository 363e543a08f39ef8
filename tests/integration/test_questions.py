"""Servers that ask at login: who answers what, and what is said when nobody can."""

from __future__ import annotations

import threading
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
import yaml

from tests.support import broken
from tests.support.account import Account
from tests.support.fleetctl import Fleetctl
from tests.support.interrogators import asks, hangs_up_after_asking, wants_a_new_password
from tests.support.keys import KeySet
from tests.support.secrecy import keep, secret
from tests.support.sshd import SshdStarter

PASSWORD = secret("password of ada")
CODE = keep("one-time code", token_hex(5))

_PASSWORD = ("Password: ", False, PASSWORD)
_CODE = ("Verification code: ", False, CODE)


def _inventory(directory: Path, port: int, hosts: int = 1, **settings: Any) -> Path:
    one = {"address": "127.0.0.1", "port": port, "host_key_policy": "off", "user": "ada", "keys": [], "agent": False}
    path = directory / "inventory.yaml"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump({"defaults": settings, "hosts": {f"q{n}": one for n in range(1, hosts + 1)}}))
    return path


def test_a_password_that_is_asked_for_is_answered_from_the_login(
    fleetctl: Fleetctl, start_sshd: SshdStarter, tmp_path: Path, password_login: Account
) -> None:
    server = start_sshd("UsePAM yes", "KbdInteractiveAuthentication yes", "PasswordAuthentication no")
    inventory = server.inventory(tmp_path, 3, keys=[], password={"env": "LOGIN"})
    ran = fleetctl("run", "-i", inventory, "true", env={"LOGIN": password_login.password})
    assert ran.exit_code == 0, ran.stderr
    assert server.log.count("Accepted keyboard-interactive/pam") == 3


def test_a_wrong_password_that_is_asked_for_stops_the_others_too(
    fleetctl: Fleetctl, start_sshd: SshdStarter, tmp_path: Path, password_login: Account
) -> None:
    server = start_sshd("UsePAM yes", "KbdInteractiveAuthentication yes")
    inventory = server.inventory(tmp_path, 5, keys=[], password=secret("wrong password"))
    ran = fleetctl("run", "-i", inventory, "-o", "json", "true")
    assert sorted(host["status"] for host in ran.json["hosts"]) == ["denied", *["skipped"] * 4]
    assert server.log.count("PAM: Authentication failure") == 1
    assert "Failed password" not in server.log


@pytest.mark.parametrize("settings", [{}, {"password": PASSWORD}], ids=["alone", "beside the password"])
def test_a_wrong_answer_that_all_hosts_share_is_given_to_one(
    fleetctl: Fleetctl, tmp_path: Path, settings: dict[str, Any]
) -> None:
    heard: list[list[str]] = []
    with broken.server(asks([[_PASSWORD, _PASSWORD]], heard)) as port:
        inventory = _inventory(tmp_path, port, 5, answers={"password": {"env": "ANSWER"}}, **settings)
        ran = fleetctl("run", "-i", inventory, "-o", "json", "true", env={"ANSWER": "not it"})
    assert sorted(host["status"] for host in ran.json["hosts"]) == ["denied", *["skipped"] * 4]
    assert heard == [["not it", "not it"]]


def test_an_answer_that_all_hosts_share_lets_into_all(fleetctl: Fleetctl, tmp_path: Path) -> None:
    with broken.server(asks([[_PASSWORD], [_CODE]], [])) as port:
        answers = {"code": {"env": "ANSWER"}}
        inventory = _inventory(tmp_path, port, 5, password=PASSWORD, answers=answers)
        ran = fleetctl("run", "-i", inventory, "true", env={"ANSWER": CODE})
    assert ran.exit_code == 0, ran.stderr


def test_a_key_and_a_password_asked_for_may_both_be_required(
    fleetctl: Fleetctl, start_sshd: SshdStarter, tmp_path: Path, password_login: Account
) -> None:
    server = start_sshd(
        "UsePAM yes", "KbdInteractiveAuthentication yes", "AuthenticationMethods publickey,keyboard-interactive"
    )
    inventory = server.inventory(tmp_path, 2, password={"env": "LOGIN"})
    ran = fleetctl("run", "-i", inventory, "true", env={"LOGIN": password_login.password})
    assert ran.exit_code == 0, ran.stderr


def test_password_and_code_are_told_apart_in_one_round_and_in_two(fleetctl: Fleetctl, tmp_path: Path) -> None:
    for rounds in ([[_PASSWORD, _CODE]], [[_PASSWORD], [_CODE]], [[_CODE], [_PASSWORD]]):
        heard: list[list[str]] = []
        with broken.server(asks(rounds, heard)) as port:
            answers = {"code": {"command": ["echo", CODE]}}
            inventory = _inventory(tmp_path, port, password=PASSWORD, answers=answers)
            ran = fleetctl("run", "-i", inventory, "echo hi")
        assert ran.exit_code == 0, ran.stderr
        assert heard == [[right for _, _, right in asked] for asked in rounds]


def test_a_round_without_questions_is_answered_with_nothing(fleetctl: Fleetctl, tmp_path: Path) -> None:
    heard: list[list[str]] = []
    with broken.server(asks([[], [_PASSWORD], []], heard)) as port:
        ran = fleetctl("run", "-i", _inventory(tmp_path, port, password=PASSWORD), "echo hi")
    assert ran.exit_code == 0, ran.stderr
    assert heard == [[], [PASSWORD], []]


def test_a_code_is_fetched_anew_for_each_host(fleetctl: Fleetctl, tmp_path: Path) -> None:
    counter = tmp_path / "asked"
    script = tmp_path / "code"
    script.write_text(f"#!/bin/sh\necho asked >> {counter}\necho {CODE}\n")
    script.chmod(0o700)
    with broken.server(asks([[_CODE]], [])) as port:
        inventory = _inventory(tmp_path, port, 4, answers={"code": {"command": ["./code"]}})
        ran = fleetctl("run", "-i", inventory, "echo hi")
    assert ran.exit_code == 0, ran.stderr
    assert counter.read_text() == "asked\n" * 4


def test_a_command_that_fails_is_told_by_its_stderr_and_never_by_its_stdout(fleetctl: Fleetctl, tmp_path: Path) -> None:
    failing = ["sh", "-c", f"echo {CODE}; echo no token here >&2; exit 3"]
    with broken.server(asks([[_CODE]], [])) as port:
        inventory = _inventory(tmp_path, port, answers={"code": {"command": failing}})
        ran = fleetctl("run", "-i", inventory, "echo hi")
    assert ran.exit_code == 3
    assert "no answer to 'Verification code:': exit code 3: no token here" in ran.stderr
    assert CODE not in ran.stdout + ran.stderr


def test_where_nobody_can_be_asked_the_question_is_told(fleetctl: Fleetctl, tmp_path: Path) -> None:
    with broken.server(asks([[_PASSWORD], [_CODE]], [])) as port:
        ran = fleetctl("run", "-i", _inventory(tmp_path, port, password=PASSWORD), "echo hi")
        assert ran.exit_code == 3
        assert "no answer to 'Verification code:': there is nobody to ask" in ran.stderr
        assert "answers: {'Verification code': {command: [...]}}" in ran.stderr
        ran = fleetctl("run", "-i", _inventory(tmp_path, port), "echo hi")
        assert "no answer to 'Password:': no password is given" in ran.stderr


def test_a_wrong_code_is_not_told_to_be_a_wrong_password(fleetctl: Fleetctl, tmp_path: Path) -> None:
    with broken.server(asks([[_PASSWORD], [_CODE]], [])) as port:
        answers = {"code": {"command": ["echo", "000000"]}}
        inventory = _inventory(tmp_path, port, password=PASSWORD, answers=answers)
        ran = fleetctl("run", "-i", inventory, "-o", "json", "echo hi")
    error = ran.json["hosts"][0]["error"]
    assert error["facts"]["offered"] == ["answers to 'Password:', 'Verification code:', the password among them"]
    assert "one of the answers was refused" in error["hint"]


def test_a_code_is_asked_for_once_per_host_on_the_terminal(
    fleetctl: Fleetctl, tmp_path: Path, client_keys: KeySet
) -> None:
    heard: list[list[str]] = []
    text = "Token\x1b[2J of the day"
    with broken.server(asks([[_CODE]], heard, text=text, after_key=True)) as port:
        inventory = _inventory(tmp_path, port, 2)
        key = client_keys.path("ed25519")
        with fleetctl.on_terminal("run", "-i", inventory, "--key", key, "-o", "table", "echo hi") as running:
            running.wait_for_match(r"q\d: Token of the day\r?\nq\d: Verification code: ")
            running.type(f"{CODE}\n")
            running.wait_for_match(r"(?s)Verification code: .*Verification code: ")
            running.type(f"{CODE}\n")
            ran = running.finish()
    assert ran.exit_code == 0, ran.stdout
    assert heard == [[CODE], [CODE]]
    assert CODE not in ran.stdout
    assert "\x1b[2J" not in ran.stdout


def test_an_answer_that_may_be_seen_is_shown_as_it_is_typed(fleetctl: Fleetctl, tmp_path: Path) -> None:
    with (
        broken.server(asks([[("Colour: ", True, "blue")]], [])) as port,
        fleetctl.on_terminal("run", "-i", _inventory(tmp_path, port), "-o", "table", "echo hi") as running,
    ):
        running.wait_for("q1: Colour: ")
        running.type("blue\n")
        ran = running.finish()
    assert ran.exit_code == 0, ran.stdout
    assert "Colour: blue" in ran.stdout


def test_the_time_for_a_login_stands_still_while_a_person_types(fleetctl: Fleetctl, tmp_path: Path) -> None:
    slow = ("run", "--login-timeout", "1", "-o", "table")
    with (
        broken.server(asks([[_CODE]], [])) as port,
        fleetctl.on_terminal(*slow, "-i", _inventory(tmp_path, port), "echo hi") as running,
    ):
        running.wait_for("Verification code: ")
        with pytest.raises(AssertionError, match="never said"):
            running.wait_for("timeout", 2.0)
        running.type(f"{CODE}\n")
        ran = running.finish()
    assert ran.exit_code == 0, ran.stdout


def test_control_c_ends_the_wait_for_an_answer(fleetctl: Fleetctl, tmp_path: Path) -> None:
    with (
        broken.server(asks([[_CODE]], [])) as port,
        fleetctl.on_terminal("run", "-i", _inventory(tmp_path, port, 2), "-o", "table", "echo hi") as running,
    ):
        running.wait_for("Verification code: ")
        running.type("\x03")
        ran = running.finish()
    assert ran.exit_code == 130


def test_a_server_that_does_not_wait_for_a_person_is_told(fleetctl: Fleetctl, tmp_path: Path) -> None:
    gone = threading.Event()
    with (
        broken.server(hangs_up_after_asking("Code: ", gone)) as port,
        fleetctl.on_terminal("run", "-i", _inventory(tmp_path, port), "-o", "table", "echo hi") as running,
    ):
        running.wait_for("q1: Code: ")
        assert gone.wait(20)
        running.type(f"{CODE}\n")
        ran = running.finish()
    assert ran.exit_code == 3
    assert "the server hung up before its question was answered" in ran.stdout


def test_questions_without_end_are_given_up(fleetctl: Fleetctl, tmp_path: Path) -> None:
    with broken.server(asks([[]] * 100, [])) as port:
        ran = fleetctl("run", "-i", _inventory(tmp_path, port, password="x"), "echo hi")
    assert ran.exit_code == 3
    assert "denied" in ran.stderr


def test_a_password_that_has_expired_is_called_that_and_not_wrong(fleetctl: Fleetctl, tmp_path: Path) -> None:
    with broken.server(wants_a_new_password) as port:
        ran = fleetctl("run", "-i", _inventory(tmp_path, port, 2, password=PASSWORD), "-o", "json", "true")
    for host in ran.json["hosts"]:
        assert host["status"] == "denied"
        assert "the password has expired" in host["error"]["message"]
