"""What a document says that a command answers, held against what it did answer."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from difflib import unified_diff
from pathlib import Path
from typing import Any

import pytest

from tests.support.fleetctl import SCRIPT, own_mistakes
from tests.support.markdown import Example, examples

ROOT = Path(__file__).parents[2]
ON_A_FLEET = ("README.md", "docs/output.md", "docs/transfer.md")
"""Documents whose commands are typed on a lab, or on real servers where that will not do."""

_NAMED_FILE = re.compile(r"^```\w+\n((?:# |\{# )([\w./-]+)(?: -?#\})?\n.*?)^```$", re.DOTALL | re.MULTILINE)

_BLURRED = {
    r"\b\d+(\.\d+){3}:\d+": "ADDRESS",
    r"\b\d+\.\d+ s\b|\b0\.\d\d\b|\b[\d,]+ ms\b": "SECONDS",
    r"SHA256:[\w+/]{43}": "FINGERPRINT",
}


def shown(documents: tuple[str, ...]) -> list[Any]:
    """Parameters `document` and `example` for all that these documents show."""
    return [
        pytest.param(document, example, id=f"{document}: {example}")
        for document in documents
        for example in examples(ROOT / document)
    ]


def needs_real_servers(example: Example) -> bool:
    """Whether a lab will not do: it has no sudo, makes no connections for others, and nobody is at a terminal."""
    return re.search(r" (-J|-s|ssh|doctor|secret)\b", example.command) is not None


def needs_past_runs(example: Example) -> bool:
    """Whether it looks at what was done before, so that it means nothing alone."""
    looks_back = r"fleetctl (history|show|compare|report|rerun|job resume)\b|@status:|@run:|--failed-to|\^\w+\.txt"
    return re.search(looks_back, example.command) is not None


def named_files(document: str) -> dict[str, str]:
    """The files that a document shows, by the name in their first line."""
    written = (ROOT / document).read_text()
    return {name: text for text, name in _NAMED_FILE.findall(written)}


def plant(directory: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(text)


def environment(home: Path) -> dict[str, str]:
    """What a user has who types the commands of a document."""
    return {"HOME": str(home), "PATH": f"{SCRIPT.parent}:{os.environ['PATH']}", "LANG": "C.UTF-8"}


def type_command(command: str, directory: Path, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Type it into a shell; what comes on stderr is put in with what comes on stdout."""
    return subprocess.run(
        ["/bin/sh", "-c", command], cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=100, check=False, env=variables,
    )  # fmt: skip


def check(
    answer: str,
    exit_code: int,
    example: Example,
    expected: int,
    written: Mapping[str, str],
    blurred: Mapping[str, str] | None = None,
) -> None:
    """Hold it against the example.

    Args:
        expected: the exit code, where the document shows no answer.
        written: what the document writes for names and places of the stage.
        blurred: patterns of what differs from run to run besides, and what stands for it.
    """
    assert own_mistakes(answer) == []
    if example.answer is None:
        assert exit_code == expected, answer
    elif example.answer.startswith("{"):
        assert _shape(answer) == _shape(example.answer)
    else:
        patterns = _BLURRED | dict(blurred or {})
        real, told = (_plain(text, written, patterns) for text in (answer, example.answer))
        assert real == told, "\n".join(unified_diff(told, real, "told", "real", lineterm=""))


def _plain(answer: str, written: Mapping[str, str], patterns: Mapping[str, str]) -> list[str]:
    """The lines without what differs from run to run: seconds, addresses, the home, widths, the order of hosts."""
    text = answer
    for real, told in written.items():
        text = text.replace(real, told)
    for pattern, word in patterns.items():
        text = re.sub(pattern, word, text)
    return sorted(re.sub(r"[ ─]+", " ", line).strip() for line in text.splitlines())


def _shape(answer: str) -> list[Any]:
    """JSON, a document or one a line, without what differs from run to run."""
    try:
        return [_blurred(json.loads(answer))]
    except json.JSONDecodeError:
        return [_blurred(json.loads(line)) for line in answer.splitlines()]


def _blurred(value: Any) -> Any:
    match value:
        case dict():
            hosts = value.get("hosts")
            if isinstance(hosts, list) and hosts and isinstance(hosts[0], dict):
                value = value | {"hosts": sorted(hosts, key=lambda host: str(host["host"]))}
            return {
                key: "…" if key in {"id", "run"} and isinstance(one, str) else _blurred(one)
                for key, one in value.items()
            }
        case list():
            return [_blurred(one) for one in value]
        case float():
            return "SECONDS"
        case str():
            return re.sub(r"\b\d+(\.\d+){3}:\d+", "ADDRESS", value)
        case _:
            return value
