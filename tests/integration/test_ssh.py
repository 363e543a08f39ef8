"""`fleetctl ssh`: a shell of one host on our terminal, and what becomes of that terminal."""

from __future__ import annotations

import re
import signal
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support import broken, processes
from tests.support.fleetctl import Fleetctl, own_mistakes
from tests.support.running import Running
from tests.support.sshd import Sshd, SshdStarter


@pytest.fixture
def shell(fleetctl: Fleetctl, one: Path) -> Iterator[Running]:
    """A shell on h001 that has said something and echoes nothing."""
    with _shell(fleetctl, one) as running:
        yield running


@contextmanager
def _shell(fleetctl: Fleetctl, inventory: Path, columns: int = 100, lines: int = 30) -> Iterator[Running]:
    with fleetctl.on_terminal("ssh", "-i", inventory, "h001", columns=columns, lines=lines) as running:
        running.type("stty -echo; echo read''y\n")
        running.wait_for("ready")
        yield running


def _ended(running: Running) -> tuple[int, str]:
    """The exit code and what was on the screen, when the terminal is as it was at first."""
    ran = running.finish()
    assert _is_cooked(running)
    assert own_mistakes(ran.stdout) == []
    return ran.exit_code, ran.stdout


def _is_cooked(running: Running) -> bool:
    _, oflag, _, lflag, *_ = running.terminal_settings
    wanted = termios.ICANON | termios.ECHO | termios.ISIG
    return lflag & wanted == wanted and bool(oflag & termios.OPOST)


def test_what_is_typed_is_run_and_the_exit_code_of_the_shell_is_ours(shell: Running, sshd: Sshd) -> None:
    shell.type("echo I am $(id -un)\n")
    shell.wait_for(f"I am {sshd.user}")
    shell.type("exit 7\n")
    assert _ended(shell)[0] == 7


def test_the_terminal_is_raw_meanwhile_and_afterwards_as_it_was(fleetctl: Fleetctl, one: Path) -> None:
    with fleetctl.on_terminal("ssh", "-i", one, "h001") as running:
        before = running.terminal_settings
        running.type("echo read''y\n")
        running.wait_for("ready")
        assert not _is_cooked(running)
        running.type("exit\n")
        assert running.finish().exit_code == 0
        assert running.terminal_settings == before


def test_the_far_terminal_is_of_the_same_kind_and_size_as_ours(fleetctl: Fleetctl, one: Path) -> None:
    with _shell(fleetctl, one, columns=97, lines=31) as shell:
        shell.type("echo $TERM $(stty size); exit\n")
        assert "xterm-256color 31 97" in _ended(shell)[1]


def test_the_far_terminal_has_the_settings_of_ours(fleetctl: Fleetctl, one: Path) -> None:
    with fleetctl.on_terminal("ssh", "-i", one, "h001", "stty -a; echo ov''er; read x") as running:
        attributes = running.terminal_settings
        running.wait_for("over")
        erase = attributes[6][termios.VERASE]
        assert f"erase = {'^?' if erase == bytes([127]) else '^H'};" in running.stdout
        assert ("-iutf8" in running.stdout) == (not attributes[0] & 0o40000)


def test_a_change_of_the_windows_size_is_seen_there(shell: Running) -> None:
    shell.type("""until [ "$(stty size)" = "44 133" ]; do sleep 0.05; echo ask''ed; done; echo it is see''n\n""")
    shell.wait_for("asked")
    shell.resize(133, 44)
    shell.wait_for("it is seen")


def test_ctrl_c_interrupts_what_runs_there_and_not_us(shell: Running) -> None:
    shell.type("sh -c 'echo begun; exec sleep 1000'; echo not''yet\n")
    shell.wait_for("begun")
    shell.type("\x03")
    shell.wait_for_match(r"begun\s+\$ $")
    shell.type("exit 9\n")
    code, shown = _ended(shell)
    assert code == 9
    assert "notyet" not in shown


