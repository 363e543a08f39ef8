"""`fleetctl secret` as people use it: at a terminal, in pipes, with an editor; and what it leaves behind."""

from __future__ import annotations

import shlex
import shutil
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.fleetctl import Fleetctl, Ran
from tests.support.keys import PASSPHRASE, KeySet
from tests.support.secrecy import keep, secret

VALUE = keep("value in the vault", "hunter2-and-more")


@pytest.fixture
def own_key(fleetctl: Fleetctl, client_keys: KeySet) -> Path:
    """~/.ssh/id_ed25519, alone."""
    ssh = fleetctl.home / ".ssh"
    ssh.mkdir(mode=0o700)
    return Path(shutil.copy(client_keys.path("ed25519"), ssh / "id_ed25519"))


@pytest.fixture
def vault(fleetctl: Fleetctl, own_key: Path) -> Path:
    """The user's own vault, with `web` in it."""
    assert put(fleetctl, "web", VALUE).exit_code == 0
    return fleetctl.home / ".config" / "fleetctl" / "vault.age"


def put(fleetctl: Fleetctl, name: str, value: str) -> Ran:
    return fleetctl("secret", "set", name, stdin=f"{value}\n")


def get(fleetctl: Fleetctl, name: str) -> str:
    ran = fleetctl("secret", "get", name, shows=[VALUE])
    assert ran.exit_code == 0
    return ran.stdout


def editor(tmp_path: Path, code: str) -> dict[str, str]:
    """The variable that makes an editor of Python code, which finds the file at `path`."""
    script = tmp_path / "editor.py"
    script.write_text(f"import os, pathlib, sys\npath = pathlib.Path(sys.argv[1])\n{code}\n")
    return {"EDITOR": shlex.join([sys.executable, str(script)])}


def test_the_first_secret_makes_a_vault_for_ones_own_key(fleetctl: Fleetctl, own_key: Path) -> None:
    ran = put(fleetctl, "web", VALUE)
    assert (ran.exit_code, ran.stdout) == (0, "")
    assert f"vault.age, which is opened by {own_key}" in ran.stderr
    assert get(fleetctl, "web") == f"{VALUE}\n"


def test_what_is_typed_is_asked_for_twice_and_not_echoed(fleetctl: Fleetctl, own_key: Path) -> None:
    with fleetctl.on_terminal("secret", "set", "web") as running:
        running.wait_for("Secret for web: ")
        running.type(f"{VALUE}\n")
        running.wait_for("The same again: ")
        running.type(f"{VALUE}\n")
        ran = running.finish()
    assert ran.exit_code == 0
    assert "added web" in ran.stdout
    assert VALUE not in ran.stdout
    assert get(fleetctl, "web") == f"{VALUE}\n"


def test_two_that_differ_change_nothing(fleetctl: Fleetctl, vault: Path) -> None:
    before = vault.read_bytes()
    with fleetctl.on_terminal("secret", "set", "web") as running:
        running.wait_for("Secret for web: ")
        running.type("one\n")
        running.wait_for("The same again: ")
        running.type("other\n")
        ran = running.finish()
    assert ran.exit_code == 2
    assert "the two are not the same" in ran.stdout
    assert vault.read_bytes() == before


def test_a_secret_as_an_argument_is_refused_and_not_repeated(fleetctl: Fleetctl, vault: Path) -> None:
    ran = fleetctl("secret", "set", "mail", VALUE)
    assert ran.exit_code == 2
    assert "a secret is never an argument" in ran.stderr
    assert VALUE not in ran.stdout + ran.stderr
    assert fleetctl("secret", "list").stdout == "web\n"


@pytest.mark.parametrize(
    ("piped", "said"),
    [(b"", "nothing was piped in"), (b"\xff", "is not text"), (b"x" * 1_000_001, "longer than a million bytes")],
    ids=["nothing", "no text", "too long"],
)
def test_nothing_usable_on_stdin_is_told(fleetctl: Fleetctl, vault: Path, piped: bytes, said: str) -> None:
    ran = fleetctl("secret", "set", "web", stdin=piped)
    assert ran.exit_code == 2
    assert said in ran.stderr
    assert get(fleetctl, "web") == f"{VALUE}\n"


def test_lines_that_are_piped_in_stay_lines(fleetctl: Fleetctl, vault: Path) -> None:
    put(fleetctl, "web", "one\ntwo")
    assert get(fleetctl, "web") == "one\ntwo\n"


def test_a_list_shows_names_alone(fleetctl: Fleetctl, vault: Path) -> None:
    put(fleetctl, "db/root", "other")
    ran = fleetctl("secret", "list")
    assert ran.stdout == "db/root\nweb\n"
    assert VALUE not in ran.stderr


def test_taking_out_wants_a_yes(fleetctl: Fleetctl, vault: Path) -> None:
    assert fleetctl("secret", "rm", "web").exit_code == 2
    for answer, left in (("n", "web\n"), ("y", "")):
        with fleetctl.on_terminal("secret", "rm", "web") as running:
            running.wait_for("Remove web from the vault?")
            running.type(f"{answer}\n")
            running.finish()
        assert fleetctl("secret", "list").stdout == left


