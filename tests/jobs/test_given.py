"""What -e NAME=VALUE makes of a variable: text, or what the job has of that name."""

from __future__ import annotations

from typing import Any

import pytest

from fleetctl.errors import UsageError
from fleetctl.jobs.given import variables
from fleetctl.jobs.language import Head, Job

JOB = Job(
    head=Head(
        vars={"n": 3, "share": 0.5, "on": True, "names": ["a"], "ports": {"http": 80}, "text": "x", "none": None}
    ),
    steps=(),
)


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("text=3", "3"),
        ("unknown=3", "3"),
        ("none=3", "3"),
        ("none=true", True),
        ("unknown=false", False),
        ("text=false", "false"),
        ("unknown=no", "no"),
        ("text=a=b", "a=b"),
        ("text={{ host.name }}", "{{ host.name }}"),
        ("n=17", 17),
        ("share=1", 1),
        ("share=0.25", 0.25),
        ("on=false", False),
        ("on=no", False),
        ("names=[b, c]", ["b", "c"]),
        ("ports={http: 81}", {"http": 81}),
    ],
)
def test_it_is_text_or_a_truth_unless_the_jobs_own_value_is_something_else(pair: str, value: object) -> None:
    (given,) = variables([pair], JOB).values()
    assert given == value
    assert type(given) is type(value)


@pytest.mark.parametrize("pair", ["n=many", "n=", "n=1.5", "n=true", "on=1", "share=x", "names=a", "ports=[", "n=[1"])
def test_what_is_no_such_thing_is_refused_without_telling_it(pair: str) -> None:
    name, _, value = pair.partition("=")
    with pytest.raises(UsageError, match=rf"^-e {name}=… must be ") as refused:
        variables([pair], JOB)
    assert refused.value.hint == f"as vars.{name} of the job is"
    assert not value or f"={value}" not in refused.value.message


def test_the_last_of_a_name_holds() -> None:
    given: dict[str, Any] = variables(["n=1", "a=x", "n=2"], JOB)
    assert given == {"n": 2, "a": "x"}
