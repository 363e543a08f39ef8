"""A job as it is rehearsed: what of it is told in place of being done, and what goes wrong on which host."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleetctl.jobs.language import (
    Head,
    Job,
    Local,
    Modifiers,
    Pause,
    Put,
    Reboot,
    Run,
    Script,
    Step,
    Told,
    WaitFor,
)
from fleetctl.jobs.rehearsal import LONGEST_PAUSE, Telling, can_fail, rehearsed, restarting, told
from fleetctl.jobs.texts import Expression, Line, LocalPath, Seconds, Template
from fleetctl.lab.fates import fates

HOSTS = [f"web{number:02}" for number in range(1, 11)]


@given(st.builds(Telling, st.text(), st.text(), st.text(), st.booleans()))
def test_what_is_told_arrives_as_it_is(telling: Telling) -> None:
    assert told(telling.line) == telling


@given(st.text())
def test_no_other_line_is_taken_for_it(line: str) -> None:
    assert told(f"echo {line}") is None


def test_whatever_acts_is_told_and_what_is_harmless_is_played() -> None:
    put = Put(src=(LocalPath("motd"),), dest=Template("/etc/motd"), owner=Template("root"))
    acting = (Run(line=Line("rm -rf /srv")), Script(file=LocalPath("x")), Local(line=Line("ls")), Reboot(), WaitFor())
    job = rehearsed(_job(*acting, put, Pause(seconds=Seconds(60.0)), Pause(ask="go on?")), {"step 1": "gone"})
    actions = [step.action for step in job.steps]
    assert actions[:5] == [Told(acting[0], "gone"), *(Told(one) for one in acting[1:])]
    assert actions[5] == Put(src=put.src, dest=put.dest, owner=None, mkdir=True)
    assert actions[6:] == [Pause(seconds=Seconds(LONGEST_PAUSE)), Pause(seconds=Seconds(0.0))]


def test_a_step_judges_its_output_only_where_it_has_one() -> None:
    how = Modifiers(
        until=Expression("result.stdout"),
        failed_when=Expression("false"),
        changed_when=Expression("false"),
        creates=Template("/x"),
        sudo=True,
    )
    steps = tuple(Step(name=name, action=Run(line=Line("date")), how=how) for name in ("mute", "answered"))
    mute, answered = rehearsed(Job(head=Head(), steps=steps), {"answered": "12:00"}).steps
    assert (mute.how.until, mute.how.failed_when, mute.how.changed_when) == (None, None, Expression("false"))
    assert (answered.how.until, answered.how.failed_when) == (how.until, how.failed_when)
    assert {mute.how.creates, answered.how.creates} == {None}
    assert {mute.how.sudo, answered.how.sudo} == {False}


def test_faults_strike_where_every_host_comes_by_and_not_where_it_is_cleaned_up() -> None:
    run = Run(line=Line("date"))
    steps = (
        Step(name="sometimes", action=run, how=Modifiers(when=(Expression("facts.os"),))),
        Step(name="here", action=Local(line=Line("date"))),
        Step(name="sure", action=run),
        Step(name="clean up", action=run, how=Modifiers(always=True)),
    )
    assert can_fail(rehearsed(Job(head=Head(), steps=steps), {})) == ["sure"]
    assert can_fail(rehearsed(Job(head=Head(), steps=steps[:1]), {})) == ["sometimes"]


def test_the_same_seed_has_the_same_faults_and_another_one_others() -> None:
    first, again, other = (fates(HOSTS, ["a", "b"], seed) for seed in (7, 7, 8))
    assert list(first.items()) == list(again.items()) != list(other.items())
    assert {fate.kind for fate in first.values()} == {"fails", "drops", "slow", "refuses"}
    assert list(first) == sorted(first)
    assert [fate.kind for fate in fates(["one"], ["a"], 1).values()] == ["fails"]
    assert {fate.kind for fate in fates(HOSTS, [], 1).values()} == {"refuses"}


def test_a_restart_can_fail_and_a_connection_that_it_ends_is_no_fault() -> None:
    job = rehearsed(_job(Run(line=Line("date")), Reboot()), {})
    assert restarting(job) == ["step 2"]
    struck = {fate for seed in range(20) for fate in fates(HOSTS, can_fail(job), seed, restarting(job)).values()}
    assert {(fate.kind, fate.step) for fate in struck if fate.step} == {
        ("fails", "step 1"), ("fails", "step 2"), ("drops", "step 1"),
    }  # fmt: skip
    assert {fate.kind for fate in fates(HOSTS, ["b"], 1, ["b"]).values()} == {"fails", "slow", "refuses"}


def _job(*actions: object) -> Job:
    steps = tuple(Step(name=f"step {number}", action=action) for number, action in enumerate(actions, 1))  # type: ignore[arg-type]
    return Job(head=Head(), steps=steps)
