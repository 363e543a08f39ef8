"""One host in trouble among sound ones: one clear outcome for it, with a hint, and the others are done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleetctl.views.neutral import sanitize
from tests.support import broken
from tests.support.fleetctl import Fleetctl, Ran
from tests.support.sshd import Sshd, SshdStarter

PATIENCE = ("--connect-timeout", "2", "--login-timeout", "3", "--retries", "0")


@pytest.fixture
def run(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> Any:
    """`run(address=…, port=…)` adds a host `bad` with these settings to three sound ones, and runs on all."""

    def run(*options: str, line: str = "echo hi", **bad: Any) -> Ran:
        path = sshd.inventory(tmp_path, 3)
        content = yaml.safe_load(path.read_text())
        content["hosts"]["bad"] = {"address": "127.0.0.1"} | bad
        path.write_text(yaml.safe_dump(content))
        return fleetctl("run", "-i", path, "-o", "json", *PATIENCE, *options, line)

    return run


def outcome_of_bad(ran: Ran) -> Any:
    """What became of `bad`, once it is clear that the rest is well."""
    hosts = {host["host"]: host for host in ran.json["hosts"]}
    assert {name: hosts[name]["status"] for name in ("h001", "h002", "h003")} == dict.fromkeys(
        ("h001", "h002", "h003"), "ok"
    )
    bad = hosts["bad"]
    assert bad["error"]["hint"]
    assert sanitize(bad["error"]["message"]) in ran.stderr
    assert ran.exit_code == 3
    return bad


def with_server(behave: broken.Behave) -> AbstractContextManager[int]:
    return broken.server(behave)


@contextmanager
def nothing_there() -> Iterator[int]:
    yield broken.free_port()


@pytest.mark.parametrize(
    ("place", "code"),
    [
        (nothing_there(), "connection-refused"),
        (broken.black_hole(), "connect-timeout"),
        (with_server(broken.silent), "connect-timeout"),
        (with_server(broken.closes), "turned-away"),
        (with_server(broken.resets), "turned-away"),
        (with_server(broken.speaks_http), "protocol-failure"),
        (with_server(broken.speaks_ssh_1), "protocol-failure"),
        (with_server(broken.stalls_after_banner), "connect-timeout"),
        (with_server(broken.dies_in_key_exchange), "protocol-failure"),
        (with_server(broken.sends_garbage_after_banner), "protocol-failure"),
        (with_server(broken.knows_no_algorithm), "no-common-algorithm"),
    ],
    ids=[
        "refused", "black hole", "no banner", "closes at once", "resets at once", "not ssh", "ssh 1",
        "key exchange stalls", "key exchange dies", "garbage", "no common algorithm",
    ],
)  # fmt: skip
def test_a_host_that_cannot_be_reached(run: Any, place: AbstractContextManager[int], code: str) -> None:
    with place as port:
        bad = outcome_of_bad(run(port=port))
    assert (bad["status"], bad["error"]["code"], bad["exit_code"]) == ("unreachable", code, None)
    assert bad["remote_ended"]


def test_a_name_that_nobody_knows(run: Any) -> None:
    bad = outcome_of_bad(run(address="no-such-host.invalid"))
    assert (bad["status"], bad["error"]["code"]) == ("unreachable", "name-unknown")


def test_a_server_without_a_cipher_in_common(run: Any, start_sshd: SshdStarter) -> None:
    server = start_sshd("Ciphers chacha20-poly1305@openssh.com")
    bad = outcome_of_bad(run(address="127.0.1.9", port=server.port))
    assert bad["error"]["code"] == "no-common-algorithm"
    assert "cipher" in bad["error"]["message"]


def test_a_server_that_is_too_busy_is_tried_again(run: Any, sshd: Sshd, tmp_path: Path) -> None:
    turned_away: list[int] = []

    def busy_at_first(connection: Any) -> None:
        turned_away.append(1)
        connection.close()

    with broken.server(busy_at_first) as port:
        bad = outcome_of_bad(run("--retries", "2", port=port))
    assert bad["attempts"] == len(turned_away) == 3


def test_words_of_a_server_cannot_act_on_the_terminal(run: Any) -> None:
    with broken.server(broken.speaks_http) as port:
        ran = run(port=port)
    assert "\x1b" not in ran.stderr


def test_a_connection_cut_in_mid_output_keeps_what_came_before(run: Any, sshd: Sshd, tmp_path: Path) -> None:
    known = tmp_path / "cut_known"
    with broken.cutting_relay(("127.0.1.9", sshd.port), 400_000) as port:
        known.write_text(f"[127.0.0.1]:{port} {sshd.host_keys.public('ed25519')}\n")
        ran = run(port=port, known_hosts=str(known), line="seq 30000; test $SSH_CONNECTION; sleep 1; seq 300000")
        hosts = {host["host"]: host for host in ran.json["hosts"]}
    bad = hosts["bad"]
    assert (bad["status"], bad["error"]["code"], bad["remote_ended"]) == ("unreachable", "connection-lost", False)
    assert bad["stdout"].startswith("1\n2\n3\n")
    assert len(bad["stdout"]) > 200_000
    assert {hosts[name]["status"] for name in ("h001", "h002", "h003")} == {"ok"}


def test_a_server_that_opens_no_session(run: Any, start_sshd: SshdStarter, sshd: Sshd, tmp_path: Path) -> None:
    server = start_sshd("MaxSessions 0")
    known = server.known_hosts(tmp_path / "known", ["127.0.1.9"])
    ran = run(address="127.0.1.9", port=server.port, known_hosts=str(known))
    hosts = {host["host"]: host for host in ran.json["hosts"]}
    assert (hosts["bad"]["status"], hosts["bad"]["error"]["code"]) == ("error", "channel-refused")
    assert "MaxSessions" in hosts["bad"]["error"]["hint"]
    assert hosts["bad"]["remote_ended"]
    assert ran.exit_code == 1


def test_a_slow_host_delays_nobody_s_lines(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    inventory = sshd.inventory(tmp_path, 3)
    gate = sshd.directory / "gate"  # a place that the test user can look into
    line = f"case $SSH_CONNECTION in *127.0.1.2*) until [ -e {gate} ]; do sleep 0.1; done;; esac; echo done"
    with fleetctl.start("run", "-i", inventory, line) as running:
        running.wait_for("h001: done")
        running.wait_for("h003: done")
        assert "h002: done" not in running.stdout
        gate.touch()
        assert running.finish().exit_code == 0
    gate.unlink()
    assert "h002: done" in running.stdout
