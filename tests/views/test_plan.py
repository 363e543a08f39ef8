"""A plan of a job: one block for each step, hosts folded where the same would be done."""

from __future__ import annotations

import io

from fleetctl.events import BatchStarted, Event, Output, RunFinished, RunStarted, StepFinished, StepStatus
from fleetctl.views.plan import PlanView
from fleetctl.views.screen import Screen

HOSTS = ("web01", "web02", "web03")


def _shown(*events: Event, hosts: tuple[str, ...] = HOSTS) -> str:
    out = io.BytesIO()
    view = PlanView(Screen(out, io.BytesIO()))
    begin = RunStarted(
        run="r", operation="job deploy", hosts=hosts, fanout=1, started=0, steps=("say", "go"), handlers=("bye",)
    )
    for event in (begin, *events, RunFinished(counts={})):
        view.show(event)
    view.close()
    return out.getvalue().decode()


def _step(host: str, number: int, name: str, said: str = "", why: str = "") -> list[Event]:
    output: list[Event] = [Output(host=host, stream="stdout", data=said.encode())] if said else []
    return [*output, StepFinished(host=host, step=name, number=number, status=StepStatus.SKIPPED, why=why)]


def test_steps_are_told_in_order_and_hosts_folded() -> None:
    events: list[Event] = [BatchStarted(number=1, batches=2, hosts=HOSTS[:1])]
    events.append(BatchStarted(number=2, batches=2, hosts=HOSTS[1:]))
    for host in HOSTS:
        events += _step(host, 1, "say", "(as root)\nrun:\n  x\n  y\n")
        events += (
            _step(host, 2, "go", "run: \x1b[31mred\n") if host != "web02" else _step(host, 2, "go", why="when: no")
        )
        events += _step(host, 3, "bye", f"(if notified)\nrun: bye {host}\n")
    assert _shown(*events) == (
        "job deploy on 3 hosts: web[01-03]\n"
        "  batch 1: web01\n"
        "  batch 2: web[02-03]\n"
        "  1  say   (as root)\n"
        "       run:\n"
        "         x\n"
        "         y\n"
        "  2  go\n"
        "     web[01,03]\n"
        "         run: red\n"
        "     web02\n"
        "         skipped: when: no\n"
        "at the end, where a step that changed something has notified them:\n"
        "  3  bye   (if notified)\n"
        "     web01\n         run: bye web01\n"
        "     web02\n         run: bye web02\n"
        "     web03\n         run: bye web03\n"
    )


def test_many_ways_are_cut_short() -> None:
    hosts = tuple(f"web{number:03}" for number in range(100))
    shown = _shown(*(event for host in hosts for event in _step(host, 1, "say", f"run: {host}\n")), hosts=hosts)
    assert shown.endswith("     web[008-099]\n         … likewise in 92 more ways: -t HOST shows one\n")
    assert shown.count("run: ") == 8
