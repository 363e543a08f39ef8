"""What README and docs show of runs that build on each other is typed in their order, into one history.

docs/runs.md, docs/rollouts.md and docs/jobs.md are stories from end to end; of the others these are the commands that
look back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

from tests.support.documents import ROOT, check, named_files, needs_past_runs, plant
from tests.support.markdown import Example, blocks, examples
from tests.support.stage import Stage

RUNS = "docs/runs.md"
STORIES = (RUNS, "docs/rollouts.md", "docs/jobs.md")
LOOKING_BACK = ("docs/targeting.md", "docs/output.md", "README.md")
FIRST = (
    Example("fleetctl job run deploy.yaml", None),
    Example("fleetctl run -q -t 'web[01-02],db03' true > /dev/null 2>&1 || true", None),
)
"""What there is to look back at."""

EXIT_CODES = {
    "fleetctl rerun": 3,
    "fleetctl rerun --not-ok": 3,
    "fleetctl run -t @status:unreachable uptime": 3,
    "fleetctl run --failed-to bad.txt true": 3,
    "fleetctl ping -t '@db&^bad.txt'": 3,
}
"""Of commands that are shown without their answer; of those that are not named here it is 0."""

_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")
_BLURRED = {
    _ID.pattern: "RUN",
    r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d UTC)?": "WHEN",
    r'"time":"[^"]*"': '"time":"WHEN"',
    r"by \S+ on .* in /\S+": "BY",
    r"\bas \S+@": "as SOMEBODY@",
    r'"(user|machine|directory)":"[^"]*"': r'"\1":"…"',
}
"""What differs from run to run, and from person to person."""


@pytest.mark.parametrize("document", STORIES)
def test_a_story_is_true_from_its_beginning_to_its_end(stage: Stage, document: str) -> None:
    stage.set_up()
    stage.forget()
    plant(stage.fleet, named_files(document))
    if document == RUNS:
        (settings,) = blocks(ROOT / RUNS, "yaml")
        plant(stage.home, {".config/fleetctl/config.yaml": settings})
    # What is shown with its answer comes first: the rest looks back at it.
    _type_all(stage, sorted(examples(ROOT / document), key=lambda example: example.answer is None))


def test_what_else_is_shown_of_earlier_runs_works(stage: Stage) -> None:
    stage.set_up()
    stage.forget()
    _type_all(
        stage,
        [*FIRST, *(one for document in LOOKING_BACK for one in examples(ROOT / document) if needs_past_runs(one))],
    )


def _type_all(stage: Stage, story: Iterable[Example]) -> None:
    ids: dict[str, str] = {}
    for example in story:
        command = example.command
        for told, real in ids.items():
            command = command.replace(told, real)
        done = stage.type(command, stage.fleet)
        check(_plain(done.stdout), done.returncode, _plain_example(example), EXIT_CODES.get(example.command, 0), {})
        ids |= _same_runs(example.answer or "", done.stdout)


def _same_runs(told: str, real: str) -> dict[str, str]:
    """The runs of an answer by what the document calls them, and by the ends of that."""
    pairs = dict(zip(_ID.findall(told), _ID.findall(real), strict=True)) if told else {}
    return pairs | {told[-6:]: real[-6:] for told, real in pairs.items()}


def _plain(text: str) -> str:
    for pattern, word in _BLURRED.items():
        text = re.sub(pattern, word, text)
    return text


def _plain_example(example: Example) -> Example:
    return Example(example.command, None if example.answer is None else _plain(example.answer))
