"""`fleetctl run` on a real sshd that plays fifty hosts: what a user types, and what comes back."""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
from collections import Counter
from pathlib import Path
from typing import IO

import pytest

from tests.support.fleetctl import Fleetctl
from tests.support.sshd import Sshd


@pytest.fixture
def fifty(sshd: Sshd, tmp_path: Path) -> Path:
    return sshd.inventory(tmp_path, 50)


@pytest.fixture
def one(sshd: Sshd, tmp_path: Path) -> Path:
    return sshd.inventory(tmp_path, 1)


def test_df_runs_on_every_host(fleetctl: Fleetctl, fifty: Path) -> None:
    ran = fleetctl("run", "-i", fifty, "df")
    assert ran.exit_code == 0, ran.stderr
    heads = [line for line in ran.stdout.splitlines() if "Filesystem" in line]
    assert Counter(line.split(":")[0] for line in heads) == Counter(f"h{n:03}" for n in range(1, 51))
    assert "50 ok" in ran.stderr


def test_options_end_at_the_first_word_of_the_command(fleetctl: Fleetctl, one: Path) -> None:
    ran = fleetctl("run", "-i", one, "-N", "ls", "-t", "-d", "/")
    assert (ran.stdout, ran.exit_code) == ("/\n", 0)


def test_the_words_are_joined_as_ssh_does(fleetctl: Fleetctl, one: Path) -> None:
    assert fleetctl("run", "-i", one, "-N", "echo", "a  b", "$HOME;", "echo", "c").stdout.endswith("c\n")
    assert fleetctl("run", "-i", one, "-N", "echo 'a  b'").stdout == "a  b\n"


def test_only_the_target_is_reached(fleetctl: Fleetctl, fifty: Path) -> None:
    ran = fleetctl("run", "-i", fifty, "-t", "h[001-003]", "-x", "h002", "echo", "hi")
    assert sorted(ran.stdout.splitlines()) == ["h001: hi", "h003: hi"]


def test_stdout_and_stderr_stay_apart(fleetctl: Fleetctl, one: Path) -> None:
    ran = fleetctl("run", "-q", "-i", one, "-N", "echo out; echo err >&2")
    assert ran.stdout == "out\n"
    assert "err\n" in ran.stderr


@pytest.mark.parametrize(("line", "code"), [("exit 0", 0), ("exit 7", 1), ("no-such-command", 1), ("kill -9 $$", 1)])
def test_the_exit_code_says_whether_all_is_well(fleetctl: Fleetctl, one: Path, line: str, code: int) -> None:
    assert fleetctl("run", "-i", one, line).exit_code == code


def test_largest_gives_the_hosts_own_exit_code(fleetctl: Fleetctl, fifty: Path) -> None:
    assert fleetctl("run", "-S", "-i", fifty, "-t", "h[001-005]", "exit 42").exit_code == 42


def test_a_command_that_is_not_there_is_told_with_its_code(fleetctl: Fleetctl, one: Path) -> None:
    ran = fleetctl("run", "-i", one, "-o", "json", "no-such-command")
    (host,) = ran.json["hosts"]
    assert (host["status"], host["exit_code"], host["error"]["code"]) == ("failed", 127, "command-not-found")
    assert "exit 127: command not found" in ran.stderr
    assert "in the PATH" in ran.stderr


def test_death_by_a_signal_is_told(fleetctl: Fleetctl, one: Path) -> None:
    ran = fleetctl("run", "-i", one, "-o", "json", "kill -9 $$")
    (host,) = ran.json["hosts"]
    assert (host["status"], host["signalled"], host["exit_code"]) == ("failed", True, None)
    assert host["error"]["hint"]
    assert "signal" in ran.stderr


def test_variables_and_directory_are_set_for_the_command(fleetctl: Fleetctl, one: Path) -> None:
    ran = fleetctl("run", "-i", one, "-N", "-e", "GREETING=it's me", "--cwd", "/usr", "echo $GREETING; pwd")
    assert ran.stdout == "it's me\n/usr\n"


