"""`fleetctl run --sudo` on a real sshd and a real sudo: what it allows, what it asks, and how it refuses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.account import Account
from tests.support.fleetctl import Fleetctl
from tests.support.privileges import Run, Sudoers, denial
from tests.support.secrecy import secret
from tests.support.sshd import Sshd

WRONG = secret("wrong password")

ALL = "{user} ALL=(ALL:ALL) ALL"
FREE = "{user} ALL=(ALL:ALL) NOPASSWD: ALL"


def test_a_password_is_given_where_it_is_asked_for(run: Run, sudoers: Sudoers) -> None:
    sudoers(ALL)
    ran = run("-s", "-N", "id -un; echo err >&2")
    assert (ran.stdout, ran.exit_code) == ("root\n", 0), ran.stderr
    assert "err\n" in ran.stderr
    assert "note" not in ran.stderr


@pytest.mark.parametrize("password", [None, "not even asked for"])
def test_no_password_is_sent_where_none_is_asked_for(run: Run, sudoers: Sudoers, password: str | None) -> None:
    sudoers(FREE)
    ran = run("-s", "-N", "cat; id -un", password=password, stdin=b"all of it\n")
    assert (ran.stdout, ran.exit_code) == ("all of it\nroot\n", 0), ran.stderr


def test_the_inventory_may_want_sudo_and_an_option_may_not(run: Run, sudoers: Sudoers) -> None:
    sudoers(ALL)
    assert run("-N", "id -un", sudo=True).stdout == "root\n"
    assert run("-N", "--no-sudo", "id -un", sudo=True).stdout.startswith("fleettest-deputy")


def test_another_user_can_be_named(run: Run, sudoers: Sudoers) -> None:
    sudoers(ALL)
    assert run("-N", "--sudo-user", "daemon", "id -un").stdout == "daemon\n"


def test_the_password_is_asked_for_once_for_all_hosts(
    fleetctl: Fleetctl, sudoers: Sudoers, deputy: Account, deputy_sshd: Sshd, tmp_path: Path
) -> None:
    sudoers(ALL)
    inventory = deputy_sshd.inventory(tmp_path, 5)
    with fleetctl.on_terminal("run", "-K", "-i", inventory, "-o", "table", "id -un") as running:
        running.wait_for("Sudo password")
        running.type(f"{deputy.password}\n")
        ran = running.finish()
    assert ran.exit_code == 0, ran.stdout
    assert ran.stdout.count("Sudo password") == 1
    assert ran.stdout.count("root") == 5
    assert deputy.password not in ran.stdout


def test_a_wrong_password_is_sent_once(run: Run, sudoers: Sudoers, deputy_sshd: Sshd) -> None:
    sudoers(ALL, "Defaults:{user} passwd_tries=3")
    ran = run("-s", "-o", "json", "id", password=WRONG)
    error = denial(ran)
    assert error["message"] == f"sudo rejected the password of {deputy_sshd.user}"
    assert ran.exit_code == 3
    assert WRONG not in ran.stdout + ran.stderr


def test_a_wrong_password_is_called_that_where_sudo_asks_only_once(run: Run, sudoers: Sudoers) -> None:
    sudoers(ALL, "Defaults:{user} passwd_tries=1")
    assert "rejected the password" in denial(run("-s", "-o", "json", "id", password=WRONG))["message"]


def test_a_password_that_is_asked_for_and_not_given_is_missed(run: Run, sudoers: Sudoers) -> None:
    sudoers(ALL)
    error = denial(run("-s", "-o", "json", "id", password=None))
    assert "and none is given" in error["message"]
    assert "-K" in error["hint"]


def test_who_is_not_in_sudoers_is_told_so(run: Run) -> None:
    error = denial(run("-s", "-o", "json", "id"))
    assert "sudo does not let fleettest-deputy" in error["message"]
    assert "sudoers" in error["hint"]


def test_a_command_that_is_not_allowed_is_told_and_its_quotation_is_not_taken_for_its_beginning(
    run: Run, sudoers: Sudoers
) -> None:
    sudoers("{user} ALL=(ALL) NOPASSWD: /usr/bin/true")
    assert "become root" in denial(run("-s", "-o", "json", "touch /tmp/x"))["message"]


def test_a_user_that_is_not_there_is_told(run: Run, sudoers: Sudoers) -> None:
    sudoers(ALL)
    error = denial(run("--sudo-user", "nobody-here", "-o", "json", "id"))
    assert error["message"] == "there is no user nobody-here for sudo"


def test_a_lecture_disturbs_nobody(run: Run, sudoers: Sudoers, tmp_path: Path) -> None:
    lecture = Path("/run") / f"fleettest-lecture-{os.getpid()}"
    lecture.write_text("Password: think before you type.\n[sudo] password for you: \n" * 20)
    try:
        sudoers(ALL, "Defaults:{user} lecture=always", f"Defaults:{{user}} lecture_file={lecture}")
        ran = run("-s", "-N", "id -un")
    finally:
        lecture.unlink()
    assert (ran.stdout, ran.exit_code) == ("root\n", 0), ran.stderr
    assert "think" not in ran.stderr


def test_a_terminal_is_given_where_sudo_demands_one_and_that_is_said(run: Run, sudoers: Sudoers) -> None:
    sudoers(ALL, "Defaults:{user} requiretty")
    ran = run("-s", "-N", "id -un; tty -s && echo a terminal; echo joined >&2; exit 3")
    assert ran.stdout == "root\njoined\n"
    assert "exit 3" in ran.stderr
    assert "sudo there wants a terminal" in ran.stderr
    assert run("-s", "-o", "json", "true").json["hosts"][0]["note"]


def test_text_is_typed_whole_on_a_terminal_that_sudo_demands(run: Run, sudoers: Sudoers) -> None:
    sudoers(ALL, "Defaults:{user} requiretty")
    text = "".join(f"line {number}\n" for number in range(20_000)).encode()
    assert run("-s", "-N", "cat", stdin=text + b"without an end").stdout_bytes == text + b"without an end"


def test_bytes_are_not_typed_on_a_terminal_that_sudo_demands(run: Run, sudoers: Sudoers) -> None:
    sudoers(ALL, "Defaults:{user} requiretty")
    ran = run("-s", "-N", "cat", stdin=b"\x03\x00")
    assert ran.exit_code == 1
    assert "no text of short lines" in ran.stderr


@pytest.mark.parametrize(
    "rules", [(ALL,), (FREE,), (ALL, "Defaults:{user} requiretty"), (ALL, "Defaults:{user} !use_pty")]
)
def test_a_terminal_can_be_asked_for(run: Run, sudoers: Sudoers, rules: tuple[str, ...]) -> None:
    sudoers(*rules)
    ran = run(
        "-s", "--pty", "-N", "tty -s <&1 && id -un; stty -a | grep -c ' echo '; read a; echo got $a", stdin=b"typed\n"
    )
    assert ran.exit_code == 0, ran.stderr
    lines = ran.stdout.replace("\r", "").splitlines()
    assert [line for line in lines if line != "typed"] == ["root", "1", "got typed"]


@pytest.mark.parametrize("rules", [(ALL,), (FREE,), (ALL, "Defaults:{user} !use_pty")])
def test_input_reaches_the_command_byte_by_byte(run: Run, sudoers: Sudoers, rules: tuple[str, ...]) -> None:
    sudoers(*rules)
    data = os.urandom(3_000_000) + b"\n"
    assert run("-s", "-N", "--raw", "cat", stdin=data).stdout_bytes == data


@pytest.mark.parametrize(
    ("line", "code"), [("exit 7", 7), ("no-such-command", 127), ("/etc/passwd", 126), ("sh -c 'kill -9 $$'", 137)]
)
def test_exit_codes_are_those_of_the_command(run: Run, sudoers: Sudoers, line: str, code: int) -> None:
    sudoers(ALL)
    (host,) = run("-s", "-o", "json", f"{line}; exit $?").json["hosts"]
    assert (host["status"], host["exit_code"]) == ("failed", code)


def test_death_by_a_signal_is_told(run: Run, sudoers: Sudoers) -> None:
    sudoers(ALL)
    (host,) = run("-s", "-o", "json", "kill -9 $$").json["hosts"]
    assert (host["status"], host.get("exit_code"), host["signalled"]) == ("failed", None, True)


def test_variables_and_directory_are_set_and_the_language_is_kept(run: Run, sudoers: Sudoers) -> None:
    sudoers(ALL)
    ran = run(
        "-s", "-N", "-e", "GREETING=it's me", "-e", "LC_ALL=C.UTF-8", "--cwd", "/usr", "echo $GREETING $LC_ALL; pwd"
    )
    assert ran.stdout == "it's me C.UTF-8\n/usr\n"
    assert run("-s", "-N", "echo ${LC_ALL-unset}").stdout == "unset\n"


@pytest.mark.parametrize(
    "line", ["echo 'a  b'; echo \"$((1+1))\"", "echo one\necho '!two' \\\n three", "printf '%s\\n' 'back\\slash'"]
)
def test_the_line_reaches_the_shell_as_it_is(run: Run, sudoers: Sudoers, line: str) -> None:
    sudoers(FREE)
    assert run("-s", "-N", line).stdout == run("-N", line).stdout != ""


def test_output_that_looks_like_the_dialogue_is_output(run: Run, sudoers: Sudoers) -> None:
    """The command finds our marks and our prompt in the command lines of its ancestors, and writes all of them."""
    sudoers(ALL)
    ancestors = "cat /proc/*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -a -o 'fleetctl-[0-9a-f]*'"
    marks = f"for m in $({ancestors}); do echo $m; echo $m >&2; done"
    line = f"{marks}; echo '[sudo] password for x: '; printf 'Password: '; cat"
    ran = run("-s", "-N", line, stdin=b"mine\n")
    assert ran.exit_code == 0
    assert ran.stdout.count("fleetctl-") >= 2
    assert ran.stdout.endswith("Password: mine\n")


def test_marks_that_are_forged_before_the_command_are_forgotten(run: Run, sudoers: Sudoers, deputy: Account) -> None:
    """Start-up files of the login talk before anything of ours."""
    sudoers(ALL)
    noise = Path(deputy.home, ".ssh")
    noise.mkdir(mode=0o755, exist_ok=True)
    rc = noise / "rc"
    rc.write_text("echo 'Password: '; echo '[sudo] password for me: ' >&2; echo 'Sorry, try again.' >&2\n")
    try:
        ran = run("-s", "-N", "id -un")
    finally:
        rc.unlink()
    assert (ran.stdout, ran.exit_code) == ("root\n", 0)


def test_a_dry_run_says_whose_rights_it_would_have(run: Run) -> None:
    ran = run("-s", "--dry-run", "-N", "id")
    assert ran.stdout.strip().endswith(", as root by sudo")


def test_a_ping_needs_no_rights(fleetctl: Fleetctl, deputy_sshd: Sshd, tmp_path: Path) -> None:
    inventory = deputy_sshd.inventory(tmp_path, 1, sudo=True)
    assert fleetctl("ping", "-i", inventory).exit_code == 0
