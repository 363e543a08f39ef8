"""How put and get move files: modes, owners, backups, digests, limits, and what programs are told."""

from __future__ import annotations

import grp
import json
import os
import pwd
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.account import Account
from tests.support.fleetctl import Fleetctl
from tests.support.small_disk import small_disk
from tests.support.sshd import Sshd, SshdStarter
from tests.support.trees import LONG_AGO, age, empty, names, parts, plant, seen, texts

ODD_NAMES = (
    "with space", "'single' \"double\"", "$HOME `id` ;&|", "-rf", "--", "back\\slash", "*?[x]{a,b}", "~", "~root", "#",
    "%41", "ümläut", "🙂", "\udcff\udcfe", "a" * 255, "ü" * 127, ".hidden", "...", " ", "x:y", "=", "trailing ",
)  # fmt: skip

TOO_MUCH = {"big": b"x" * 3_000_000, "t": b"small"} | {f"many/{n}": b"x" * 50_000 for n in range(60)}
"""For a disk of 2 MiB."""


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


@pytest.mark.parametrize("via", ["sftp", "tar"])
def test_preserve_keeps_mode_and_time(fleetctl: Fleetctl, one: Path, here: Path, far: Path, via: str) -> None:
    plant(here, {"t/a": "A", "t/sub/b": "B", "t/shut/c": "C"})
    for name, mode in (("t/a", 0o754), ("t/sub/b", 0o400), ("t/sub", 0o2711), ("t/shut", 0o500), ("t", 0o700)):
        (here / name).chmod(mode)
    for name in ("t/a", "t/sub/b", "t/sub", "t/shut/c", "t/shut", "t"):
        age(here / name)
    assert fleetctl("put", "-rp", "--via", via, "-i", one, here / "t", far).exit_code == 0
    assert seen(far / "t") == seen(here / "t")
    assert fleetctl("get", "-rp", "--via", via, "-i", one, far / "t", here / "back").exit_code == 0
    (far / "t" / "sub").chmod(0o711)  # a set-group-id bit is not fetched
    assert seen(here / "back" / "h001" / "t") == seen(far / "t")


def test_preserve_is_for_a_new_directory_that_takes_contents_too(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path
) -> None:
    """One that is there already, as a home is, keeps its own mode and time."""
    plant(here, {"t/a": "A"})
    plant(far, {"old/b": "B"})
    (here / "t").chmod(0o700)
    (far / "old").chmod(0o755)
    for path in (here / "t", far / "old"):
        age(path)
    assert fleetctl("put", "-rp", "-i", one, f"{here}/t/", far / "new").exit_code == 0
    assert fleetctl("put", "-rp", "-i", one, f"{here}/t/", far / "old").exit_code == 0
    assert (_mode(far / "new"), int((far / "new").stat().st_mtime)) == (0o700, LONG_AGO)
    assert _mode(far / "old") == 0o755
    (far / "new").chmod(0o750)
    age(far / "new")
    assert fleetctl("get", "-rp", "-i", one, f"{far}/new/", here / "back").exit_code == 0
    fetched = here / "back" / "h001"
    assert (_mode(fetched), int(fetched.stat().st_mtime)) == (0o750, LONG_AGO)


def test_the_contents_of_an_empty_directory_are_a_directory(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path
) -> None:
    (here / "t").mkdir()
    (far / "there").mkdir()
    assert fleetctl("put", "-r", "-i", one, f"{here}/t/", far / "new").exit_code == 0
    assert names(far / "new") == []
    assert fleetctl("get", "-r", "-i", one, f"{far}/there/", here / "back").exit_code == 0
    assert names(here / "back" / "h001") == []


def test_what_says_it_is_empty_is_told_with_its_true_size(fleetctl: Fleetctl, one: Path, far: Path) -> None:
    told = json.loads(fleetctl("put", "-i", one, "-o", "json", "/proc/version", far).stdout)["hosts"][0]
    (transfer,) = told["transfers"]
    assert transfer["size"] == told["totals"]["bytes"] == (far / "version").stat().st_size > 0


