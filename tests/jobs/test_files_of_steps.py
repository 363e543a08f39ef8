"""What steps do with files, apart from moving them: templates with their lines, diffs, and gathering once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from fleetctl.errors import FleetError, StepFailed, TemplateFailed, UsageError
from fleetctl.jobs.actions.differing import MOST, Before
from fleetctl.jobs.actions.ours import told_as_failure
from fleetctl.jobs.templates import Renderer
from fleetctl.transfer.once import Once


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("a\n{{ vars.port }}\n{{ vars.prot }}\n", 3, "has no 'prot'"),
        ("{% for n in [1] %}\n\n{{ n / 0 }}{% endfor %}", 3, "ZeroDivisionError"),
        ("{% macro f(x) %}\n{{ x.y }}{% endmacro %}\n{{ f(1) }}", 2, "has no 'y'"),
        ("\n{{ oops", 2, "unexpected end"),
        ("{% include 'other' %}", 1, "no loader"),
    ],
)
def test_a_mistake_in_a_template_file_is_told_with_its_line(text: str, line: int, why: str) -> None:
    with pytest.raises(TemplateFailed) as raised:
        Renderer({"vars": {"port": 80}}).file(text, "etc/app.j2")
    assert raised.value.message.startswith(f"etc/app.j2:{line}: ")
    assert why in raised.value.message


def test_what_a_host_has_said_is_no_template() -> None:
    values = {"vars": {"said": "{{ 7 * 7 }}{% raw %}"}}
    assert Renderer(values).file("{{ vars.said }}\n", "a") == "{{ 7 * 7 }}{% raw %}\n"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (b"a\nb\n", b"a\nb\n", b""),
        (b"", b"a\n", b"@@ -0,0 +1 @@\n+a\n"),
        (b"a\nb\nc\n", b"a\nB\nc", b"@@ -1,3 +1,3 @@\n a\n-b\n-c\n+B\n+c\n\\ no newline at the end\n"),
        (b"a\0", b"b", b"(no text, or over 64 KiB: not compared)\n"),
        (b"a", b"b" * (MOST + 1), b"(no text, or over 64 KiB: not compared)\n"),
        (None, b"b", b"(no text, or over 64 KiB: not compared)\n"),
        (b"a\n" * 30_000, b"b\na\n" * 15_000, b"(not compared: that would take too long)\n"),
    ],
)
def test_a_diff_is_of_short_texts(old: bytes | None, new: bytes, told: bytes) -> None:
    said = Before("/etc/x", old).diff(new)
    assert said == (b"--- /etc/x\n+++ /etc/x\n" + told if told else b"")


def test_what_is_read_here_is_read_once_however_many_ask_at_once() -> None:
    once = Once()
    together = threading.Barrier(8)
    made: list[str] = []

    def make() -> str:
        made.append("x")
        return f"number {len(made)}"

    def ask(_: int) -> str:
        together.wait(10)
        return once.get("key", make)

    with ThreadPoolExecutor(8) as workers:
        assert set(workers.map(ask, range(8))) == {"number 1"}
    assert once.get("other", make) == "number 2"
    once.forget("key")
    assert once.get("key", make) == "number 3"


def test_what_could_not_be_read_is_tried_again_by_the_next() -> None:
    once = Once()

    def fail() -> str:
        raise FleetError("not now")

    with pytest.raises(FleetError):
        once.get("key", fail)
    assert once.get("key", lambda: "now") == "now"


def test_a_mistake_here_is_told_in_the_words_of_a_job() -> None:
    with pytest.raises(StepFailed, match="`delete` needs a directory") as raised, told_as_failure():
        raise UsageError("--delete needs a directory", hint="name one, with -r")
    assert raised.value.hint == ""
