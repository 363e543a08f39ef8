"""Which steps are left of a job: by their tags, and from one of them on."""

from __future__ import annotations

import pytest

from fleetctl.errors import UsageError
from fleetctl.jobs.choosing import chosen
from fleetctl.jobs.language import Head, Job, Modifiers, Run, Step
from fleetctl.jobs.texts import Line


def _step(name: str, *tags: str) -> Step:
    return Step(name=name, action=Run(Line(f"echo {name}")), how=Modifiers(tags=tags))


MEET = Step(name="meet", action=None, how=Modifiers(barrier=True))
JOB = Job(
    head=Head(name="deploy"),
    steps=(_step("stop", "service"), _step("install", "files", "slow"), MEET, _step("check"), _step("go", "service")),
    handlers=(_step("reload"),),
)


@pytest.mark.parametrize(
    ("tags", "skip_tags", "start_at", "left"),
    [
        ([], [], "", ["stop", "install", "meet", "check", "go"]),
        (["service"], [], "", ["stop", "meet", "go"]),
        (["service", "files"], ["slow"], "", ["stop", "meet", "go"]),
        ([], ["service", "slow"], "", ["meet", "check"]),
        ([], [], "meet", ["meet", "check", "go"]),
        (["service"], [], "check", ["go"]),
    ],
)
def test_steps_are_chosen_by_tags_and_from_one_on(
    tags: list[str], skip_tags: list[str], start_at: str, left: list[str]
) -> None:
    job = chosen(JOB, tags, skip_tags, start_at)
    assert [step.name for step in job.steps] == left
    assert job.handlers == JOB.handlers  # for those steps that ask for them


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        ({"tags": ["servcie"]}, "--tags: deploy has no tag 'servcie'; did you mean service?", "service, files, slow"),
        ({"skip_tags": ["x"]}, "--skip-tags: deploy has no tag 'x'", "its tags are service"),
        ({"start_at": "instal"}, "deploy has no step 'instal'; did you mean install?", "its steps are stop, install"),
        ({"start_at": "reload"}, "deploy has no step 'reload'", "its steps are"),
        ({"tags": ["slow"], "start_at": "check"}, "no step of deploy is left to do", "other --tags"),
    ],
)
def test_a_word_that_chooses_nothing_is_refused(words: dict[str, list[str]], said: str, hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        chosen(JOB, **words)  # type: ignore[arg-type]
    assert said in refused.value.message
    assert hint in refused.value.hint
