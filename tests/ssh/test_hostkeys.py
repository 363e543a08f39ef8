"""Judging host keys: known, new, changed, revoked; and writing new ones down without losing any."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import hmac
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from fleetctl.errors import HostKeyChanged, HostKeyRevoked, HostKeyUnknown, UntrustedError
from fleetctl.model import Host, HostKeyPolicy, Login
from fleetctl.ssh.trust.hostkeys import KnownHosts
from fleetctl.ssh.trust.known_hosts import KnownHostsFile, ServerKey, fingerprint, rewrite

KEY = ServerKey("ssh-ed25519", b"\0\0\0\x0bssh-ed25519" + b"k" * 36)
OTHER = ServerKey("ssh-ed25519", b"\0\0\0\x0bssh-ed25519" + b"o" * 36)
RSA = ServerKey("ssh-rsa", b"\0\0\0\x07ssh-rsa" + b"r" * 36)


def host(
    file: Path, address: str = "web01.example.com", port: int = 22, policy: HostKeyPolicy = HostKeyPolicy.STRICT
) -> Host:
    return Host("web01", address, Login("root"), port, known_hosts=(str(file),), host_key_policy=policy)


def hashed(name: str) -> str:
    salt = b"0123456789abcdefghij"
    digest = hmac.digest(salt, name.encode(), hashlib.sha1)
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "known_hosts"


@pytest.mark.parametrize(
    ("names", "address", "port"),
    [
        ("web01.example.com", "web01.example.com", 22),
        ("WEB01.Example.com", "web01.example.COM", 22),
        ("a,web01.example.com,b", "web01.example.com", 22),
        ("*.example.com", "web01.example.com", 22),
        ("web??.example.com", "web01.example.com", 22),
        ("[web01.example.com]:2222", "web01.example.com", 2222),
        ("[*.example.com]:2222", "web01.example.com", 2222),
        ("web01.example.com", "web01.example.com", 2222),
        ("::1", "::1", 22),
        ("[::1]:2222", "::1", 2222),
        (hashed("web01.example.com"), "web01.example.com", 22),
        (hashed("[web01.example.com]:2222"), "web01.example.com", 2222),
    ],
)
def test_a_key_is_found_under_every_form_of_a_name(file: Path, names: str, address: str, port: int) -> None:
    file.write_text(f"# comment\n\n{names} {KEY.line} a comment\n")
    KnownHosts().check(host(file, address, port), KEY)


@pytest.mark.parametrize(
    ("names", "address", "port"),
    [
        ("web02.example.com", "web01.example.com", 22),
        ("*.example.com,!web01.example.com", "web01.example.com", 22),
        ("[web01.example.com]:2222", "web01.example.com", 22),
        ("[web01.example.com]:2222", "web01.example.com", 2223),
        ("web[01].example.com", "web0.example.com", 22),
        ("!other", "web01.example.com", 22),
    ],
)
def test_a_key_of_another_host_does_not_count(file: Path, names: str, address: str, port: int) -> None:
    file.write_text(f"{names} {KEY.line}\n")
    with pytest.raises(HostKeyUnknown):
        KnownHosts().check(host(file, address, port), KEY)


def test_an_unknown_key_says_its_fingerprint_and_what_to_type(file: Path) -> None:
    with pytest.raises(HostKeyUnknown) as caught:
        KnownHosts().check(host(file), KEY)
    assert fingerprint(KEY.blob) in caught.value.message
    assert "fleetctl trust web01" in caught.value.hint


@pytest.mark.parametrize("policy", [HostKeyPolicy.STRICT, HostKeyPolicy.ACCEPT_NEW])
@pytest.mark.parametrize("offered", [OTHER, RSA])
def test_a_changed_key_is_refused_even_with_accept_new(file: Path, policy: HostKeyPolicy, offered: ServerKey) -> None:
    file.write_text(f"web01.example.com {KEY.line}\n")
    with pytest.raises(HostKeyChanged) as caught:
        KnownHosts().check(host(file, policy=policy), offered)
    assert f"{file}:1" in caught.value.message
    assert file.read_text() == f"web01.example.com {KEY.line}\n"


def test_a_host_may_have_several_keys_of_one_type(file: Path) -> None:
    file.write_text(f"web01.example.com {KEY.line}\nweb01.example.com {OTHER.line}\n")
    for key in (KEY, OTHER):
        KnownHosts().check(host(file), key)


@pytest.mark.parametrize("names", ["*", "web01.example.com"])
def test_a_revoked_key_is_refused_even_if_it_is_known(file: Path, names: str) -> None:
    file.write_text(f"web01.example.com {KEY.line}\n@revoked {names} {KEY.line}\n")
    with pytest.raises(HostKeyRevoked):
        KnownHosts().check(host(file, policy=HostKeyPolicy.ACCEPT_NEW), KEY)


def test_policy_off_takes_any_key_and_writes_none(file: Path) -> None:
    KnownHosts().check(host(file, policy=HostKeyPolicy.OFF), KEY)
    assert not file.exists()


def test_another_server_on_the_same_address_is_unknown_and_not_changed(file: Path) -> None:
    file.write_text(f"web01.example.com {KEY.line}\n")
    with pytest.raises(HostKeyUnknown):
        KnownHosts().check(host(file, port=2222), OTHER)


def test_a_bare_name_vouches_for_another_port_whose_own_entry_only_revokes(file: Path) -> None:
    file.write_text(f"@revoked [web01.example.com]:2222 {OTHER.line}\nweb01.example.com {KEY.line}\n")
    KnownHosts().check(host(file, port=2222), KEY)
    with pytest.raises(HostKeyRevoked):
        KnownHosts().check(host(file, port=2222), OTHER)


def test_lines_that_cannot_be_read_are_passed_over(file: Path) -> None:
    file.write_text(
        f"junk\n@cert-authority * {KEY.line}\n|1|broken ssh-rsa AAAA\nx ssh-rsa !!!\nweb01.example.com {KEY.line}\n"
    )
    KnownHosts().check(host(file), KEY)


def test_a_file_that_cannot_be_read_trusts_nobody(tmp_path: Path) -> None:
    with pytest.raises(UntrustedError, match="cannot read"):
        KnownHosts().check(host(tmp_path), KEY)


def test_key_types_that_are_known_are_asked_for_first(file: Path) -> None:
    file.write_text(f"web01.example.com {RSA.line}\n@revoked * {KEY.line}\n")
    assert KnownHosts().kinds(host(file)) == ["ssh-rsa"]


def test_accept_new_appends_once_and_creates_a_private_file(tmp_path: Path) -> None:
    file = tmp_path / "new" / "known_hosts"
    known = KnownHosts()
    target = host(file, port=2222, policy=HostKeyPolicy.ACCEPT_NEW)
    for _ in range(3):
        known.check(target, KEY)
    assert file.read_text() == f"[web01.example.com]:2222 {KEY.line}\n"
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_last_line_without_its_end_is_not_joined_to_the_new_one(file: Path) -> None:
    file.write_text(f"other {OTHER.line}")
    KnownHosts().add(host(file), KEY)
    assert file.read_text().splitlines() == [f"other {OTHER.line}", f"web01.example.com {KEY.line}"]


def test_a_key_that_another_process_wrote_meanwhile_is_judged_again(file: Path) -> None:
    known = KnownHosts()
    target = host(file, policy=HostKeyPolicy.ACCEPT_NEW)
    assert known.kinds(target) == []
    file.write_text(f"web01.example.com {OTHER.line}\n")
    with pytest.raises(HostKeyChanged):
        known.check(target, KEY)


def test_many_threads_may_learn_keys_at_once(file: Path) -> None:
    known = KnownHosts()
    targets = [host(file, f"h{n}", policy=HostKeyPolicy.ACCEPT_NEW) for n in range(40)]
    threads = [threading.Thread(target=known.check, args=(target, KEY)) for target in targets * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(file.read_text().splitlines()) == sorted(f"h{n} {KEY.line}" for n in range(40))


def test_many_processes_may_learn_keys_at_once(file: Path) -> None:
    script = f"""
