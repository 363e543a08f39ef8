"""Going on with a run: on what is left, as often as it takes, and by names that earlier runs give to hosts."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.support.fleetctl import Fleetctl, Ran
from tests.support.secrecy import secret
from tests.support.sshd import Sshd

HUSH = secret("token given again")


@pytest.fixture
def four(sshd: Sshd, tmp_path: Path) -> Path:
    """Hosts that know their own number from the address they are reached at."""
    return sshd.inventory(tmp_path, 4)


def hosts_of(ran: Ran) -> list[str]:
    return sorted({line.partition(":")[0] for line in ran.stdout.splitlines()})


def own(far: Path) -> str:
    """What a host with a file of its number in a directory finds; addresses end in the number."""
    return f'n=${{SSH_CONNECTION% *}}; n=${{n##*.}}; echo "$n"; test -e {far}/$n'


def test_what_is_not_ok_is_done_again_until_all_is(fleetctl: Fleetctl, four: Path, far: Path, tmp_path: Path) -> None:
    (far / "1").touch()
    (tmp_path / "elsewhere").mkdir()
    words = ("run", "-i", four.name, "-x", "h004", "-o", "stream", own(far))
    first = fleetctl(*words, cwd=four.parent)
    assert (first.exit_code, hosts_of(first)) == (1, ["h001", "h002", "h003"])

    def again(*options: str | Path, **more: object) -> Ran:
        return fleetctl("rerun", *options, cwd=tmp_path / "elsewhere", **more)  # type: ignore[arg-type]

    assert fleetctl("hosts", "-i", four, "-t", "@status:failed").stdout.split() == ["h002", "h003"]
    assert fleetctl("hosts", "-i", four, "-t", "@web", "-x", "@status:failed").exit_code == 2
    (tmp_path / "elsewhere" / "one").write_text("h002\n")
    dry = again("--dry-run", "-t", "^one")
    assert hosts_of(dry) == ["h002"]

    (far / "2").touch()
    second = again()
    assert (second.exit_code, hosts_of(second)) == (1, ["h002", "h003"])
    assert "again: run n=" in second.stderr
    assert " on h[002-003], of 2" in second.stderr
    root = second.stderr.partition(", of ")[2].split()[0]
    # By the id of the first run, only what is still not good is done.
    third = again(root, "--failed")
    assert (third.exit_code, hosts_of(third)) == (1, ["h003"])
    assert "nothing is left to do" in again(root, "--unreachable", "--unfinished").stderr

    (far / "3").touch()
    fourth = again("--not-ok", "-o", "json")
    assert [host["host"] for host in fourth.json["hosts"]] == ["h003"]
    last = again(root)
    assert (last.exit_code, last.stdout) == (0, "")
    assert f"nothing is left to do: no host of {root} is not ok" in last.stderr

    def named(target: str) -> list[str]:
        return fleetctl("hosts", "-i", four, "-t", target).stdout.split()

    assert named("@status:ok") == ["h001", "h002", "h003"]
    assert named(f"@run:{root}:ok") == ["h001"]
    assert named(f"@run:{root}:not-ok") == ["h002", "h003"]
    assert named(f"@run:{root}!@run:last") == ["h001", "h002"]
    wrong = fleetctl("hosts", "-i", four, "-t", "@statu:faild")
    assert "there is no @statu:; did you mean status?" in wrong.stderr
    wrong = fleetctl("hosts", "-i", four, "-t", "@status:faild")
    assert "hosts do not end as 'faild'; did you mean failed?" in wrong.stderr
    wrong = fleetctl("hosts", "-i", four, "-t", "@status:broken")
    assert wrong.exit_code == 2
    assert "hosts do not end as 'broken'" in wrong.stderr
    assert "unfinished, not-ok" in wrong.stderr
    offered = _offered(fleetctl, four, f"@run:{root}:un")
    assert offered == [f"@run:{root}:{ending}" for ending in ("unreachable", "untrusted", "unfinished")]
    assert _offered(fleetctl, four, "h001,@status:f") == ["h001,@status:failed"]

    shrunk = tmp_path / "elsewhere" / "inventory.yaml"
    shrunk.write_text(four.read_text().replace("  h002:", "  other:"))
    gone = fleetctl("hosts", "-i", shrunk, "-t", f"@run:{root}")
    assert gone.stdout.split() == ["h001", "h003"]
    assert "no longer in the inventory, and left out: h002" in gone.stderr


def _offered(fleetctl: Fleetctl, inventory: Path, word: str) -> list[str]:
    words = ["fleetctl", "run", "-i", str(inventory), "-t", word]
    variables = {"_FLEETCTL_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(words), "COMP_CWORD": "5"}
    return fleetctl(env=variables).stdout.split()


def test_what_a_killed_run_has_left_is_finished(fleetctl: Fleetctl, four: Path, far: Path) -> None:
    command = f'n=${{SSH_CONNECTION% *}}; n=${{n##*.}}; echo "n$n"; test $n = 1 || test -e {far}/go || exec sleep 66'
    with fleetctl.start("run", "-f", "2", "-i", four, "-N", command) as running:
        running.wait_for("n1")
        running.wait_for("n2")
        running.wait_for("n3")
        refused = fleetctl("rerun")
        assert refused.exit_code == 2
        assert "is still at work" in refused.stderr
        assert "--failed" in refused.stderr
        assert "nothing is left to do" in fleetctl("rerun", "--failed").stderr
        running.signal(signal.SIGKILL)
        running.process.wait(10)
    (far / "go").touch()
    ran = fleetctl("rerun", "--unfinished")
    assert (ran.exit_code, sorted(ran.stdout.split())) == (0, ["n2", "n3", "n4"])
    assert fleetctl("rerun", "--unfinished").stdout == ""


def test_what_cannot_be_typed_again_as_it_was_is_refused(
    fleetctl: Fleetctl, four: Path, far: Path, tmp_path: Path
) -> None:
    (tmp_path / "there").mkdir()
    ran = fleetctl(
        "run", "-i", four, "-t", "h001", "-H", "127.0.0.1:1", "cat; exit 4", stdin="piped", cwd=tmp_path / "there"
    )
    assert ran.exit_code == 3
    refused = fleetctl("rerun")
    assert refused.exit_code == 2
    assert "not kept" in refused.stderr
    assert "| fleetctl rerun" in refused.stderr
    again = fleetctl("rerun", "--failed", stdin="again")
    assert (again.exit_code, again.stdout) == (1, "h001: again\n")
    again = fleetctl("rerun", "--unreachable", stdin="again")
    assert (again.exit_code, again.stdout) == (3, "")
    assert "on 127.0.0.1, of" in again.stderr
    (tmp_path / "there").rmdir()
    refused = fleetctl("rerun", stdin="again")
    assert refused.exit_code == 2
    assert "which cannot be entered" in refused.stderr

    assert fleetctl("run", "-i", four, "--no-history", "false").exit_code == 1
    assert "which cannot be entered" in fleetctl("rerun", stdin="again").stderr
    assert "no run 'nothing'" in fleetctl("rerun", "nothing").stderr
    assert "no run ''" in fleetctl("rerun", "").stderr
    assert "no run ''" in fleetctl("hosts", "-i", four, "-t", "@run:").stderr


def test_files_are_sent_again_and_pinged_hosts_pinged(fleetctl: Fleetctl, four: Path, far: Path, here: Path) -> None:
    (here / "a file").write_text("x")
    target = far / "no" / "file"
    ran = fleetctl("put", "-i", four, "a file", target, "-t", "h[001-002]", "--via", "sftp", cwd=here)
    assert ran.exit_code == 1
    target.parent.mkdir()
    target.parent.chmod(0o777)
    again = fleetctl("rerun", "-t", "h002", "-o", "json")
    assert (again.exit_code, [host["host"] for host in again.json["hosts"]]) == (0, ["h002"])
    assert target.read_text() == "x"

    ran = fleetctl("ping", "-i", four, "--port", "1", "h003", "h001")
    assert ran.exit_code == 3
    again = fleetctl("rerun", "-o", "json")
    assert sorted(host["host"] for host in again.json["hosts"]) == ["h001", "h003"]


def test_a_secret_is_not_kept_and_must_be_given_again(fleetctl: Fleetctl, four: Path) -> None:
    words = ("-t", "h001", "-e", f"TOKEN={HUSH}", "-e", "OTHER=1", "echo ${#TOKEN} $OTHER; exit 5")
    assert fleetctl("run", "-i", four, *words).exit_code == 1
    refused = fleetctl("rerun")
    assert refused.exit_code == 2
    assert "a secret was typed, and is not kept: TOKEN=***" in refused.stderr
    assert "-e TOKEN=…; or type the command anew, with -t @run:" in refused.stderr
    four.write_text(f"# changed\n{four.read_text()}")
    for changed in (True, False):  # the second time it is a rerun that is done again
        again = fleetctl("rerun", "-e", f"TOKEN={HUSH}", "-e", "OTHER=2")
        assert (again.exit_code, again.stdout) == (1, f"h001: {len(HUSH.encode())} 2\n")
        assert ("the inventory has changed" in again.stderr) is changed
    assert fleetctl("run", "-i", four, "-t", "h001", f"false --token={HUSH}").exit_code == 1
    refused = fleetctl("rerun", "-e", "TOKEN=1")
    assert "is not kept: false --token=***\n  → type the command anew, with -t @run:" in refused.stderr
    assert HUSH not in "".join(path.read_text(errors="replace") for path in fleetctl.home.rglob("*") if path.is_file())
