"""One host's way: what follows from a failure, what is told in which order, and what the next steps know."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from fleetctl import errors
from fleetctl.cancel import Cancel
from fleetctl.events import HostFinished, HostStarted, Output, Status, StepCounts, StepFinished, StepResult, StepStarted
from fleetctl.jobs.playing import MOST_OF_A_LOOP
from fleetctl.jobs.scene import MOST_KEPT
from fleetctl.jobs.sequence import Point
from fleetctl.ssh.stream.hearing import Receive
from tests.support.played_jobs import JobPool, Stage, says_so


def test_a_host_tells_its_steps_in_order_and_its_output_within_them(tmp_path: Path) -> None:
    stage = Stage(
        tmp_path,
        """
        vars: {greeting: "hello {{ host.name }}"}
        steps:
        - {name: say, run: "{{ vars.greeting }}", register: said, notify: bye}
        - {name: not here, run: never, when: host.name == 'h001'}
        - {name: each, run: "{{ index }}. {{ item }} {{ steps.said.stdout }}", loop: [a, b], when: item != 'a'}
        - {name: take, set: {count: "{{ steps.said.stdout | length }}"}}
        - {name: count, run: "{{ vars.count + 1 }}", changed_when: false}
        handlers:
        - {name: bye, run: bye}
        - {name: nobody asked, run: never}
        """,
    )
    told = stage(2)
    happened = told.of("h000")
    assert (type(happened[0]), type(happened[-1])) == (HostStarted, HostFinished)
    said = [event.data.decode() for event in happened if isinstance(event, Output)]
    assert said == ["hello h000\n", "2. b hello h000\n", "11\n", "bye\n"]
    assert told.steps() == {
        "say": "changed", "not here": "skipped", "each": "changed", "take": "ok", "count": "ok", "bye": "changed",
    }  # fmt: skip
    assert told.steps("h001")["not here"] == "changed"
    inside = ""
    for event in happened:
        match event:
            case StepStarted():
                assert not inside
                inside = event.step
            case StepFinished():
                assert inside == event.step
                inside = ""
            case Output():
                assert inside
    assert all(before.at <= after.at for before, after in pairwise(happened))
    numbers = [event.number for event in happened if isinstance(event, StepStarted)]
    assert numbers == [1, 2, 3, 4, 5, 6]
    say, not_here, each, take, *_ = told.finished()
    assert (say.notified, say.register, say.result) == (
        ("bye",), "said", StepResult(exit=0, stdout="hello h000", changed=True),
    )  # fmt: skip
    assert not_here.why == "when: host.name == 'h001'"
    assert each.result is None
    assert take.set == {"count": 10}
    assert told.outcomes["h000"].steps == StepCounts(ok=2, changed=3, skipped=1)


JOB_THAT_FAILS = """
    steps:
    - {name: begin, run: begin, notify: [after, after all]}
    - {name: tolerated, run: exit 4, ignore_errors: true}
    - {name: break, run: exit 3 on h000}
    - {name: go on, run: on}
    - {name: clean up, run: exit 5 on h000, always: true}
    - {name: here, local: "true", always: true}
    handlers:
    - {name: after, run: after}
    - {name: after all, run: after all, always: true}