def test_a_tilde_and_a_dot_at_the_beginning_of_a_line_disconnect(shell: Running) -> None:
    shell.type("echo a~.b; sleep 1000\r")
    shell.wait_for("a~.b")
    shell.type("~.")
    code, shown = _ended(shell)
    assert code == 255
    assert "h001: disconnected" in shown


def test_two_tildes_are_one(shell: Running) -> None:
    shell.type("cat\n~~.x\n")
    shell.wait_for_match(r"(?<!~)~\.x")
    shell.type("\x04exit\n")
    assert _ended(shell)[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_it_and_leaves_the_terminal_as_it_was(shell: Running, number: signal.Signals) -> None:
    shell.signal(number)
    assert _ended(shell)[0] == 130


def test_even_when_its_terminal_takes_nothing_more_it_is_as_before(shell: Running) -> None:
    shell.type("yes\n")
    shell.wait_for("y\r\ny\r\n")
    # Nobody reads from the terminal any more: the first signal finds it writing, and a later one leaves at once.
    for _ in range(20):
        shell.signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            assert shell.process.wait(1) == 130
            break
    assert _is_cooked(shell)


def test_a_connection_that_is_lost_is_told_and_the_terminal_is_as_it_was(
    fleetctl: Fleetctl, start_sshd: SshdStarter, tmp_path: Path
) -> None:
    server = start_sshd()
    with _shell(fleetctl, server.inventory(tmp_path, 1)) as shell:
        shell.type("echo parent $PPID; sleep 1000\n")
        shell.wait_for_match(r"parent \d+\r\n")
        found = re.search(r"parent (\d+)\r\n", shell.stdout)
        assert found
        processes.end([int(found[1])])
        code, shown = _ended(shell)
    assert code == 3
    assert "h001: the connection ended: closed by the server" in shown


def test_without_a_terminal_here_there_is_none_there(fleetctl: Fleetctl, one: Path) -> None:
    script = "tty\necho out\necho err >&2\nexit 5\n"
    ran = fleetctl("ssh", "-i", one, "h001", stdin=script)
    assert (ran.exit_code, ran.stdout, ran.stderr) == (5, "not a tty\nout\n", "err\n")


def test_a_command_gets_what_is_piped_in_to_its_end(fleetctl: Fleetctl, one: Path) -> None:
    data = bytes(range(256)) * 4096
    ran = fleetctl("ssh", "-i", one, "h001", "cat", "-", stdin=data)
    assert (ran.exit_code, ran.stdout_bytes, ran.stderr) == (0, data, "")


def test_a_command_that_does_not_read_ends_all_the_same(fleetctl: Fleetctl, one: Path) -> None:
    ran = fleetctl("ssh", "-i", one, "h001", "exit 4", stdin=bytes(8_000_000))
    assert ran.exit_code == 4


def test_a_command_has_our_terminal_too(fleetctl: Fleetctl, one: Path) -> None:
    with fleetctl.on_terminal("ssh", "-i", one, "h001", "tty; read x; exit $x") as running:
        running.wait_for("/dev/pts/")
        running.type("6\n")
        assert _ended(running)[0] == 6


def test_a_terminal_can_be_asked_for_and_declined(fleetctl: Fleetctl, one: Path) -> None:
    assert "/dev/pts/" in fleetctl("ssh", "--pty", "-i", one, "h001", "tty").stdout
    with fleetctl.on_terminal("ssh", "--no-pty", "-i", one, "h001", "tty") as running:
        assert "not a tty" in _ended(running)[1]


def test_a_server_that_gives_no_terminal_is_told(fleetctl: Fleetctl, start_sshd: SshdStarter, tmp_path: Path) -> None:
    inventory = start_sshd("PermitTTY no").inventory(tmp_path, 1)
    ran = fleetctl("ssh", "--pty", "-i", inventory, "h001", "true")
    assert (ran.exit_code, ran.stdout) == (3, "")
    assert "h001: the server gives no terminal" in ran.stderr
    assert "--no-pty does without" in ran.stderr
    assert fleetctl("ssh", "--no-pty", "-i", inventory, "h001", "true").exit_code == 0


def test_a_command_that_a_signal_ends_has_no_exit_code(fleetctl: Fleetctl, one: Path) -> None:
    ran = fleetctl("ssh", "-i", one, "h001", "kill -9 $$")
    assert ran.exit_code == 255
    assert "h001: ended by a signal" in ran.stderr


def test_much_output_goes_through_without_being_kept(fleetctl: Fleetctl, one: Path) -> None:
    size = 100_000_000
    command = f"head -c {size} /dev/zero; echo over >&2; read x"
    with fleetctl.start("ssh", "-i", one, "h001", command, keyboard=True) as running:
        assert running.skip_output(size) == size
        running.wait_for("over")
        peak = processes.most_memory(running.process.pid)
        running.type("\n")
        assert running.finish().exit_code == 0
    assert peak < 100_000_000


def test_a_host_need_not_be_in_an_inventory(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    known = sshd.known_hosts(tmp_path / "known", ["127.0.1.1"])
    ran = fleetctl(
        "ssh", "--known-hosts", known, "--key", sshd.key(), f"{sshd.user}@127.0.1.1:{sshd.port}", "echo", "it is me"
    )
    assert (ran.exit_code, ran.stdout) == (0, "it is me\n")


def test_a_target_must_be_one_host(fleetctl: Fleetctl, three: Path) -> None:
    for target in ("h*", "h[001-003]"):
        ran = fleetctl("ssh", "-i", three, target)
        assert (ran.exit_code, ran.stdout) == (2, "")
        assert f"'{target}' selects 3 hosts, and one is wanted" in ran.stderr
        assert "name one of h[001-003]" in ran.stderr
    assert fleetctl("ssh", "-i", three, "h*!h[001-002]", "echo $SSH_CONNECTION").stdout.split()[2] == "127.0.1.3"


def test_the_name_of_a_group_is_a_target(fleetctl: Fleetctl) -> None:
    (fleetctl.home / "inventory.yaml").write_text("groups: {web: {hosts: 'w[1-2]'}}\n")
    for word in ("web", "@web"):
        ran = fleetctl("ssh", word)
        assert ran.exit_code == 2
        assert "selects 2 hosts" in ran.stderr


def test_options_behind_the_host_are_not_taken_for_a_command(fleetctl: Fleetctl) -> None:
    ran = fleetctl("ssh", "web01", "-u", "root")
    assert ran.exit_code == 2
    assert "-u stands behind HOST" in ran.stderr


def test_a_host_that_cannot_be_reached_denies_or_is_not_known_is_told_with_what_to_do(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path
) -> None:
    port = broken.free_port()
    nothing = fleetctl("ssh", f"127.0.0.1:{port}")
    assert (nothing.exit_code, "connection refused" in nothing.stderr) == (3, True)
    unknown = fleetctl("ssh", f"127.0.1.1:{sshd.port}")
    assert (unknown.exit_code, "fleetctl trust -H 127.0.1.1" in unknown.stderr) == (3, True)
    inventory = sshd.inventory(tmp_path, 1, keys=[str(sshd.key("stranger"))])
    denied = fleetctl("ssh", "-i", inventory, "h001")
    assert (denied.exit_code, f"login as {sshd.user} denied" in denied.stderr) == (3, True)


def test_bastions_are_gone_through(fleetctl: Fleetctl, start_sshd: SshdStarter, tmp_path: Path) -> None:
    server = start_sshd()
    ran = fleetctl("ssh", "-i", server.inventory(tmp_path, 2), "-J", "h002", "h001", "echo $SSH_CONNECTION")
    assert (ran.exit_code, ran.stdout.split()[2]) == (0, "127.0.1.1")
    assert server.log.count("Accepted publickey") == 2
