"""Where hosts wait for each other: every way in which they can come there ends, and nobody goes on who should not."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetctl import errors
from fleetctl.cancel import Cancel
from fleetctl.engine.brake import Brake
from fleetctl.events import Output, Status, StepFinished, StepResult, StepStarted, StepStatus
from fleetctl.jobs.sequence import Point
from fleetctl.ssh.stream.hearing import Receive
from tests.support.played_jobs import JobPool, Stage, Told, says_so

BEFORE_AND_AFTER = """
    steps:
    - {name: before, run: "before {{ host.name }}"}
    - {name: all, barrier: true}
    - {name: after, run: after}
"""


def first_and_last(told: Told, kind: type, step: str) -> tuple[int, int]:
    places = [
        place
        for place, event in enumerate(told.events)
        if isinstance(event, kind) and getattr(event, "step", "") == step
    ]
    return places[0], places[-1]


@pytest.mark.parametrize("fanout", [1, 3, 64])
def test_nobody_goes_on_before_all_have_come_and_who_fails_is_not_waited_for(tmp_path: Path, fanout: int) -> None:
    def behave(host: str, command: str, receive: Receive, cancel: Cancel) -> int:
        if command == "before h001":
            return 3
        if command == "before h002":
            raise errors.ConnectionLost("the connection ended")
        return says_so(host, command, receive, cancel)

    def connect(host: str) -> None:
        if host == "h003":
            raise errors.ConnectionRefused("connection refused")

    told = Stage(tmp_path, BEFORE_AND_AFTER)(8, JobPool(behave, connect), fanout=fanout)
    assert Counter(outcome.status for outcome in told.outcomes.values()) == {
        Status.OK: 5, Status.FAILED: 1, Status.UNREACHABLE: 2,
    }  # fmt: skip
    assert first_and_last(told, StepFinished, "before")[1] < first_and_last(told, StepStarted, "after")[0]


def test_two_thousand_hosts_meet(tmp_path: Path) -> None:
    told = Stage(tmp_path, BEFORE_AND_AFTER)(2000)
    assert Counter(outcome.status for outcome in told.outcomes.values()) == {Status.OK: 2000}
    assert first_and_last(told, StepFinished, "before")[1] < first_and_last(told, StepStarted, "after")[0]


def test_when_the_budget_is_spent_hosts_stop_at_the_next_barrier_and_are_left_to_be_done(tmp_path: Path) -> None:
    def behave(host: str, command: str, receive: Receive, cancel: Cancel) -> int:
        return 1 if command == "before h001" else says_so(host, command, receive, cancel)

    told = Stage(tmp_path, BEFORE_AND_AFTER)(4, JobPool(behave), fanout=2, brake=Brake(0))
    assert Counter(outcome.status for outcome in told.outcomes.values()) == {Status.FAILED: 1, Status.SKIPPED: 3}
    assert not any(isinstance(event, StepStarted) and event.step == "after" for event in told.events)
    for host, outcome in told.outcomes.items():
        assert outcome.error is None or "a host failed, and none may" in outcome.error.message
        assert outcome.unfinished is (host != "h001")
        assert outcome.remote_ended


def test_once_is_done_by_the_first_host_that_it_is_for_and_all_know_the_result(tmp_path: Path) -> None:
    stage = Stage(
        tmp_path,
        """
        steps:
        - {name: elect, run: "{{ host.name }}", once: true, register: leader, when: host.name > 'h001', notify: told}
        - {name: know, run: "it is {{ steps.leader.stdout }}"}
        - {name: nobody, run: never, once: true, when: false}
        handlers:
        - {name: told, run: told, once: true}
        """,
    )
    told = stage(5)
    elected = {
        event.once for host in ("h002", "h003", "h004") for event in told.finished(host) if event.step == "elect"
    }
    (leader,) = elected
    assert told.steps("h000") == {"elect": "skipped", "know": "changed", "nobody": "skipped"}
    assert told.steps("h004") == {"elect": "changed", "know": "changed", "nobody": "skipped", "told": "changed"}
    said = Counter(event.data.decode().strip() for event in told.events if isinstance(event, Output))
    assert said == {leader: 1, f"it is {leader}": 3, "it is": 2, "told": 1}


def test_what_fails_for_all_fails_on_all_and_a_lost_leader_is_not_replaced(tmp_path: Path) -> None:
    def behave(_host: str, command: str, _receive: Receive, _cancel: Cancel) -> int:
        done.append(command)
        if command == "migrate":
            raise errors.ConnectionLost("the connection ended")
        return 7

    done: list[str] = []
    stage = Stage(
        tmp_path,
        """
        steps:
        - {name: try, run: try, once: true, ignore_errors: true}
        - {name: migrate, run: migrate, once: true}
        - {name: after, run: after}
        """,
    )
    told = stage(4, JobPool(behave))
    assert done == ["try", "migrate"]
    assert all(told.steps(host) == {"try": "ignored", "migrate": "failed"} for host in told.outcomes)
    assert Counter(outcome.status for outcome in told.outcomes.values()) == {Status.UNREACHABLE: 1, Status.FAILED: 3}
    (why,) = {
        outcome.error.message
        for outcome in told.outcomes.values()
        if outcome.error and outcome.error.code == "once-failed"
    }
    assert why.endswith("for all: the connection ended")
    assert why.startswith("failed on h00")


@pytest.mark.parametrize("answers", [(True, True, True, True), (True, True, False), (False,)])
def test_a_question_is_put_once_for_the_batch_after_all_that_came_before_and_a_no_stops_the_run(
    tmp_path: Path, answers: tuple[bool, ...]
) -> None:
    asked: list[str] = []
    events_before: list[int] = []

    def agree(question: str, _cancel: Cancel) -> bool:
        asked.append(question)
        events_before.append(len(said))
        assert threading.current_thread() is threading.main_thread()
        return answers[len(asked) - 1]

    def behave(host: str, command: str, receive: Receive, cancel: Cancel) -> int:
        said.append(command)
        return says_so(host, command, receive, cancel)

    said: list[str] = []
    brake = Brake()
    stage = Stage(
        tmp_path,
        """
        steps:
        - {name: first, run: first}
        - {name: look, pause: {ask: Is it well?}}
        - {name: last, run: last}
        """,
        asks=True,
    )
    told = stage(3, JobPool(behave), agree=agree, brake=brake)
    questions = ["next: first. Go on?", "next: look. Go on?", "Is it well?", "next: last. Go on?"]
    assert asked == questions[: len(answers)]
    assert events_before == [0, 3, 3, 3][: len(answers)]
    if answers[-1]:
        assert {outcome.status for outcome in told.outcomes.values()} == {Status.OK}
        return
    at = "first" if len(answers) == 1 else "look"
    assert brake.reason == f"nobody agreed to go on at {at}"
    for outcome in told.outcomes.values():
        assert (outcome.status, outcome.step, outcome.unfinished) == (Status.SKIPPED, at, True)


def test_nobody_is_asked_while_hosts_are_still_on_their_way_to_the_question(tmp_path: Path) -> None:
    said: list[str] = []
    said_before: list[int] = []

    def agree(_question: str, _cancel: Cancel) -> bool:
        said_before.append(len(said))
        return True

    def behave(host: str, command: str, receive: Receive, cancel: Cancel) -> int:
        said.append(command)
        return 1 if host == "h001" else says_so(host, command, receive, cancel)

    stage = Stage(tmp_path, "steps:\n- run: first\n- pause: {ask: Well?}\n- run: last")
    told = stage(4, JobPool(behave), fanout=1, agree=agree)
    assert (said_before, said) == ([4], ["first"] * 4 + ["last"] * 3)
    assert [outcome.status for outcome in told.outcomes.values()].count(Status.OK) == 3


def test_called_off_while_it_is_asked_or_waited_all_hosts_end_at_once(tmp_path: Path, cancel: Cancel) -> None:
    def agree(_question: str, cancel: Cancel) -> bool:
        cancel.set("interrupted")
        raise cancel.error()

    stage = Stage(tmp_path, "steps:\n- {name: all, barrier: true}\n- {name: ask, pause: {ask: Well?}}")
    told = stage(50, fanout=2, cancel=cancel, agree=agree)
    assert {(outcome.status, outcome.remote_ended) for outcome in told.outcomes.values()} == {(Status.CANCELLED, True)}


def test_hosts_that_go_on_behind_a_meeting_are_not_waited_for_and_know_what_was_done_for_all(tmp_path: Path) -> None:
    stage = Stage(
        tmp_path,
        """
        steps:
        - {name: lead, run: lead, once: true, register: lead}
        - {name: all, barrier: true}
        - {name: after, run: "{{ steps.lead.stdout }}"}
        """,
    )
    done = Point(frozenset({"lead", "all"}), {"lead": StepResult(stdout="x")})
    led = StepFinished(
        host="h009", step="lead", number=1, status=StepStatus.OK, once="h009", result=StepResult(stdout="y")
    )
    fresh = Point(once={"lead": led})
    told = stage.at(h000=done, h001=fresh)(3, fanout=1)
    assert {outcome.status for outcome in told.outcomes.values()} == {Status.OK}
    said = Counter(event.data for event in told.events if isinstance(event, Output))
    assert said == {b"x\n": 1, b"y\n": 1, b"lead\n": 2}


def test_with_fewer_threads_than_hosts_that_wait_for_each_other_nothing_is_left_hanging(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def start_some(thread: threading.Thread) -> None:
        if thread.name == "worker-3":
            raise RuntimeError("can't start new thread")
        start(thread)

    before = threading.active_count()
    monkeypatch.setattr(threading.Thread, "start", start_some)
    with pytest.raises(errors.FleetError, match="can't start new thread"):
        Stage(tmp_path, BEFORE_AND_AFTER)(6)
    assert threading.active_count() == before


HAPPENS = st.sampled_from(["go", "fail", "lose", "refuse", "bug"])


@pytest.fixture(scope="module")
def full_of_meetings(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(
        tmp_path_factory.mktemp("job"),
        """
        steps:
        - {name: zero, run: "0"}
        - {name: one, run: "1", barrier: true, once: true, when: host.name != 'h000', notify: h}
        - {name: two, run: "2", barrier: true}
        - {name: ask, pause: {ask: Well?}}
        - {name: three, run: "3", always: true, ignore_errors: true}
        handlers:
        - {name: h, run: "0", barrier: true, always: true}
        """,
    )


@given(
    fates=st.lists(st.lists(HAPPENS, min_size=4, max_size=4), min_size=1, max_size=9),
    fanout=st.integers(1, 9),
    most=st.none() | st.integers(0, 4),
    answers=st.lists(st.booleans(), min_size=3, max_size=3),
    called_off_by=st.none() | st.integers(0, 8),
)
@settings(max_examples=60)
def test_whatever_happens_to_hosts_that_meet_each_has_one_end_and_barriers_hold(
    full_of_meetings: Stage,
    fates: list[list[str]],
    fanout: int,
    most: int | None,
    answers: list[bool],
    called_off_by: int | None,
) -> None:
    def behave(host: str, command: str, _receive: Receive, cancel: Cancel) -> int:
        number = int(host[1:])
        if number == called_off_by and command == "2":
            cancel.set("interrupted")
            raise cancel.error()
        match fates[number][int(command)]:
            case "fail":
                return 1
            case "lose":
                raise errors.ConnectionLost("the connection ended")
            case "bug":
                raise ZeroDivisionError
        return 0

    def connect(host: str) -> None:
        if "refuse" in fates[int(host[1:])][:1]:
            raise errors.ConnectionRefused("connection refused")

    def agree(_question: str, _cancel: Cancel) -> bool:
        return answers.pop()

    with Cancel() as cancel:
        told = full_of_meetings(
            len(fates), JobPool(behave, connect), fanout=fanout, brake=Brake(most), cancel=cancel, agree=agree
        )
        was_called_off = cancel.is_set()
    assert len(told.outcomes) == len(fates)
    ended = Counter(outcome.status for outcome in told.outcomes.values())
    assert Status.CANCELLED not in ended or was_called_off
    for before, after in (("zero", "one"), ("one", "two")):
        ends = [e for e in told.events if isinstance(e, StepFinished) and e.step == before]
        starts = [place for place, e in enumerate(told.events) if isinstance(e, StepStarted) and e.step == after]
        assert not starts or told.events.index(ends[-1]) < starts[0]


@pytest.mark.parametrize("most", [None, 0])
def test_what_is_always_done_once_is_done_when_all_have_come_there_or_ended(tmp_path: Path, most: int | None) -> None:
    stage = Stage(
        tmp_path,
        """
        steps:
        - {name: work, run: exit 3 on h001}
        - {name: all, barrier: true}
        - {name: more, run: more}
        - {name: tidy, run: tidy, always: true, once: true, barrier: true}
        """,
    )
    told = stage(4, fanout=2, brake=Brake(most))
    tidied = [event.data for event in told.events if isinstance(event, Output)].count(b"tidy\n")
    assert tidied == 1
    assert told.steps("h001")["tidy"] == "changed"
    assert told.outcomes["h001"].step == "work"
    ends = Counter(str(outcome.status) for outcome in told.outcomes.values())
    if most is None:
        assert ends == {"ok": 3, "failed": 1}
        assert first_and_last(told, StepFinished, "more")[1] < first_and_last(told, StepStarted, "tidy")[0]
    else:
        assert ends == {"skipped": 3, "failed": 1}
