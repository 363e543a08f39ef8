"""Variables and directory of a command, proven by a shell that reads the line."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.operations.command import path_word, surrounded

VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


def answer(line: str, cwd: Path, shell: str = "/bin/sh") -> subprocess.CompletedProcess[str]:
    """What a login shell makes of a line, as sshd gives it: `$SHELL -c LINE`."""
    return subprocess.run(
        [shell, "-c", line], env={"SHELL": shell, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}, cwd=cwd,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip


def test_a_bare_line_is_left_as_it_is() -> None:
    assert surrounded("df -h; echo $HOME", {}, "") == "df -h; echo $HOME"


@given(value=VALUES)
def test_any_value_arrives_unchanged(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    line = surrounded('printf %s "$GREETING"', {"GREETING": value}, "")
    assert answer(line, tmp_path_factory.getbasetemp()).stdout.encode() == _as_text(value)


@pytest.mark.parametrize(
    "name", ["plain", "with blank", "it's", '"quoted"', "$HOME", "a;b", "*", "-x", "ä", "new\nline"]
)
def test_any_directory_is_entered(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "here").touch()
    assert answer(surrounded("ls", {}, name), tmp_path).stdout == "here\n"
    assert answer(surrounded("ls", {}, str(tmp_path / name)), tmp_path).stdout == "here\n"


def test_a_missing_directory_ends_it_before_anything_runs(tmp_path: Path) -> None:
    done = answer(surrounded("touch ran; touch ran2 || true", {"A": "b"}, "nowhere"), tmp_path)
    assert done.returncode != 0
    assert list(tmp_path.iterdir()) == []


def test_the_exit_code_is_that_of_the_line(tmp_path: Path) -> None:
    assert answer(surrounded("exit 7", {"A": "b"}, str(tmp_path)), tmp_path).returncode == 7


def test_variables_and_directory_hold_for_the_whole_line(tmp_path: Path) -> None:
    line = surrounded("echo $A; false || (pwd; echo $A)", {"A": "x"}, str(tmp_path))
    assert answer(line, Path("/")).stdout == f"x\n{tmp_path}\nx\n"


def _as_text(value: str) -> bytes:
    """Python's text mode reads every line end as one of its own."""
    return value.replace("\r\n", "\n").replace("\r", "\n").encode()


def test_a_tilde_is_home_and_what_follows_it_is_as_it_is(tmp_path: Path) -> None:
    inside = tmp_path / "it's $HOME"
    inside.mkdir()
    for path in (f"~/{inside.name}", f"~//{inside.name}/"):
        line = surrounded("pwd", {}, path)
        assert answer(f"HOME={shlex.quote(str(tmp_path))}; {line}", Path("/")).stdout == f"{inside}\n"
    assert path_word("~") == "~"
    assert path_word("~root/x") == "'~root/x'"


@pytest.mark.parametrize("shell", [path for name in ("sh", "bash", "tcsh", "fish") if (path := shutil.which(name))])
def test_variables_and_directory_are_the_same_in_every_login_shell(tmp_path: Path, shell: str) -> None:
    (tmp_path / "new\nline !! 'x\\\\y'").mkdir()
    for value in ("two\nlines", "100 % !! $HOME `id`", "back\\\\slash\\n", 'it\'s "q"'):
        for directory in ("new\nline !! 'x\\\\y'", ""):
            line = surrounded("pwd; printenv VALUE; exit 3", {"VALUE": value}, directory)
            done = answer(line, tmp_path, shell)
            assert (done.returncode, done.stderr) == (3, "")
            assert done.stdout == f"{tmp_path / directory}\n{value}\n"