import sys
from fleetctl.model import Host, HostKeyPolicy, Login
from fleetctl.ssh.trust.hostkeys import KnownHosts, ServerKey
key = ServerKey({KEY.kind!r}, {KEY.blob!r})
for n in range(20):
    KnownHosts().check(
        Host("x", f"h{{n}}", Login("root"), known_hosts=(sys.argv[1],), host_key_policy=HostKeyPolicy.ACCEPT_NEW), key)
"""
    learners = [subprocess.Popen([sys.executable, "-c", script, str(file)]) for _ in range(4)]
    assert [learner.wait(60) for learner in learners] == [0] * 4
    assert sorted(file.read_text().splitlines()) == sorted(f"h{n} {KEY.line}" for n in range(20))


def test_replacing_takes_the_name_off_the_old_key_and_leaves_the_rest(file: Path) -> None:
    kept = f"# ours\nweb02.example.com {OTHER.line}\n@revoked * {RSA.line}\n"
    file.write_text(f"{kept}web01.example.com,10.0.0.1 {OTHER.line} note\n{hashed('web01.example.com')} {OTHER.line}\n")
    file.chmod(0o640)
    known = KnownHosts()
    known.replace(host(file), KEY)
    assert file.read_text() == f"{kept}10.0.0.1 {OTHER.line} note\nweb01.example.com {KEY.line}\n"
    assert file.stat().st_mode & 0o777 == 0o640
    known.check(host(file), KEY)


def test_keys_are_written_to_the_first_file_and_looked_up_in_all(file: Path, tmp_path: Path) -> None:
    system = tmp_path / "system"
    system.write_text(f"web02 {OTHER.line}\n")
    both = Host("w", "web02", Login("root"), known_hosts=(str(file), str(system)))
    known = KnownHosts()
    known.check(both, OTHER)
    with pytest.raises(HostKeyChanged):
        known.check(both, KEY)


@pytest.mark.parametrize("end", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\r"])
def test_only_a_line_feed_ends_a_line(file: Path, end: str) -> None:
    """A comment that a host chose must not vouch for a key; OpenSSH ends lines at the line feed only."""
    file.write_text(f"web02 {OTHER.line} a comment{end}web01.example.com {KEY.line}\n", newline="")
    with pytest.raises(HostKeyUnknown):
        KnownHosts().check(host(file), KEY)


@pytest.mark.parametrize("blank", ["\u00a0", "\u3000", "\x1f"])
def test_only_blanks_part_fields(file: Path, blank: str) -> None:
    file.write_text(f"web02{blank}x,web01.example.com {KEY.line}\nweb01.example.com{blank}{KEY.kind} {KEY.line}\n")
    known = KnownHosts()
    known.check(host(file), KEY)  # the first line's second name
    file.write_text(f"web01.example.com{blank}{KEY.line}\n")
    with pytest.raises(HostKeyUnknown):
        KnownHosts().check(host(file), KEY)


def test_a_line_that_ends_as_on_windows_is_read(file: Path) -> None:
    file.write_bytes(f"web01.example.com {KEY.line}\r\n".encode())
    KnownHosts().check(host(file), KEY)


def test_learning_many_keys_reads_the_file_once(file: Path, mocker: MockerFixture) -> None:
    file.write_text(f"other {OTHER.line}")
    read = mocker.spy(KnownHostsFile, "__init__")
    known = KnownHosts()
    for number in range(100):
        known.check(host(file, f"h{number}", policy=HostKeyPolicy.ACCEPT_NEW), KEY)
        known.check(host(file, f"h{number}"), KEY)
    assert read.call_count == 1
    assert file.read_text() == f"other {OTHER.line}\n" + "".join(f"h{number} {KEY.line}\n" for number in range(100))


def test_what_ssh_wrote_meanwhile_is_seen_before_a_key_is_learned(file: Path) -> None:
    known = KnownHosts()
    known.check(host(file, "a", policy=HostKeyPolicy.ACCEPT_NEW), KEY)
    with file.open("a") as stream:
        stream.write(f"web01.example.com {OTHER.line}\n")
    with pytest.raises(HostKeyChanged):
        known.check(host(file, policy=HostKeyPolicy.ACCEPT_NEW), KEY)


def test_a_lock_held_elsewhere_stops_only_those_who_write_and_not_for_ever(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleetctl.ssh.trust.known_hosts._LOCK_SECONDS", 0.3)
    file.write_text(f"web02 {KEY.line}\n")
    known = KnownHosts()
    with file.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(UntrustedError, match="lock"):
            known.check(host(file, policy=HostKeyPolicy.ACCEPT_NEW), KEY)
        known.check(host(file, "web02"), KEY)
    known.check(host(file, policy=HostKeyPolicy.ACCEPT_NEW), KEY)


def test_a_key_that_a_pattern_gives_is_not_replaced_but_its_line_told(file: Path) -> None:
    file.write_text(f"*.example.com {OTHER.line}\n")
    with pytest.raises(UntrustedError, match=f"{file}:1 .* pattern"):
        KnownHosts().replace(host(file), KEY)
    assert file.read_text() == f"*.example.com {OTHER.line}\n"


def test_while_a_key_is_replaced_its_host_is_never_unknown(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or another process with accept-new could learn whatever key it is shown then."""
    file.write_text(f"web01.example.com {OTHER.line}\nweb02 {KEY.line}\n")
    texts: list[str] = []
    replace = Path.replace

    def watched(fresh: Path, target: Path) -> Path:
        moved = replace(fresh, target)
        texts.append(file.read_text())
        return moved

    monkeypatch.setattr(Path, "replace", watched)
    KnownHosts().replace(host(file), KEY)
    assert texts == [f"web02 {KEY.line}\nweb01.example.com {KEY.line}\n"]
    assert file.read_text() == texts[0]
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_pattern_that_stands_in_the_way_leaves_all_files_as_they_are(file: Path, tmp_path: Path) -> None:
    file.write_text(f"web01.example.com {OTHER.line}\n")
    system = tmp_path / "system"
    system.write_text(f"web* {OTHER.line}\n")
    both = Host("web01", "web01.example.com", Login("root"), known_hosts=(str(file), str(system)))
    with pytest.raises(UntrustedError, match="pattern"):
        KnownHosts().replace(both, KEY)
    assert file.read_text() == f"web01.example.com {OTHER.line}\n"


def test_what_is_no_regular_file_is_never_replaced(tmp_path: Path) -> None:
    device = tmp_path / "null"
    os.mkfifo(device)
    with pytest.raises(OSError, match="not a regular file"):
        rewrite(device, "web01", "web01 ssh-ed25519 AAAA\n")
    assert device.is_fifo()
