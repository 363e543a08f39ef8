"""The closing lines: everybody counted, who is not ok named once per reason, with advice."""

from __future__ import annotations

from collections import Counter

from hypothesis import given

from fleetctl.events import ErrorFacts, Event, HostFinished, Outcome, RunFinished, Status
from fleetctl.views import Verdict
from tests.support.showing import Paper, ended, over, play, refused, runs


def verdict(events: list[Event], *, quiet: bool = False, terminal: bool = False) -> str:
    paper = Paper()
    play(Verdict(paper.screen(terminal=terminal), quiet=quiet), events)
    return paper.shown().talk


def many(count: int, message: str, hint: str = "") -> list[Event]:
    error = [ErrorFacts("host-key-unknown", message.format(n), hint.format(f"web{n:02}")) for n in range(1, count + 1)]
    return [ended(f"web{n:02}", Status.UNTRUSTED, error=error[n - 1]) for n in range(1, count + 1)]


def test_counts_reasons_and_hints() -> None:
    events: list[Event] = [
        ended("web01"),
        ended("web03", Status.FAILED, 1),
        ended("web07", Status.FAILED, 1),
        refused("db01"),
    ]
    assert verdict(over(events)).splitlines() == [
        "1 ok · 2 failed · 1 unreachable — 4 hosts in 3.4 s",
        "  failed       web[03,07]  exit 1",
        "  unreachable  db01  connection refused",
        "               → is sshd running there?",
    ]


def test_when_all_is_well_one_line_is_enough() -> None:
    assert verdict(over([ended("a")])) == "1 ok — 1 host in 3.4 s\n"


def test_quiet_tells_only_of_hosts_that_are_not_ok() -> None:
    assert verdict(over([ended("a")]), quiet=True) == ""
    told = verdict(over([ended("a"), refused("b")]), quiet=True)
    assert told.splitlines() == ["  unreachable  b  connection refused", "               → is sshd running there?"]


def test_commands_that_may_still_run_are_told() -> None:
    outcome = Outcome(Status.CANCELLED, error=ErrorFacts("cancelled", "interrupted"), remote_ended=False)
    told = verdict(over([HostFinished(host=name, outcome=outcome) for name in ("a1", "a2")], "interrupted"))
    assert told.endswith("what was begun there may still run: a[1-2]\n")


def test_a_run_that_was_called_off_says_why() -> None:
    assert verdict(over([ended("a")], "interrupted")).startswith("1 ok — 1 host in 3.4 s — cancelled: interrupted")


def test_advice_that_names_its_host_names_all_that_need_it() -> None:
    told = verdict(over(many(3, "not known", "run: fleetctl trust {}")))
    assert told.splitlines()[1:] == [
        "  untrusted    web[01-03]  not known",
        "               → run: fleetctl trust 'web[01-03]'",
    ]


def test_messages_that_differ_in_their_address_only_make_one_line() -> None:
    told = verdict(over(many(50, "the key of 10.0.0.{} is not known", "fleetctl trust {}")))
    assert told.splitlines()[1:] == [
        "  untrusted    web[01-50]  the key of 10.0.0.1 is not known (and 49 like it)",
        "               → fleetctl trust 'web[01-50]'",
    ]


def test_a_few_different_messages_are_all_told() -> None:
    told = verdict(over(many(3, "the key of 10.0.0.{} is not known")))
    assert [line.split()[-4] for line in told.splitlines()[1:]] == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]


def test_a_name_inside_another_word_of_the_advice_is_left_alone() -> None:
    events = [refused("a", hint="ask a friend, a.b or data: a")]
    assert verdict(over(events)).splitlines()[-1].strip() == "→ ask a friend, a.b or data: a"


def test_what_a_server_said_is_made_harmless() -> None:
    assert "\x1b" not in verdict(over([refused("a", "boo\x1b[2J", "\x1b]0;x\x07")], "\x1b[2J"))


@given(runs(max_hosts=10))
def test_the_counts_are_those_of_the_run(run: list[Event]) -> None:
    first = verdict(run, terminal=True).splitlines()[0].partition(" — ")[0]
    counts = Counter(event.outcome.status for event in run if isinstance(event, HostFinished))
    assert isinstance(run[-1], RunFinished)
    told = {word.split()[-1]: int(word.split()[-2]) for word in first.split(" · ") if word != "nothing done"}
    assert told == {str(status): count for status, count in counts.items()}
