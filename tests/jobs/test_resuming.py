"""A job that is cut off and resumed, as often as it takes, comes to what it comes to when nothing goes wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from fleetctl.cancel import Cancel
from fleetctl.engine.brake import Brake
from fleetctl.events import (
    BatchStarted,
    Event,
    HostFinished,
    HostStarted,
    Outcome,
    RunStarted,
    Status,
    StepFinished,
    StepResult,
    StepStarted,
    StepStatus,
)
from fleetctl.jobs.language import Action, Assert, Head, Job, Modifiers, Set, Step
from fleetctl.jobs.resuming import points
from fleetctl.jobs.sequence import Point
from fleetctl.jobs.sequence import Sequence as Walked
from fleetctl.jobs.texts import Expression
from fleetctl.jobs.walk import Walk
from fleetctl.model import Host, Login
from fleetctl.operations import Context
from fleetctl.operations.meeting import Meeting, nobody_agrees
from fleetctl.ssh.reach import Reach
from fleetctl.transfer.shared import Shared

HOSTS = ("a", "b", "c")
FINE = Outcome(Status.OK)
BROKEN = Outcome(Status.FAILED)


class Connected:
    """Stands in for a Reach of a host that was reached, and on which nothing is done."""

    gone = False
    may_run_on = False
    note = ""


def play(job: Job, hosts: Sequence[str], so_far: dict[str, Point], broken: Sequence[str]) -> Iterator[Event]:
    """One run, in which the hosts come one after the other; `broken` are `host:step`."""
    yield RunStarted(
        run="r", operation="job", hosts=tuple(hosts), fanout=1, started=0.0,
        steps=tuple(step.name for step in job.steps), handlers=tuple(step.name for step in job.handlers),
    )  # fmt: skip
    sequence = Walked(job, {"broken": list(broken)}, points=so_far)
    with Cancel() as cancel:
        meeting = Meeting(hosts, 1, cancel, Brake(), nobody_agrees)
        for name in hosts:
            said: list[Event] = [HostStarted(host=name)]
            host = Host(name=name, address=name, login=Login("ada"))
            context = Context(host, lambda _stream, _data: None, said.extend, cancel, Shared(), meeting=meeting)
            with meeting.seat():
                outcome = Walk(sequence, cast("Reach", Connected()), context).go()
            meeting.leave(name)
            yield from (*said, HostFinished(host=name, outcome=outcome))


def step(name: str, action: Action, **how: Any) -> Step:
    return Step(name=name, action=action, how=Modifiers(**how), file="job.yaml", line=1)


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    """Steps that count on what those before them have registered and set."""
    count = draw(st.integers(1, 5))
    steps = [step("s0", Set({"trail": "0"}), register="r0")]
    for number in range(1, count + 1):
        fails = Assert((Expression(f"(host.name ~ ':s{number}') not in vars.broken"),))
        how = {
            "once": draw(st.booleans()),
            "always": draw(st.booleans()),
            "notify": tuple(draw(st.sets(st.sampled_from(["h1", "h2"])))),
            "when": draw(st.sampled_from([(), (), (Expression("false"),)])),
            "changed_when": draw(st.sampled_from([None, Expression("true")])),
        }
        steps += [
            step(f"s{number}", fails, **how),
            step(f"set {number}", Set({"trail": f"{{{{ vars.trail ~ ',' ~ steps.r{number - 1}.changed }}}}"})),
            step(f"r{number}", Assert((Expression("vars.trail"),)), register=f"r{number}", once=draw(st.booleans())),
        ]
    handlers = tuple(step(name, Assert((Expression("steps.r1 is defined"),))) for name in ("h1", "h2"))
    return Job(head=Head(name="j"), steps=(*steps, step("last", Set({"end": "{{ vars.trail }}"}))), handlers=handlers)


def counted(run: Sequence[Event]) -> list[StepFinished]:
    """What each host has finished before it failed."""
    failed: set[str] = set()
    finished: list[StepFinished] = []
    for event in run:
        if isinstance(event, StepFinished) and event.host not in failed:
            if event.status is StepStatus.FAILED:
                failed.add(event.host)
            else:
                finished.append(event)
    return finished


@given(job=jobs(), data=st.data())
def test_each_step_is_done_once_on_each_host_whatever_happened_before(job: Job, data: st.DataObject) -> None:
    straight = {(event.host, event.step): event for event in counted(list(play(job, HOSTS, {}, [])))}
    names = [f"{host}:{one.name}" for host in HOSTS for one in job.steps if isinstance(one.action, Assert)]
    broken = data.draw(st.lists(st.sampled_from(names), unique=True, max_size=3))
    runs: list[list[Event]] = []
    so_far: dict[str, Point] = dict.fromkeys(HOSTS, Point())
    kills = data.draw(st.integers(0, 3))
    while so_far:
        run = list(play(job, data.draw(st.permutations(sorted(so_far))), so_far, broken))
        if kills:  # its process is ended at any moment
            kills -= 1
            run = run[: data.draw(st.integers(1, len(run)))]
        else:
            broken = broken[1:]
        runs.append(run)
        so_far = points(runs)
    finished = [event for run in runs for event in counted(run)]
    assert Counter((event.host, event.step) for event in finished) == dict.fromkeys(straight, 1)
    for event in finished:
        expected = straight[event.host, event.step]
        assert (event.status, event.set, event.result) == (expected.status, expected.set, expected.result)
    done_for_all = Counter(event.step for event in finished if event.once == event.host)
    assert set(done_for_all.values()) <= {1}


def started(hosts: Sequence[str]) -> RunStarted:
    return RunStarted(run="r", operation="j", hosts=tuple(hosts), fanout=1, started=0.0, handlers=("h1", "h2"))


def did(host: str, name: str, status: StepStatus = StepStatus.OK, **more: Any) -> list[Event]:
    return [
        StepStarted(host=host, step=name, number=1), StepFinished(host=host, step=name, number=1, status=status, **more)
    ]  # fmt: skip


def test_a_host_goes_on_at_the_step_that_failed_with_what_it_knew_then() -> None:
    run = [
        started("abcd"),
        *did("a", "one", StepStatus.CHANGED, notified=("h2", "h1"), register="r", result=StepResult(stdout="x")),
        *did("a", "two", StepStatus.SKIPPED),
        *did("a", "three", StepStatus.IGNORED, set={"v": 1}),
        *did("a", "four", StepStatus.FAILED, register="r", result=StepResult(failed=True)),
        *did("a", "tidy", set={"v": 2}),
        *did("a", "h1"),
        HostFinished(host="a", outcome=Outcome(Status.FAILED, step="four")),
        *did("b", "one"),
        StepStarted(host="b", step="two", number=2),
        *did("c", "one"),
        HostFinished(host="c", outcome=FINE),
        HostFinished(host="d", outcome=Outcome(Status.UNREACHABLE)),
    ]
    left = points([run])
    assert left == {
        "a": Point(
            frozenset({"one", "two", "three"}), {"r": StepResult(stdout="x")}, {"v": 1}, ("h2", "h1"), step="four"
        ),
        "b": Point(frozenset({"one"}), step="two"),
        "d": Point(),
    }
    then = [started("a"), *did("a", "four"), *did("a", "h1"), *did("a", "h2", StepStatus.FAILED)]
    assert points([run, then])["a"].notified == ("h2",)
    waited = HostFinished(host="b", outcome=Outcome(Status.SKIPPED, step="three"))
    assert points([run, [started("b"), *did("b", "two"), waited]])["b"].step == "three"


def test_what_is_not_on_record_is_told_by_its_step() -> None:
    run = [started("ab"), *did("a", "one", register="r", lost="it is too long", once="a")]
    left = points([run])
    assert left["a"].lost == left["b"].lost == {"one": "it is too long"}
    assert left["a"].results == {}


def test_what_was_done_once_counts_for_the_batch_and_no_other() -> None:
    run = [
        started("abcd"),
        BatchStarted(number=1, batches=2, hosts=("a", "b")),
        *did("a", "migrate", StepStatus.CHANGED, once="a"),
        HostFinished(host="a", outcome=BROKEN),
        BatchStarted(number=2, batches=2, hosts=("c", "d")),
        *did("c", "migrate", StepStatus.FAILED, once="c"),
    ]
    left = points([run])
    assert {host: list(point.once) for host, point in left.items()} == {"a": [], "b": ["migrate"], "c": [], "d": []}
    assert left["b"].once["migrate"].host == "a"
    # It was done in a later run without the one it was in a batch with.
    later = [started("c"), *did("c", "migrate", once="c")]
    assert list(points([run, later])["d"].once) == ["migrate"]


def test_hosts_whose_batch_was_never_begun_share_nothing_with_others() -> None:
    first = [started("abcde"), BatchStarted(number=1, batches=3, hosts=("a", "b")), *did("b", "x", StepStatus.FAILED)]
    second = [started("bcde"), BatchStarted(number=1, batches=2, hosts=("b", "c")), *did("c", "migrate", once="c")]
    left = points([first, second])
    assert {host for host, point in left.items() if point.once} == {"b"}


def test_of_a_run_that_played_all_again_nothing_before_it_counts() -> None:
    first = [started("ab"), *did("a", "one", set={"v": 1}, once="a"), *did("b", "one", once="a"), *did("a", "two")]
    again = [started("ab"), *did("a", "one", set={"w": 1}, once="a"), StepStarted(host="b", step="one", number=1)]
    left = points([first, again])
    assert left["a"] == Point(frozenset({"one"}), vars={"w": 1})
    assert (left["b"].done, list(left["b"].once), left["b"].step) == (frozenset(), ["one"], "one")