def test_what_is_skipped_is_told_by_the_place_it_would_have_had(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path
) -> None:
    plant(here, {"t/a": "A"})
    os.mkfifo(here / "t" / "pipe")
    told = json.loads(fleetctl("put", "-r", "-i", one, "-o", "json", here / "t", far / "new").stdout)["hosts"][0]
    assert [each["path"] for each in told["transfers"] if each["action"] == "skipped"] == [f"{far}/new/pipe"]


def test_a_name_of_two_lines_is_told_in_one(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    plant(here, {"new\nline": "A"})
    done = fleetctl("put", "-v", "-i", one, here / "new\nline", far)
    assert f"sent {far}/new\\nline (1 byte)" in done.stdout


def test_without_preserve_a_new_file_is_of_now_and_the_umask_there(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path
) -> None:
    plant(here, {"t/a": "A"})
    (here / "t" / "a").chmod(0o4777)
    (here / "t").chmod(0o777)
    age(here / "t" / "a")
    for via in ("sftp", "tar"):
        assert fleetctl("put", "-r", "--via", via, "-i", one, here / "t", far).exit_code == 0
        assert (_mode(far / "t" / "a"), _mode(far / "t")) == (0o755, 0o755), via
        assert (far / "t" / "a").stat().st_mtime > LONG_AGO
        empty(far)


@pytest.mark.parametrize("via", ["sftp", "tar"])
def test_mode_is_for_files(fleetctl: Fleetctl, one: Path, here: Path, far: Path, via: str) -> None:
    plant(here, {"t/a": "A", "t/sub/b": "B"})
    assert fleetctl("put", "-r", "--mode", "0622", "--via", via, "-i", one, here / "t", far).exit_code == 0
    assert {_mode(far / "t" / name) for name in ("a", "sub/b")} == {0o622}
    assert _mode(far / "t" / "sub") == 0o755
    assert fleetctl("put", "--mode", "600", "-i", one, here / "t" / "a", far / "t").exit_code == 0
    assert _mode(far / "t" / "a") == 0o600
    assert fleetctl("put", "--mode", "rw-r--r--", "-i", one, here / "t" / "a", far).exit_code == 2


def test_owner_takes_names_and_numbers(fleetctl: Fleetctl, one: Path, here: Path, far: Path, account: Account) -> None:
    plant(here, {"t/a": "A"})
    user = pwd.getpwnam(account.user)
    group = grp.getgrgid(user.pw_gid).gr_name
    for owner in (account.user, f"{account.user}:{group}", f":{group}", f"{user.pw_uid}:{user.pw_gid}"):
        ran = fleetctl("put", "-r", "--owner", owner, "-i", one, here / "t", far)
        assert ran.exit_code == 0, ran.stderr
        assert ((far / "t" / "a").stat().st_uid, (far / "t" / "a").stat().st_gid) == (user.pw_uid, user.pw_gid)


@pytest.mark.parametrize(
    ("owner", "told"), [("no-such-user", "no user no-such-user"), (":no-such", "no group no-such")]
)
def test_an_owner_that_the_host_does_not_know_is_an_error(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path, owner: str, told: str
) -> None:
    plant(here, {"a": "A"})
    ran = fleetctl("put", "--owner", owner, "-i", one, here / "a", far)
    assert (ran.exit_code, names(far)) == (1, [])
    assert told in ran.stderr


def test_an_owner_that_may_not_be_given_leaves_nothing(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path, account: Account
) -> None:
    if os.geteuid() != 0:
        pytest.skip("the login user may be anybody")
    plant(here, {"a": "A"})
    ran = fleetctl("put", "--owner", "root:root", "-o", "json", "-i", one, here / "a", far)
    assert (ran.exit_code, names(far)) == (1, [])
    assert ran.json["hosts"][0]["error"]["code"] == "access-denied"


def test_backup_keeps_what_is_replaced(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    plant(here, {"a": "new", "b": "B"})
    plant(far, {"a": "old", "a~": "older"})
    (far / "a").chmod(0o640)
    assert fleetctl("put", "--backup", "-i", one, here / "a", here / "b", far).exit_code == 0
    assert texts(far) == {"a": "new", "a~": "old", "b": "B"}
    assert _mode(far / "a~") == 0o640
    plant(here, {"h001/a": "mine"})
    assert fleetctl("get", "--backup", "-i", one, far / "a", here).exit_code == 0
    assert texts(here / "h001") == {"a": "new", "a~": "mine"}


def test_verify_compares_digests(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    plant(here, {f"t/{name}": name.encode(errors="surrogateescape") for name in ODD_NAMES} | {"t/two\nlines": "2"})
    for via in ("sftp", "tar"):
        ran = fleetctl("put", "-r", "--verify", "--via", via, "-i", one, here / "t", far)
        assert ran.exit_code == 0, ran.stderr
        (far / "t" / "two\nlines").unlink()
        ran = fleetctl("get", "-r", "--verify", "--via", via, "-i", one, far / "t", here / via)
        assert ran.exit_code == 0, ran.stderr
        empty(far)


@pytest.mark.parametrize("via", ["sftp", "tar"])
def test_names_survive_whatever_is_in_them(fleetctl: Fleetctl, one: Path, here: Path, far: Path, via: str) -> None:
    plant(here, {f"t/{name}": name.encode(errors="surrogateescape") for name in ODD_NAMES})
    ran = fleetctl("put", "-rv", "--via", via, "-i", one, here / "t", far)
    assert ran.exit_code == 0, ran.stderr
    assert seen(far / "t", times=False) == seen(here / "t", times=False)
    ran = fleetctl("get", "-rv", "--via", via, "-i", one, far / "t", here / "back")
    assert ran.exit_code == 0, ran.stderr
    assert seen(here / "back" / "h001" / "t", times=False) == seen(here / "t", times=False)


def test_odd_names_may_be_named(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    odd = [name for name in ODD_NAMES if name not in {"~", "~root", "*?[x]{a,b}", "back\\slash"}]
    plant(here, dict.fromkeys(odd, "text"))
    ran = fleetctl("put", "-i", one, "--", *odd, f"{far.name}/", cwd=here)
    assert ran.exit_code == 0, ran.stderr
    ran = fleetctl("get", "--verify", "-i", one, "--", *(f"{far.name}/{name}" for name in odd), here / "out")
    assert ran.exit_code == 0, ran.stderr
    assert texts(here / "out") == {f"h001/{name}": "text" for name in odd}


@pytest.mark.parametrize("via", ["sftp", "tar"])
def test_a_directory_may_begin_with_a_dash(fleetctl: Fleetctl, one: Path, here: Path, far: Path, via: str) -> None:
    """Whether an option or a name, in the home where a session begins."""
    home, name = far.parent, f"-{far.name}"
    plant(here, {"t/a": "A", "t/b": "B"})
    try:
        plant(home / name, {"in/": ""})
        ran = fleetctl("put", "-r", "--via", via, "-i", one, "--", here / "t", name)
        assert ran.exit_code == 0, ran.stderr
        ran = fleetctl("get", "-r", "--verify", "--checksum", "--via", via, "-i", one, "--", name, here)
        assert ran.exit_code == 0, ran.stderr
        assert texts(here / "h001" / name / "t") == {"a": "A", "b": "B"}
    finally:
        subprocess.run(["rm", "-rf", "--", home / name], check=True)


def test_a_file_is_not_taken_for_one_of_the_same_name_elsewhere(
    fleetctl: Fleetctl, one: Path, far: Path, here: Path
) -> None:
    home = far.parent
    decoy = home / far.relative_to("/")
    try:
        plant(far, {"right/x": "right", "beside/y": "too"})
        plant(decoy, {"right/x": "wrong"})
        ran = fleetctl("get", "-r", "--via", "tar", "-i", one, far / "right", f"{far.name}/beside", here)
        assert ran.exit_code == 0, ran.stderr
        assert texts(here) == {"h001/right/x": "right", "h001/beside/y": "too"}
    finally:
        shutil.rmtree(home / far.parts[1])


def test_names_with_control_characters_are_not_fetched(fleetctl: Fleetctl, one: Path, far: Path, here: Path) -> None:
    plant(far, {"t/a": "A", "t/two\nlines": "x", "t/\x1b[31m": "x"})
    ran = fleetctl("get", "-r", "-i", one, far / "t", here)
    assert (ran.exit_code, texts(here)) == (1, {"h001/t/a": "A"})
    assert "\x1b" not in ran.stdout + ran.stderr


@pytest.mark.parametrize("via", ["sftp", "tar"])
def test_empty_files_are_files(fleetctl: Fleetctl, one: Path, here: Path, far: Path, via: str) -> None:
    plant(here, {"t/empty": "", "t/sub/empty": ""})
    assert fleetctl("put", "-r", "--via", via, "-i", one, here / "t", far).exit_code == 0
    assert fleetctl("get", "-r", "--via", via, "-i", one, far / "t", here).exit_code == 0
    assert texts(here / "h001" / "t") == texts(here / "t") == {"empty": "", "sub/empty": ""}


def test_files_that_say_nothing_of_their_size_are_fetched_to_their_end(
    fleetctl: Fleetctl, one: Path, here: Path
) -> None:
    assert fleetctl("get", "-i", one, "/proc/version", here).exit_code == 0
    assert (here / "h001" / "version").read_text() == Path("/proc/version").read_text()


def test_a_limit_is_kept(fleetctl: Fleetctl, three: Path, here: Path, far: Path) -> None:
    plant(here, {"a": b"x" * 300_000})
    ran = fleetctl("put", "--limit", "1MB/s", "-o", "json", "-i", three, here / "a", far)
    assert ran.json["run"]["seconds"] > 0.5  # 900 kB less what may come at once
    assert fleetctl("put", "--limit", "fast", "-i", three, here / "a", far).exit_code == 2


def test_a_time_out_leaves_nothing_under_its_name(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    plant(here, {"a": b"x" * 3_000_000})
    ran = fleetctl("put", "--limit", "500k", "--timeout", "1s", "-o", "json", "-i", one, here / "a", far)
    assert (ran.exit_code, ran.json["hosts"][0]["status"]) == (3, "timeout")
    assert "a" not in names(far)
    ran = fleetctl("get", "--limit", "500k", "--timeout", "1s", "-i", one, here / "a", here / "out")
    assert "h001/a" not in names(here / "out") if (here / "out").exists() else True


def test_json_tells_of_every_file_and_of_all(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    plant(here, {"t/a": "12345", "t/link": "-> a"})
    ran = fleetctl("put", "-r", "-o", "json", "-i", one, here / "t", far)
    (host,) = ran.json["hosts"]
    counts = {name: count for name, count in host["totals"].items() if count}
    assert counts == {"files": 1, "bytes": 5, "linked": 1, "made": 1}
    told = {(item["path"], item["action"], item["size"]) for item in host["transfers"]}
    assert told == {(f"{far}/t", "made", 0), (f"{far}/t/a", "sent", 5), (f"{far}/t/link", "linked", 0)}
    ran = fleetctl("get", "-r", "-o", "json", "-i", one, far / "t", here)
    told = {(item["path"], item["action"], item["size"]) for item in ran.json["hosts"][0]["transfers"]}
    top = here / "h001" / "t"
    assert told == {(f"{top}", "made", 0), (f"{top}/a", "fetched", 5), (f"{top}/link", "linked", 0)}


def test_ndjson_tells_of_files_and_of_progress(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    plant(here, {"a": b"x" * 100_000})
    ran = fleetctl("put", "-o", "ndjson", "-i", one, here / "a", far)
    progress = [event for event in ran.events if event["type"] == "progress"]
    assert {key: progress[0][key] for key in ("host", "bytes", "total", "files", "files_total")} == {
        "host": "h001", "bytes": 0, "total": 100_000, "files": 0, "files_total": 1,
    }  # fmt: skip
    (transfer,) = [event for event in ran.events if event["type"] == "transfer"]
    assert (transfer["path"], transfer["action"], transfer["size"], transfer["dry"]) == (
        f"{far}/a",
        "sent",
        100_000,
        False,
    )
    (finished,) = [event for event in ran.events if event["type"] == "host_finished"]
    assert finished["outcome"]["totals"]["bytes"] == 100_000
    (dry,) = [
        e
        for e in fleetctl("put", "--dry-run", "-o", "ndjson", "-i", one, here / "a", far).events
        if e["type"] == "transfer"
    ]
    assert (dry["action"], dry["dry"]) == ("sent", True)


def test_a_full_disk_there_leaves_nothing(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    plant(here, TOO_MUCH)
    with small_disk(far / "disk", 2) as disk:
        ran = fleetctl("put", "-o", "json", "-i", one, here / "t", here / "big", disk)
        assert (ran.exit_code, texts(disk)) == (1, {"t": "small"})
        assert ran.json["hosts"][0]["error"]["code"] == "no-space"
        for via in ("sftp", "tar"):
            ran = fleetctl("put", "-r", "--via", via, "-o", "json", "-i", one, here / "many", disk)
            assert ran.exit_code == 1
            assert ran.json["hosts"][0]["error"]["code"] == "no-space"
            assert parts(disk) == []
            assert {len(text) for name, text in texts(disk).items() if name != "t"} <= {50_000}
            subprocess.run(["rm", "-rf", disk / "many"], check=True)


def test_a_full_disk_here_leaves_nothing(fleetctl: Fleetctl, one: Path, here: Path, far: Path) -> None:
    plant(far, TOO_MUCH)
    with small_disk(here / "disk", 2) as disk:
        ran = fleetctl("get", "-o", "json", "-i", one, far / "t", far / "big", disk)
        assert (ran.exit_code, texts(disk)) == (1, {"h001/t": "small"})
        assert ran.json["hosts"][0]["error"]["code"] == "no-space"
        for via in ("sftp", "tar"):
            ran = fleetctl("get", "-r", "--via", via, "-o", "json", "-i", one, far / "many", disk)
            assert ran.exit_code == 1
            assert ran.json["hosts"][0]["error"]["code"] == "no-space"
            assert parts(disk) == []
            assert {len(text) for name, text in texts(disk).items() if name != "h001/t"} <= {50_000}
            subprocess.run(["rm", "-rf", disk / "h001" / "many"], check=True)


def test_a_local_file_that_cannot_be_read_is_told_before_anybody_is_asked(
    fleetctl: Fleetctl, one: Path, here: Path, far: Path, sshd: Sshd
) -> None:
    plant(here, {"t/a": "A", "t/secret": "S"})
    (here / "t" / "secret").chmod(0)
    before = sshd.log
    command = fleetctl.command(("put", "-r", "-i", one, here / "t", far))
    if os.geteuid() == 0:  # even root cannot without these
        command = ["setpriv", "--inh-caps=-all", "--bounding-set=-dac_override,-dac_read_search", *command]
    done = subprocess.run(
        command, env=fleetctl.environment(None), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2, shlex.join(command) + done.stderr
    assert f"cannot read {here}/t/secret: permission denied" in done.stderr
    assert (names(far), sshd.log) == ([], before)


def test_a_host_without_sftp_is_told_plainly(
    fleetctl: Fleetctl, start_sshd: SshdStarter, tmp_path: Path, here: Path, far: Path
) -> None:
    plant(here, {"a": "A"})
    inventory = start_sshd("ForceCommand /bin/false").inventory(tmp_path, 1)
    ran = fleetctl("put", "-i", inventory, here / "a", far)
    assert (ran.exit_code, names(far)) == (1, [])
    assert "SFTP" in ran.stderr
