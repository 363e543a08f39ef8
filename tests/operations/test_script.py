"""A local script on its way to a host: how it is read, and what the shells there make of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fleetctl.cancel import Cancel
from fleetctl.errors import TransferError, UsageError
from fleetctl.events import Outcome, Status
from fleetctl.model import Host, Login
from fleetctl.operations import Context
from fleetctl.operations.script import LARGEST, Script, Source, read_script
from fleetctl.operations.stdin import Following
from fleetctl.ssh.session import Ended
from fleetctl.transfer.shared import Shared

SHELLS = [shell for shell in ("sh", "bash", "dash", "zsh", "tcsh", "csh", "fish", "busybox") if shutil.which(shell)]
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


class Here:
    """A session whose host is this machine; `run` alone, and what it reads may break off after some bytes."""

    def __init__(self, shell: str = "sh", path: str = os.environ["PATH"], breaks_off: int | None = None) -> None:
        self._start = [shell, "sh"] if shell == "busybox" else [shell]
        self._environment = {"PATH": path, "SHELL": "/bin/sh", "LANG": "C.UTF-8"}
        self._breaks_off = breaks_off

    def run(self, command: str, receive: Any, _cancel: Cancel, *, stdin: Any, **_how: Any) -> Ended:
        data = b""
        while more := stdin.read(len(data), 1.0):
            data += more
        done = subprocess.run(
            [*self._start, "-c", command], env=self._environment, input=data[: self._breaks_off], capture_output=True,
            timeout=60, check=False,
        )  # fmt: skip
        for stream, said in (("stderr", done.stderr), ("stdout", done.stdout)):
            for place in range(0, len(said), 7):  # marks come in pieces, too
                receive(stream, said[place : place + 7])
        return Ended(done.returncode)


def perform(script: Script, session: Here, stdin: bytes | None = None) -> tuple[Outcome, bytes, bytes]:
    """Returns: how it ended, and what it wrote to stdout and to stderr."""
    said = {"stdout": b"", "stderr": b""}

    def emit(stream: str, data: bytes) -> None:
        said[stream] += data

    with Cancel() as cancel:
        reads = None if stdin is None else Following(stdin)
        context = Context(Host("h", "127.0.0.1", Login("nobody")), emit, lambda _: None, cancel, Shared(), reads)
        outcome = script.perform(session, context)  # type: ignore[arg-type]  # all of one that it asks for
    return outcome, said["stdout"], said["stderr"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_runs_from_every_login_shell_in_a_directory_of_its_own(shell: str, tmp_path: Path) -> None:
    content = (
        b'umask; pwd; printf \'%s\\n\' "$0" "$@" "$A"; cat\n'
        b'ls -ld "$(dirname "$0")" "$0" | cut -c1-10; echo "to err" >&2; exit 3\n# \0 \xff'
    )
    script = Script(
        Source("some/de ploy'.sh", content), ("a b", "it's", "!x\\", "new\nline\n", "-n", ""), {"A": "$HOME"}, "/"
    )
    script = Script(script.source, script.args, script.env | {"TMPDIR": str(tmp_path)}, script.cwd)
    outcome, said, complaints = perform(script, Here(shell), b"what it \0 reads")
    umask, place, name, *words = said.decode().split("\n")
    assert (outcome.status, outcome.exit_code, complaints) == (Status.FAILED, 3, b"to err\n")
    assert (place, Path(name).name, Path(name).parent.parent) == ("/", "de ploy'.sh", tmp_path)
    assert umask == f"{os.umask(os.umask(0o22)):04o}"
    assert words == [
        "a b", "it's", "!x\\", "new", "line", "", "-n", "", "$HOME", "what it \0 readsdrwx------", "-rw-------", ""
    ]  # fmt: skip
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=25)
@given(content=st.binary(min_size=1, max_size=300), args=st.lists(WORDS, max_size=4), stdin=st.binary(max_size=50))
@example(content=b"\x1e", args=[], stdin=b"\x1e")
def test_any_script_and_any_words_arrive_as_they_are(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, args: list[str], stdin: bytes
) -> None:
    tell = 'for word do printf "%s\\0" "$word"; done >&2; cat "$0" -'
    source = Source("x", content, ("sh", "-c", tell))
    env = {"TMPDIR": str(tmp_path_factory.getbasetemp())}
    outcome, said, words = perform(Script(source, tuple(args), env), Here(), stdin)
    assert (outcome.status, said) == (Status.OK, content + stdin)
    assert words == "".join(f"{word}\0" for word in args).encode()


@pytest.mark.parametrize("tools", ["mkdir dd wc rm", "mkdir dd wc rm setsid mkfifo"])
def test_tools_may_be_older_and_fewer(tmp_path: Path, tools: str) -> None:
    """A dd that knows no `fullblock`, and no setsid: as on BSD and macOS."""
    (tmp_path / "bin").mkdir()
    for tool in (*tools.split(), "sh", "env", "cat"):
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool) or "")
    (tmp_path / "bin" / "dd").unlink()
    (tmp_path / "bin" / "dd").write_text(
        f'#!/bin/sh\ncase "$*" in *iflag*) exit 1;; esac\nexec {shutil.which("dd")} "$@"\n'
    )
    (tmp_path / "bin" / "dd").chmod(0o755)
    (tmp_path / "tmp").mkdir()
    source = Source("x", b"echo from the script; cat\n")
    ran = perform(Script(source, (), {"TMPDIR": str(tmp_path / "tmp")}), Here(path=str(tmp_path / "bin")), b"rest")
    assert ran == (Outcome(Status.OK, exit_code=0), b"from the script\nrest", b"")
    assert list((tmp_path / "tmp").iterdir()) == []


def test_half_a_script_is_never_run(tmp_path: Path) -> None:
    source = Source("x", b"touch ran\n# and more\n")
    script = Script(source, (), {"TMPDIR": str(tmp_path)}, str(tmp_path))
    with pytest.raises(TransferError, match="cannot keep the script"):
        perform(script, Here(breaks_off=12))
    assert list(tmp_path.iterdir()) == []


def test_a_host_that_cannot_keep_it_says_why(tmp_path: Path) -> None:
    (tmp_path / "mkdir").write_text("#!/bin/sh\necho no room >&2\nexit 1\n")
    (tmp_path / "mkdir").chmod(0o755)
    source = Source("x", b"touch ran\n")
    with pytest.raises(TransferError, match="cannot keep the script: no room") as raised:
        perform(Script(source, cwd=str(tmp_path)), Here(path=f"{tmp_path}:{os.environ['PATH']}"))
    assert "TMPDIR" in raised.value.hint
    assert not (tmp_path / "ran").exists()


def test_an_interpreter_that_is_missing_is_told(tmp_path: Path) -> None:
    source = Source("x", b"#!/nowhere/ruby\n", ("/nowhere/ruby",))
    outcome, _, complaints = perform(Script(source, (), {"TMPDIR": str(tmp_path)}), Here())
    assert (outcome.exit_code, outcome.error and outcome.error.code) == (127, "command-not-found")
    assert b"/nowhere/ruby" in complaints
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("first", "words"),
    [
        ("echo hi", ("sh",)),
        ("#!/usr/bin/env python3", ("/usr/bin/env", "python3")),
        ("#! /bin/bash -eu ", ("/bin/bash", "-eu")),
        ("#!/usr/bin/env -S python3 -u", ("/usr/bin/env", "-S python3 -u")),
        ("#!/bin/sh", ("/bin/sh",)),
    ],
)
def test_the_first_line_names_the_interpreter_as_the_system_reads_it(
    tmp_path: Path, first: str, words: tuple[str, ...]
) -> None:
    (tmp_path / "x").write_text(f"{first}\necho more\n")
    assert read_script(str(tmp_path / "x")).interpreter == words
    assert read_script(str(tmp_path / "x"), ["perl", "-w"]).interpreter == ("perl", "-w")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"#!/bin/sh\r\necho\r\n", "line ends of Windows"),
        (b"echo a\r\necho b\r\n", "line ends of Windows"),
        (b"\xef\xbb\xbf#!/bin/sh\necho\n", "byte order mark"),
        (b"#!\necho", "names no interpreter"),
        (b"\x7fELF\x02", "a program and no script"),
        (b"x" * (LARGEST + 1), "over 16 MiB"),
    ],
)
def test_what_is_no_script_is_refused_before_any_host_is_asked(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(UsageError, match=told):
        read_script(str(tmp_path / "x"))
    with pytest.raises(UsageError, match="no such file"):
        read_script(str(tmp_path / "y"))
    with pytest.raises(UsageError, match="is a directory"):
        read_script(str(tmp_path))


def test_no_repr_shows_a_script() -> None:
    script = Script(Source("a b.sh", b"PASSWORD=x"), ("c d",))
    assert "PASSWORD" not in repr(script)
    assert str(script) == "script 'a b.sh' 'c d'"


@pytest.mark.parametrize("shell", SHELLS)
def test_an_interpreter_that_is_not_there_is_told_in_one_line(tmp_path: Path, shell: str) -> None:
    (tmp_path / "x").write_text("#!/no/such/interpreter\n")
    outcome, _, said = perform(Script(read_script(str(tmp_path / "x"))), Here(shell))
    assert outcome.exit_code == 127
    assert re.fullmatch(rb"(busybox|sh): [^\n]*/no/such/interpreter: (not found|No such file or directory)\n", said)