"""


def test_after_a_failure_only_what_is_always_done_is_done_and_the_first_failure_is_told(tmp_path: Path) -> None:
    told = Stage(tmp_path, JOB_THAT_FAILS)()
    assert told.steps() == {
        "begin": "changed", "tolerated": "ignored", "break": "failed", "clean up": "failed", "here": "changed",
        "after all": "changed",
    }  # fmt: skip
    broken = told.outcomes["h000"]
    assert (broken.status, broken.exit_code, broken.step, broken.error) == (Status.FAILED, 3, "break", None)
    assert broken.steps == StepCounts(ok=1, changed=3, failed=2)
    assert broken.remote_ended
    assert told.outcomes["h001"].status is Status.OK
    assert list(told.steps("h001").values()).count("changed") == 7


def test_a_host_that_is_lost_is_tried_once_more_and_then_cleaned_up_after_here_alone(tmp_path: Path) -> None:
    def behave(host: str, command: str, receive: Receive, cancel: Cancel) -> int:
        if command == "exit 3 on h000" and host != "h002":
            raise errors.ConnectionLost("the connection ended")
        return says_so(host, command, receive, cancel)

    def connect(host: str) -> None:
        if host == "h003" or (host == "h001" and host in pool.dialled[:-1]):
            raise errors.ConnectionRefused("connection refused")

    pool = JobPool(behave, connect)
    told = Stage(tmp_path, JOB_THAT_FAILS)(4, pool)
    back = told.outcomes["h000"]
    assert (back.status, back.step, back.remote_ended) == (Status.UNREACHABLE, "break", False)
    assert told.steps()["after all"] == "changed"
    assert told.steps("h001") == {
        "begin": "changed", "tolerated": "ignored", "break": "failed", "clean up": "failed", "here": "changed",
    }  # fmt: skip
    assert told.steps("h003") == {"begin": "failed"}
    never = told.outcomes["h003"]
    assert (never.status, never.step, never.remote_ended) == (Status.UNREACHABLE, "begin", True)
    assert {host: pool.dialled.count(host) for host in ("h000", "h001", "h002", "h003")} == {
        "h000": 2, "h001": 2, "h002": 1, "h003": 1,
    }  # fmt: skip


def test_no_word_in_a_job_makes_an_unreachable_host_a_good_one_but_a_lost_connection_may_be_borne(
    tmp_path: Path,
) -> None:
    def behave(_host: str, command: str, _receive: Receive, _cancel: Cancel) -> int:
        if command == "restart network":
            raise errors.ConnectionLost("the connection ended")
        return 0

    def connect(host: str) -> None:
        if host == "h001":
            raise errors.ConnectionRefused("connection refused")

    stage = Stage(
        tmp_path,
        """
        steps:
        - {name: cut, run: restart network, ignore_errors: true}
        - {name: more, run: more, ignore_errors: true}
        """,
    )
    told = stage(2, JobPool(behave, connect))
    assert told.steps() == {"cut": "ignored", "more": "changed"}
    assert (told.outcomes["h000"].status, told.outcomes["h000"].remote_ended) == (Status.OK, False)
    assert told.steps("h001") == {"cut": "failed"}
    assert told.outcomes["h001"].status is Status.UNREACHABLE


def test_a_step_is_tried_again_on_a_new_connection_until_it_is_what_is_wanted(tmp_path: Path) -> None:
    tries: list[str] = []

    def behave(_host: str, command: str, receive: Receive, _cancel: Cancel) -> int:
        tries.append(command)
        if tries.count(command) == 1:
            raise errors.ConnectionLost("the connection ended")
        receive("stdout", b"%d" % tries.count(command))
        return 7

    pool = JobPool(behave)
    stage = Stage(
        tmp_path,
        """
        steps:
        - {name: wanted, run: ask, until: result.stdout == '3', delay: 1ms, register: asked}
        - {name: judged, run: "{{ steps.asked.exit }}", retries: 1, delay: 1ms, failed_when: result.exit != 7}
        - {name: never, run: never, until: result.exit == 0, retries: 1, delay: 1ms}
        """,
    )
    told = stage(1, pool)
    assert told.steps() == {"wanted": "changed", "judged": "changed", "never": "failed"}
    assert tries == ["ask"] * 3 + ["7"] * 2 + ["never"] * 2
    assert len(pool.dialled) == 4
    ended = told.outcomes["h000"]
    assert ended.error is not None
    assert (ended.exit_code, ended.error.code, ended.error.message) == (
        7, "condition-unmet", "until: result.exit == 0",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("step", "code", "message"),
    [
        ("run: '{{ vars.nothing }}'", "template", "nothing"),
        ("run: 'true', loop: '{{ host.name if host.name == \"h001\" else [] }}'", "template", "loop wants a list"),
        ("assert: {that: host.port == 23, message: 'port {{ host.port }}'}", "assertion", "port 22"),
        ("run: 'true', failed_when: result.exit == 0", "step-failed", "failed_when: result.exit == 0"),
    ],
)
def test_what_fails_without_an_exit_code_says_why_and_ends_this_host_alone(
    tmp_path: Path, step: str, code: str, message: str
) -> None:
    told = Stage(tmp_path, f"steps:\n- {{{step}, name: it, when: host.name == 'h001'}}")()
    ended = told.outcomes["h001"]
    assert ended.error is not None
    assert (ended.status, ended.step, ended.error.code) == (Status.FAILED, "it", code)
    assert message in ended.error.message
    assert told.outcomes["h000"].status is told.outcomes["h002"].status is Status.OK


def test_a_mistake_of_ours_in_a_step_is_told_as_one_and_the_host_is_cleaned_up(tmp_path: Path) -> None:
    def behave(_host: str, command: str, _receive: Receive, _cancel: Cancel) -> int:
        return 1 // len(command.strip("x"))

    told = Stage(tmp_path, "steps:\n- {name: x, run: x}\n- {name: tidy, run: tidy, always: true}")(1, JobPool(behave))
    ended = told.outcomes["h000"]
    assert ended.error is not None
    assert (ended.status, ended.step, ended.error.code, ended.remote_ended) == (Status.ERROR, "x", "internal", False)
    assert told.steps() == {"x": "failed", "tidy": "changed"}


def test_called_off_no_further_step_begins_and_what_was_cut_off_has_no_end(tmp_path: Path, cancel: Cancel) -> None:
    def behave(host: str, command: str, receive: Receive, cancel: Cancel) -> int:
        if command == "exit 3 on h000":
            cancel.set("interrupted")
            error = cancel.error()
            error.killed = True
            raise error
        return says_so(host, command, receive, cancel)

    told = Stage(tmp_path, JOB_THAT_FAILS)(1, JobPool(behave), cancel=cancel)
    assert told.steps() == {"begin": "changed", "tolerated": "ignored"}
    ended = told.outcomes["h000"]
    assert (ended.status, ended.step, ended.killed, ended.remote_ended) == (Status.CANCELLED, "break", True, True)
    assert ended.unfinished


def test_a_host_goes_on_where_it_was_with_what_it_knew(tmp_path: Path) -> None:
    stage = Stage(
        tmp_path,
        """
        steps:
        - {name: a, run: a, register: a}
        - {name: b, run: "{{ steps.a.stdout }} {{ vars.b }}"}
        handlers:
        - {name: asked before, run: handled}
        - {name: not asked, run: never}
        """,
    )
    point = Point(frozenset({"a"}), {"a": StepResult(stdout="known")}, {"b": "set"}, ("asked before",))
    told = stage.at(h001=point)(2)
    assert told.steps("h001") == {"b": "changed", "asked before": "changed"}
    assert [event.data for event in told.of("h001") if isinstance(event, Output)] == [b"known set\n", b"handled\n"]
    assert told.outcomes["h000"].status is Status.FAILED  # it has no `vars.b`


def test_a_loop_keeps_so_much_of_what_its_items_say_and_no_more(tmp_path: Path) -> None:
    piece = MOST_KEPT // 2

    def behave(_host: str, command: str, receive: Receive, _cancel: Cancel) -> int:
        receive("stdout", b"x" * (1 if command == "9" else piece))
        return 0

    stage = Stage(tmp_path, "steps: [{name: each, run: '{{ index }}', loop: '{{ range(40) }}', register: all}]")
    (each,) = stage(1, JobPool(behave)).finished()
    assert each.result is not None
    kept = [(len(result.stdout), result.truncated) for result in each.result.results]
    fitting = MOST_OF_A_LOOP // piece
    assert kept[:8] == [(piece, False)] * 8
    assert kept[8] == (1, False)
    assert kept[9:] == [(piece, False)] * (fitting - 9) + [(0, True)] * (40 - fitting)
    assert len(each.result.stdout) == piece