def test_taking_out_with_y_asks_nothing(fleetctl: Fleetctl, vault: Path) -> None:
    assert fleetctl("secret", "rm", "-y", "web").exit_code == 0
    ran = fleetctl("secret", "rm", "-y", "web")
    assert ran.exit_code == 2
    assert "web is not in the vault" in ran.stderr


def test_an_editor_changes_adds_and_takes_out(fleetctl: Fleetctl, vault: Path, tmp_path: Path) -> None:
    put(fleetctl, "mail", "x")
    lines = "web: 0123\nnew/one: yes\n'quoted': '# : x'\n"
    ran = fleetctl("secret", "edit", env=editor(tmp_path, f"path.write_text({lines!r})"))
    assert ran.exit_code == 0
    assert "changed mail, new/one, quoted, web" in ran.stderr
    assert fleetctl("secret", "list").stdout == "new/one\nquoted\nweb\n"
    assert [get(fleetctl, name) for name in ("web", "new/one", "quoted")] == ["0123\n", "yes\n", "# : x\n"]


@pytest.mark.parametrize(
    "value", ["0123", "yes", "a: b # c", "'q'", '"', " blank ", "a\nb", "ü", "~", "\\", "{x", "*a"]
)
def test_any_secret_survives_the_editor(fleetctl: Fleetctl, vault: Path, tmp_path: Path, value: str) -> None:
    put(fleetctl, "odd", value)
    environment = editor(tmp_path, "path.write_text(path.read_text() + 'more: x\\n')")
    assert fleetctl("secret", "edit", env=environment).exit_code == 0
    assert get(fleetctl, "odd") == f"{value}\n"


def test_an_unchanged_file_writes_nothing(fleetctl: Fleetctl, vault: Path, tmp_path: Path) -> None:
    before = vault.read_bytes(), vault.stat().st_mtime_ns
    ran = fleetctl("secret", "edit", env=editor(tmp_path, "path.write_text(path.read_text())"))
    assert "nothing was changed" in ran.stderr
    assert (vault.read_bytes(), vault.stat().st_mtime_ns) == before


_LOOK = """
look = pathlib.Path({seen!r})
(path.parent / ".swap").write_text("left by an editor")
look.write_text(f"{{path}} {{path.stat().st_mode & 0o777:o}} {{path.parent.stat().st_mode & 0o777:o}}")
"""


@pytest.mark.parametrize(
    ("then", "exit_code"),
    [("", 0), ("sys.exit(3)", 2), ("path.write_text('[')", 2), ("path.write_bytes(b'\\xff')", 2), ("path.unlink()", 1)],
)
def test_the_file_is_private_and_gone_in_the_end(
    fleetctl: Fleetctl, vault: Path, tmp_path: Path, then: str, exit_code: int
) -> None:
    seen = tmp_path / "seen"
    ran = fleetctl("secret", "edit", env=editor(tmp_path, _LOOK.format(seen=str(seen)) + then))
    assert ran.exit_code == exit_code
    path, mode, around = seen.read_text().split()
    assert (mode, around) == ("600", "700")
    assert not Path(path).parent.exists()
    assert get(fleetctl, "web") == f"{VALUE}\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_file_is_gone_also_when_fleetctl_is_ended(
    fleetctl: Fleetctl, vault: Path, tmp_path: Path, number: signal.Signals
) -> None:
    waits = "print('at', path, flush=True)\nsys.stdin.read()"
    with fleetctl.on_terminal("secret", "edit", env=editor(tmp_path, waits)) as running:
        running.wait_for_match(r"at (\S+)\r?\n")
        path = Path(running.stdout.split("at ")[1].split()[0])
        assert path.exists()
        running.signal(number)
        assert running.finish().exit_code == 128 + number
    assert not path.parent.exists()


def test_an_editor_that_will_not_end_is_ended(fleetctl: Fleetctl, vault: Path, tmp_path: Path) -> None:
    stubborn = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('at', path, os.getpid(), flush=True)
while True: signal.pause()
"""
    with fleetctl.on_terminal("secret", "edit", env=editor(tmp_path, stubborn)) as running:
        running.wait_for_match(r"at \S+ \d+\r?\n")
        path, pid = running.stdout.split("at ")[1].split()[:2]
        running.signal(signal.SIGTERM)
        assert running.finish().exit_code == 128 + signal.SIGTERM
    assert not Path(path).parent.exists()
    assert not Path("/proc", pid).exists()


def test_ctrl_c_is_for_the_editor(fleetctl: Fleetctl, vault: Path, tmp_path: Path) -> None:
    takes_it = """