def test_a_directory_that_is_missing_runs_nothing(fleetctl: Fleetctl, one: Path) -> None:
    ran = fleetctl("run", "-i", one, "-N", "--cwd", "/no/such/place", "echo one; echo two")
    assert (ran.stdout, ran.exit_code) == ("", 1)


def test_what_is_piped_in_reaches_every_host(fleetctl: Fleetctl, fifty: Path) -> None:
    data = "".join(f"line {n}\n" for n in range(20_000))
    ran = fleetctl("run", "-i", fifty, "-t", "h[001-010]", "cksum", stdin=data)
    sums = {line.split(": ")[1] for line in ran.stdout.splitlines()}
    assert len(ran.stdout.splitlines()) == 10
    assert len(sums) == 1
    assert sums.pop().split()[1] == str(len(data))


def test_a_file_may_be_the_stdin_of_every_host(fleetctl: Fleetctl, one: Path, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("from a file\n")
    assert fleetctl("run", "-i", one, "-N", "--stdin", tmp_path / "data", "cat").stdout == "from a file\n"


def test_stdin_can_be_left_alone(fleetctl: Fleetctl, one: Path) -> None:
    assert fleetctl("run", "-i", one, "-N", "-n", "cat", stdin="not for them\n").stdout == ""


def test_a_command_may_have_a_terminal(fleetctl: Fleetctl, one: Path) -> None:
    assert fleetctl("run", "-i", one, "-N", "--pty", "tty").stdout.startswith("/dev/")


def test_a_command_past_its_time_is_a_time_out(fleetctl: Fleetctl, fifty: Path) -> None:
    line = "echo begun; test $(hostname) = nobody || sleep 60"
    ran = fleetctl("run", "-i", fifty, "-t", "h[001-003]", "--timeout", "1s", "-o", "json", line)
    assert ran.exit_code == 3
    for host in ran.json["hosts"]:
        assert (host["status"], host["stdout"], host["remote_ended"]) == ("timeout", "begun\n", True)
        assert host["killed"]


def test_json_is_one_document_with_every_host(fleetctl: Fleetctl, fifty: Path) -> None:
    ran = fleetctl("run", "-i", fifty, "-o", "json", "echo hi")
    assert {host["host"]: host["stdout"] for host in ran.json["hosts"]} == {f"h{n:03}": "hi\n" for n in range(1, 51)}
    assert ran.json["counts"] == {"ok": 50}


def test_ndjson_is_one_event_a_line(fleetctl: Fleetctl, one: Path) -> None:
    ran = fleetctl("run", "-i", one, "-o", "ndjson", "echo hi")
    kinds = [event["type"] for event in ran.events]
    assert kinds == ["run_started", "host_started", "output", "host_finished", "run_finished"]
    assert [event["seq"] for event in ran.events] == list(range(5))


def test_output_that_is_no_text_is_not_lost(fleetctl: Fleetctl, one: Path, tmp_path: Path) -> None:
    ran = fleetctl("run", "-i", one, "--save", tmp_path / "out", "-N", r"printf 'a\000\377b\n'")
    assert ran.stdout_bytes == b"a\x00\xffb\n"
    assert (tmp_path / "out" / "h001.stdout").read_bytes() == b"a\x00\xffb\n"


def test_equal_outputs_are_folded(fleetctl: Fleetctl, fifty: Path) -> None:
    ran = fleetctl("run", "-b", "-i", fifty, "echo same")
    assert "h[001-050] (50)" in ran.stdout
    assert ran.stdout.count("same") == 1


def test_one_line_of_ten_megabytes_arrives_whole(fleetctl: Fleetctl, one: Path) -> None:
    ran = fleetctl("run", "-i", one, "-N", "head -c 10000000 /dev/zero | tr '\\0' x; echo")
    assert len(ran.stdout_bytes) == 10_000_001
    assert ran.exit_code == 0


def test_results_of_two_runs_do_not_mix_unseen(fleetctl: Fleetctl, one: Path, tmp_path: Path) -> None:
    kept = tmp_path / "out"
    assert fleetctl("run", "-i", one, "--save", kept, "true").exit_code == 0
    again = fleetctl("run", "-i", one, "--save", kept, "true")
    assert again.exit_code == 2
    assert "not empty" in again.stderr
    assert fleetctl("run", "-y", "-i", one, "--save", kept, "true").exit_code == 0


def test_a_dry_run_connects_to_nobody(fleetctl: Fleetctl, fifty: Path, sshd: Sshd) -> None:
    before = sshd.log
    ran = fleetctl("run", "--dry-run", "-i", fifty, "rm", "-rf", "/tmp/x")
    assert ran.exit_code == 0
    assert len(ran.stdout.splitlines()) == 50
    assert sshd.log == before


def test_hosts_need_no_inventory(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    known = sshd.known_hosts(tmp_path / "known", ["127.0.1.1", "127.0.1.2"])
    ran = fleetctl(
        "run", "-H", f"{sshd.user}@127.0.1.1:{sshd.port}", "-H", f"{sshd.user}@127.0.1.2:{sshd.port}",
        "--known-hosts", known, "--key", sshd.key(), "-o", "json", "echo", "hi",
    )  # fmt: skip
    assert [host["stdout"] for host in ran.json["hosts"]] == ["hi\n", "hi\n"], ran.stderr


def test_ping_tells_the_time_of_a_round_trip(fleetctl: Fleetctl, fifty: Path) -> None:
    ran = fleetctl("ping", "-i", fifty, "-o", "json")
    assert ran.exit_code == 0
    assert len(ran.json["hosts"]) == 50
    assert all(host["timings"]["round_trip"] > 0 for host in ran.json["hosts"])


def test_whoever_reads_our_output_may_go_away(fleetctl: Fleetctl, one: Path) -> None:
    with fleetctl.start("run", "-N", "-i", one, "yes") as running:
        running.wait_for("y\ny\n")
        running.stop_listening()
        assert running.finish().exit_code == 1


def test_errors_of_use_name_the_part_that_is_wrong(fleetctl: Fleetctl, fifty: Path) -> None:
    ran = fleetctl("run", "-i", fifty, "-t", "h001,h999", "df")
    assert ran.exit_code == 2
    assert "h999" in ran.stderr
    assert ran.stdout == ""


def test_json_output_of_one_host_can_be_parsed_by_anyone(fleetctl: Fleetctl, one: Path) -> None:
    ran = fleetctl("run", "-i", one, "-o", "json", r"printf 'ok\n'; printf '\377' >&2")
    (host,) = json.loads(ran.stdout)["hosts"]
    assert host["stdout"] == "ok\n"
    assert host["stderr_base64"] == "/w=="


def test_piped_stdin_is_read_on_from_where_it_stands(fleetctl: Fleetctl, one: Path, tmp_path: Path) -> None:
    (tmp_path / "lines").write_text("one\ntwo\nthree\n")
    with (tmp_path / "lines").open("rb", buffering=0) as lines:
        lines.read(4)
        done = _run_with(fleetctl, lines, one)
    assert done.stdout == b"two\nthree\n"


def test_a_socket_may_be_stdin(fleetctl: Fleetctl, one: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"through a socket\n")
        ours.shutdown(socket.SHUT_WR)
        assert _run_with(fleetctl, theirs.fileno(), one).stdout == b"through a socket\n"


def test_a_pipe_may_be_named_for_stdin(fleetctl: Fleetctl, one: Path) -> None:
    words = shlex.join(fleetctl.command(("run", "-N", "-i", one, "cat")))
    line = words.replace(" run ", " run --stdin <(echo piped) ", 1)
    done = subprocess.run(
        ["bash", "-c", line], env=fleetctl.environment(None), stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.stdout == b"piped\n", done.stderr


def test_a_dry_run_fetches_no_secret(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    inventory = sshd.inventory(tmp_path, 2, password={"command": ["touch", str(tmp_path / "fetched")]})
    assert fleetctl("run", "--dry-run", "-i", inventory, "true").exit_code == 0
    assert not (tmp_path / "fetched").exists()


def _run_with(fleetctl: Fleetctl, stdin: IO[bytes] | int, inventory: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        fleetctl.command(("run", "-N", "-i", inventory, "cat")),
        env=fleetctl.environment(None), stdin=stdin, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
