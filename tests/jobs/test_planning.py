"""What a job would do on a host: worked out where that is known, and as it is written elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from fleetctl.jobs.language import (
    Action,
    Assert,
    Get,
    Head,
    Job,
    Local,
    Modifiers,
    Pause,
    Put,
    Reboot,
    Run,
    Script,
    Set,
    Step,
    TemplateFile,
    WaitFor,
)
from fleetctl.jobs.planning import Planned, Planner
from fleetctl.jobs.sequence import Point, Sequence
from fleetctl.jobs.texts import Expression, Line, LocalPath, Seconds, Template
from fleetctl.model import Elevation, Host, Login

WEB = Host("web01", "10.0.0.1", Login("deploy"), vars={"role": "web"}, tags=("eu",))
DB = Host("db01", "10.0.0.2", Login("deploy"), vars={"role": "db"}, elevation=Elevation(user="postgres"))
VARS = {"version": "1.2", "greeting": "hello {{ host.name }}", "big": "{{ facts.cpus > 4 }}"}


def _planned(action: Action | None, host: Host = WEB, **how: Any) -> Planned:
    """A step of that kind, in a job that sets `changing` further on."""
    steps = (Step(name="it", action=action, how=Modifiers(**how)), Step(name="set", action=Set({"changing": 1})))
    job = Job(head=Head(vars=VARS), steps=steps)
    return next(Planner(Sequence(job, {"given": "a b"}), [WEB, DB]).steps(host))


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("uptime", "uptime"),
        ("echo {{ vars.greeting | quote }} {{ vars.given | quote }}", "echo 'hello web01' 'a b'"),
        ("echo {{ host.vars.role }} {{ facts.os | quote }} {{ vars.version }}", "echo web {{ facts.os | quote }} 1.2"),
        ("echo {{ vars.big }} {{ steps.x.stdout }} {{ vars.changing }}", None),
        ("{% if vars.version %}a{% endif %}", "a"),
        ("{% if facts.cpus %}{{ vars.version }}{% endif %}", None),
        ("echo {{ run.id }}", None),
    ],
)
def test_a_line_is_worked_out_as_far_as_it_can_be_known(written: str, told: str | None) -> None:
    assert _planned(Run(Line(written))).lines == (f"run: {told or written}",)


def test_each_action_is_told_in_the_words_of_the_file() -> None:
    words: dict[str, Action] = {
        "run:|  cd {{ facts.home }}|  ls 1.2": Run(Line("cd {{ facts.home }}\nls {{ vars.version }}\n")),
        "local: make 1.2": Local(Line("make {{ vars.version }}")),
        "script: x.sh 1.2 b": Script(LocalPath("x.sh"), (Template("{{ vars.version }}"), Template("b"))),
        "put: a b/ → /srv/1.2": Put((LocalPath("a"), LocalPath("b/")), Template("/srv/{{ vars.version }}")),
        "get: /etc/x → got/1.2, here": Get((Template("/etc/x"),), LocalPath("got/{{ vars.version }}")),
        "template: a.j2 → /etc/a": TemplateFile(LocalPath("a.j2"), Template("/etc/a")),
        "wait_for: port 80 of 127.0.0.1, within 5m": WaitFor(port=Template("80")),
        "wait_for: file /x to be gone, within 10s": WaitFor(file=Template("/x"), gone=True, within=Seconds(10)),
        "wait_for: answer of http://web01/, within 5m": WaitFor(url=Template("http://{{ host.name }}/")),
        "wait_for: success of true, within 5m": WaitFor(command=Line("true")),
        "reboot": Reboot(),
        "reboot: init 6": Reboot(Line("init 6")),
        "pause: 90s": Pause(Seconds(90)),
        "(all hosts of the batch meet here first)|pause: ask 'is it well?'": Pause(ask="is it well?"),
        "assert: a and b": Assert((Expression("a"), Expression("b"))),
        "set: x = 1.2, y = 3": Set({"x": "{{ vars.version }}", "y": 3}),
    }
    for told, action in words.items():
        assert "|".join(_planned(action).lines) == told
    assert _planned(None, barrier=True).lines == ("(all hosts of the batch meet)",)


def test_a_condition_is_decided_where_it_can_be_and_told_where_not() -> None:
    run = Run(Line("x"))
    assert _planned(run, when=(Expression("host.vars.role == 'web'"),)).lines == ("run: x",)
    assert _planned(run, when=(Expression("host.vars.role == 'db'"),)) == Planned(
        step=Step(name="it", action=run, how=Modifiers(when=(Expression("host.vars.role == 'db'"),))),
        number=1,
        skipped="when: host.vars.role == 'db'",
    )
    unknown = (Expression("'eu' in host.tags"), Expression("vars.big"))
    assert _planned(run, when=unknown).lines == ("run: x   (if vars.big)",)
    guarded = _planned(run, creates=Template("/x/{{ vars.version }}"), unless=Line("test -d /y"))
    assert guarded.lines == ("run: x   (unless /x/1.2 is there, unless this succeeds: test -d /y)",)


def test_a_loop_is_told_item_by_item_where_its_items_are_known() -> None:
    run = Run(Line("echo {{ index }} {{ item }} {{ facts.os }}"))
    assert _planned(run, loop=["a", "{{ vars.version }}"]).lines == (
        "run: echo 1 a {{ facts.os }}",
        "run: echo 2 1.2 {{ facts.os }}",
    )
    assert _planned(run, loop=["a", "b"], when=(Expression("item == 'b'"),)).lines == ("run: echo 2 b {{ facts.os }}",)
    assert _planned(run, loop=["a"], when=(Expression("item == 'b'"),)).skipped == "when: item == 'b'"
    assert _planned(run, loop=[]).skipped == "the loop is empty"
    assert _planned(run, loop=list(range(50))).lines[-2:] == (
        "run: echo 10 9 {{ facts.os }}",
        "… and 40 more of the loop",
    )
    assert _planned(run, loop=Expression("facts.disks")).lines == ("for each item of facts.disks", f"run: {run.line}")


@pytest.mark.parametrize(
    ("how", "marks"),
    [
        ({"sudo": True}, "(as root)"),
        ({"sudo": "app", "once": True, "barrier": True},
         "(all hosts of the batch meet here first, one host does it for the batch, as app)"),
        ({"cwd": Template("/srv"), "always": True}, "(in /srv, also after a failure)"),
        ({"retries": 3, "until": Expression("result.exit == 0")}, "(up to 3 more tries, until result.exit == 0)"),
        ({"ignore_errors": True, "notify": ("a", "b")}, "(its failure does not matter, notifies a, b)"),
    ],
)  # fmt: skip
def test_what_is_special_about_a_step_is_told_first(how: dict[str, Any], marks: str) -> None:
    assert _planned(Run(Line("x")), **how).lines == (marks, "run: x")


def test_rights_of_the_host_are_told() -> None:
    assert _planned(Run(Line("x")), DB).lines[0] == "(as postgres)"
    assert _planned(Run(Line("x")), DB, sudo=False).lines[0] == "(as deploy)"
    assert _planned(Run(Line("x")), DB, sudo=True).lines[0] == "(as postgres)"
    for elsewhere in (Local(Line("x")), Set({"a": "b"}), Assert(that=(Expression("true"),))):
        assert "as " not in " ".join(_planned(elsewhere, DB, sudo=True).lines)


def test_handlers_come_last_and_what_a_host_has_done_is_left_out() -> None:
    steps = tuple(Step(name=name, action=Run(Line(name)), how=Modifiers(notify=("h",))) for name in ("a", "b"))
    job = Job(head=Head(), steps=steps, handlers=(Step(name="h", action=Run(Line("x"))),))
    planner = Planner(Sequence(job, points={"web01": Point(done=frozenset({"a"}))}), [WEB, DB])
    assert [(one.number, one.step.name) for one in planner.steps(WEB)] == [(2, "b"), (3, "h")]
    *_, handler = planner.steps(DB)
    assert handler.lines == ("(as postgres, if notified by a, b)", "run: x")