import signal
signal.signal(signal.SIGINT, lambda *_: (path.write_text('web: caught'), sys.exit(0)))
print('ready', flush=True)
signal.pause()
"""
    with fleetctl.on_terminal("secret", "edit", env=editor(tmp_path, takes_it)) as running:
        running.wait_for("ready")
        running.type("\x03")
        assert running.finish().exit_code == 0
    assert get(fleetctl, "web") == "caught\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"web: '{VALUE}", 1), (f"web: x\nweb: {VALUE}", 2), (f"web: [{VALUE}]", 1), (f"{VALUE} {VALUE}: x", 1),
        (f"web: *{VALUE}", 1), (f"ok: x\n[{VALUE}]: x", 2), ("web:", 1), (VALUE, 0), (f"- {VALUE}", 0),
        (f"web: x\n--- {VALUE}\n--- x", 2),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_with_its_line_and_not_shown(
    fleetctl: Fleetctl, vault: Path, tmp_path: Path, text: str, line: int
) -> None:
    ran = fleetctl("secret", "edit", env=editor(tmp_path, f"path.write_text({text!r})"))
    assert ran.exit_code == 2
    assert VALUE not in ran.stdout + ran.stderr
    assert not line or f"line {line}: " in ran.stderr
    assert "nothing was changed" in ran.stderr


def test_a_mistake_can_be_mended_in_the_editor(fleetctl: Fleetctl, vault: Path, tmp_path: Path) -> None:
    mends = "path.write_text('web: mended' if path.read_text() == '[' else '[')"
    with fleetctl.on_terminal("secret", "edit", env=editor(tmp_path, mends)) as running:
        running.wait_for("Edit it again?")
        running.type("y\n")
        assert running.finish().exit_code == 0
    assert get(fleetctl, "web") == "mended\n"


def test_a_passphrase_locks_and_opens_it(fleetctl: Fleetctl) -> None:
    with fleetctl.on_terminal("secret", "set", "web") as running:  # without a key of one's own
        for prompt, typed in (
            ("New passphrase for the vault: ", PASSPHRASE), ("The same again: ", PASSPHRASE),
            ("Secret for web: ", VALUE), (r"Secret for web: \s*The same again: ", VALUE),
        ):  # fmt: skip
            running.wait_for_match(prompt)
            running.type(f"{typed}\n")
        assert running.finish().exit_code == 0
    with fleetctl.on_terminal("secret", "get", "web", shows=[VALUE]) as running:
        running.wait_for("Passphrase for vault ")
        running.type(f"{secret('wrong passphrase')}\n")
        running.wait_for("Wrong passphrase. Once more for vault ")
        running.type(f"{PASSPHRASE}\n")
        ran = running.finish()
    assert ran.exit_code == 0
    assert ran.stdout.endswith(f"{VALUE}\r\n")
    assert PASSPHRASE not in ran.stdout


def test_a_vault_is_made_for_several_keys(fleetctl: Fleetctl, own_key: Path, client_keys: KeySet) -> None:
    recipients = [word for name in ("rsa", "ed25519") for word in ("-r", f"{client_keys.path(name)}.pub")]
    assert fleetctl("secret", "init", *recipients).exit_code == 0
    put(fleetctl, "web", VALUE)
    for key in (client_keys.path("rsa"), own_key):
        assert fleetctl("secret", "get", "web", "--vault-key", key, shows=[VALUE]).stdout == f"{VALUE}\n"
    variables = {"FLEETCTL_VAULT_KEY": str(client_keys.path("stranger"))}
    assert "none of your keys opens" in fleetctl("secret", "get", "web", env=variables).stderr


def test_a_vault_is_locked_anew(fleetctl: Fleetctl, vault: Path, client_keys: KeySet) -> None:
    assert "there is a vault" in fleetctl("secret", "init").stderr
    ran = fleetctl("secret", "init", "-r", f"{client_keys.path('rsa')}.pub")
    assert ran.exit_code == 0
    assert "none of your own keys opens it" in ran.stderr
    assert "none of your keys opens" in fleetctl("secret", "list").stderr
    assert fleetctl("secret", "list", "--vault-key", client_keys.path("rsa")).stdout == "web\n"


def test_a_vault_elsewhere_is_named(fleetctl: Fleetctl, own_key: Path, tmp_path: Path) -> None:
    one, other = tmp_path / "one.age", tmp_path / "deep" / "other.age"
    fleetctl("secret", "set", "web", "--vault", one, stdin="1")
    fleetctl("secret", "set", "web", stdin="2", env={"FLEETCTL_VAULT": str(other)})
    assert fleetctl("secret", "get", "web", env={"FLEETCTL_VAULT": str(one)}).stdout == "1\n"
    assert fleetctl("secret", "get", "web", "--vault", other).stdout == "2\n"


@pytest.mark.parametrize("words", [("--vault", "~nobody-here/vault"), ("--vault-key", "~nobody-here/key")])
def test_the_home_of_somebody_who_is_not_there_is_no_place(fleetctl: Fleetctl, words: tuple[str, ...]) -> None:
    ran = fleetctl("secret", "list", *words)
    assert ran.exit_code == 2
    assert "there is no vault" in ran.stderr


def test_two_commands_at_once_lose_nothing(fleetctl: Fleetctl, vault: Path) -> None:
    with ThreadPoolExecutor(6) as workers:
        rans = list(workers.map(lambda number: put(fleetctl, f"n{number}", "x"), range(6)))
    assert [ran.exit_code for ran in rans] == [0] * 6
    assert fleetctl("secret", "list").stdout.split() == [*(f"n{number}" for number in range(6)), "web"]
