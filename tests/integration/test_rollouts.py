"""Batches, checks, budgets and deadlines, by the installed command on a real server."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path

import pytest

from tests.support.fleetctl import Fleetctl, Ran
from tests.support.sshd import Sshd


def unless_ill(far: Path) -> str:
    """Fails on a host whose address has a file there: all hosts are this machine."""
    return f"a=${{SSH_CONNECTION% *}}; test ! -e {far}/ill-${{a##* }} || {{ echo too ill; exit 7; }}"


def statuses(ran: Ran) -> Counter[str]:
    return Counter(event["outcome"]["status"] for event in ran.events if event["type"] == "host_finished")


def logins(sshd: Sshd) -> int:
    return sshd.log.count("Accepted publickey")


def go_on(ran: Ran) -> list[str]:
    """The words of the command that the last line gives, without `fleetctl`."""
    words = shlex.split(ran.stderr.splitlines()[-1].removeprefix("  go on with: "))
    assert words[0] == "fleetctl"
    return words[1:]


def test_a_check_that_fails_stops_the_rollout_and_the_command_at_its_end_goes_on_with_the_rest(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, far: Path
) -> None:
    inventory = sshd.inventory(tmp_path, 8)
    ill = far / f"ill-{sshd.addresses(8)[2]}"
    ill.touch()
    mark = f"echo x >> {far}/$$; echo done"
    before = logins(sshd)
    ran = fleetctl(
        "run", "--no-history", "-i", inventory, "-o", "ndjson", "--batch", "1,25%", "--check", unless_ill(far), mark
    )
    assert ran.exit_code == 4
    assert statuses(ran) == {"ok": 3, "skipped": 5}
    assert [event["hosts"] for event in ran.events if event["type"] == "batch_started"] == [["h001"], ["h002", "h003"]]
    checks = [(e["check"], list(e["unhealthy"])) for e in ran.events if e["type"] == "batch_finished"]
    assert checks == [("ok", []), ("failed", ["h003"])]
    assert ran.events[-1]["stopped"] == "the check after batch 2 failed"
    assert logins(sshd) - before == 3  # the check is made on the session that is there
    lines = ran.stderr.splitlines()
    assert lines[:4] == [
        "batch 1 of 5: 1 host", "check ok", "batch 2 of 5: 2 hosts", "check failed on h003: exit 7: too ill",
    ]  # fmt: skip
    assert "3 ok · 5 skipped — 8 hosts in" in ran.stderr
    assert "— stopped: the check after batch 2 failed" in ran.stderr

    ill.unlink()
    rest = fleetctl(*go_on(ran))
    assert rest.exit_code == 0
    assert [event["hosts"] for event in rest.events if event["type"] == "run_started"] == [
        [f"h{n:03}" for n in range(4, 9)]
    ]
    assert len(list(far.iterdir())) == 8


def test_the_budget_is_spent_by_what_fails_and_history_knows_who_is_first_the_next_time(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, far: Path
) -> None:
    inventory = sshd.inventory(tmp_path, 6)
    for address in sshd.addresses(6)[2:4]:
        (far / f"ill-{address}").touch()
    ran = fleetctl("run", "-i", inventory, "-f", "1", "--max-failures", "20%", "-o", "json", unless_ill(far))
    found = {host["host"]: host["status"] for host in ran.json["hosts"]}
    assert list(found.items()) == [
        ("h001", "ok"),
        ("h002", "ok"),
        ("h003", "failed"),
        ("h004", "failed"),
        ("h005", "skipped"),
        ("h006", "skipped"),
    ]
    assert (ran.exit_code, ran.json["run"]["stopped"], ran.json["batches"]) == (4, "2 hosts failed, and 1 may", [])
    assert go_on(ran) == ["rerun", ran.json["run"]["id"], "--unfinished"]
    rest = fleetctl(*go_on(ran))
    assert {host["host"]: host["status"] for host in rest.json["hosts"]} == {"h005": "ok", "h006": "ok"}

    dry = fleetctl(
        "run", "-i", inventory, "--order", "failed-first", "--batch", "2,50%", "--check", "false", "--dry-run", "id"
    )
    assert dry.exit_code == 0
    assert [line.split(":")[0] for line in dry.stdout.splitlines()] == [
        "h003", "h004", "h001", "h002", "h005", "h006",
    ]  # fmt: skip
    assert dry.stderr.splitlines()[:3] == ["batch 1 of 3: 2 hosts", "batch 2 of 3: 3 hosts", "batch 3 of 3: 1 host"]

    picked = fleetctl("ping", "-i", inventory, "--pick", "2", "--order", "random", "-o", "ndjson")
    assert len(picked.events[0]["hosts"]) == 2
    assert statuses(picked) == {"ok": 2}


def test_files_go_out_one_host_at_a_time_while_a_check_here_agrees(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, far: Path
) -> None:
    inventory = sshd.inventory(tmp_path, 4)
    (tmp_path / "motd").write_text("hello\n")
    check = f"echo looked >> {tmp_path}/looked; test $(wc -l < {tmp_path}/looked) -lt 2 || {{ echo enough; false; }}"
    ran = fleetctl(
        "put", "-i", inventory, "--serial", "--check", check, "--check-on", "local", tmp_path / "motd", far / "motd"
    )
    assert ran.exit_code == 4
    assert "batch 2 of 4: 1 host\n" in ran.stderr
    assert "check failed on local: exit 1: enough\n" in ran.stderr
    assert "2 ok · 2 skipped — 4 hosts" in ran.stderr
    assert (far / "motd").read_text() == "hello\n"


def test_between_batches_a_person_is_asked_and_may_stop(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    inventory = sshd.inventory(tmp_path, 3)
    words = ("run", "-i", inventory, "--serial", "--pause", "ask", "echo done")
    before = logins(sshd)
    nobody = fleetctl(*words)
    assert (nobody.exit_code, logins(sshd)) == (2, before)
    assert "--pause ask needs a terminal" in nobody.stderr
    with fleetctl.on_terminal(*words) as running:
        running.wait_for("batch 1 of 3 is done. Go on? [y/N]: ")
        running.type("perhaps\n")
        running.wait_for_match(r"(?s)batch 1 of 3 is done.*batch 1 of 3 is done. Go on\? \[y/N\]: ")
        running.type("y\n")
        running.wait_for("batch 2 of 3 is done. Go on? [y/N]: ")
        running.type("n\n")
        ran = running.finish()
    assert ran.exit_code == 4
    assert "stopped: nobody agreed to go on after batch 2" in ran.stdout
    assert logins(sshd) == before + 2

    with fleetctl.on_terminal(*words) as running:
        running.wait_for("Go on? [y/N]: ")
        running.type("\x03")  # who is asked has the screen: nothing could be told
        assert running.finish().exit_code == 130


def test_when_the_deadline_is_over_nothing_of_the_run_goes_on(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    inventory = sshd.inventory(tmp_path, 3)
    options = ("-f", "2", "--max-failures", "0", "--deadline", "1500ms", "-o", "json")
    ran = fleetctl("run", "-i", inventory, *options, "exec sleep 6461")
    assert ran.exit_code == 3
    found = Counter((host["status"], host["error"]["message"]) for host in ran.json["hosts"])
    why = "the deadline of 1.5s is over"
    assert found == {("timeout", why): 2, ("skipped", why): 1}
    assert (ran.json["run"]["cancelled"], ran.json["run"]["overdue"]) == (why, True)
    assert not [line for line in sshd.running() if "sleep 6461" in line]
    assert go_on(ran) == ["rerun", ran.json["run"]["id"], "--unfinished"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--serial", "--batch", "2"), "--serial is --batch 1"),
        (("--pause", "30s"), "--pause is between batches"),
        (("--check-on", "local"), "--check-on says where to check"),
        (("--batch", "0"), "is no hosts at all"),
        (("--max-failures", "many"), "neither a number nor a percentage"),
        (("--batch", "1", "--pause", "soon"), "is no span of time"),
    ],
)
def test_what_makes_no_sense_is_refused(fleetctl: Fleetctl, words: tuple[str, ...], told: str) -> None:
    ran = fleetctl("run", "-H", "nowhere.invalid", *words, "true")
    assert ran.exit_code == 2
    assert told in " ".join(ran.stderr.replace("│", " ").split())
