"""The closing lines: everybody counted, who is not ok named once per reason, with advice."""

from __future__ import annotations

from collections import Counter

from hypothesis import given

from fleetctl.events import ErrorFacts, Event, HostFinished, Outcome, RunFinished, Status, Totals, Transferred
from fleetctl.views import Verdict
from tests.support.showing import Paper, ended, over, play, refused, runs
from tests.views.moving import REFUSED, copied, moved, moving_runs


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
    assert "  cancelled    a[1-2]  interrupted; may still run there\n" in told
    assert told.endswith("what was begun there may still run: a[1-2]\n")


def test_commands_that_were_killed_are_told() -> None:
    outcome = Outcome(Status.TIMEOUT, error=ErrorFacts("timed-out", "not done within 5 s"), killed=True)
    told = verdict(over([HostFinished(host="a", outcome=outcome)]))
    assert "  timeout      a  not done within 5 s; killed\n" in told
    assert "still run" not in told


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


@given(runs(max_hosts=10) | moving_runs())
def test_the_counts_are_those_of_the_run(run: list[Event]) -> None:
    first = verdict(run, terminal=True).splitlines()[0].partition(" — ")[0]
    counts = Counter(event.outcome.status for event in run if isinstance(event, HostFinished))
    assert isinstance(run[-1], RunFinished)
    told = {word.split()[-1]: int(word.split()[-2]) for word in first.split(" · ") if word != "nothing done"}
    assert told == {str(status): count for status, count in counts.items()}


def test_files_of_all_hosts_are_summed_up_in_one_line() -> None:
    totals = Totals(files=6, bytes=3 * 1024**2, unchanged=2, deleted=1)
    events: list[Event] = [
        moved("a", "/x", "made"),
        moved("a", "/x/y"),
        copied("a", totals),
        copied("b", totals),
        refused("c"),
    ]
    assert verdict(over(events)).splitlines()[:2] == [
        "2 ok · 1 unreachable — 3 hosts in 3.4 s",
        "  12 files, 6.0 MiB sent to 2 hosts · 4 unchanged · 2 deleted",
    ]
    assert "files" not in verdict(over(events), quiet=True)


def test_a_single_file_that_was_fetched_is_told_as_one() -> None:
    told = verdict(over([moved("a", "out/a/x", "fetched"), copied("a", Totals(files=1, bytes=1))]))
    assert told.splitlines()[1] == "  1 file, 1 byte fetched from 1 host"


def test_where_all_is_there_already_nothing_was_moved() -> None:
    told = verdict(over([moved("a", "/x", "unchanged"), copied("a", Totals(unchanged=1))]))
    assert told.splitlines()[1] == "  nothing moved on 1 host · 1 unchanged"


def test_a_dry_run_tells_what_would_become_of_files() -> None:
    files: list[Event] = [Transferred(host="a", path="/x", action="sent", size=2048, dry=True)]
    files += [Transferred(host="a", path="/y", action="deleted", size=9, dry=True)]
    off = ErrorFacts("dry-run", "dry run: nothing was done")
    told = verdict(over([*files, copied("a", Totals(files=1, bytes=2048, deleted=1), Status.SKIPPED, off)]))
    assert told.splitlines()[1:] == ["  1 file, 2.0 KiB would be sent to 1 host · 1 would be deleted"]


def test_a_file_that_failed_is_the_reason_of_its_host() -> None:
    failed: list[Event] = [copied(host, Totals(failed=1), Status.FAILED, REFUSED) for host in ("web01", "web02")]
    assert verdict(over(failed)).splitlines() == [
        "2 failed — 2 hosts in 3.4 s",
        "  nothing moved on 2 hosts · 2 failed",
        "  failed       web[01-02]  cannot write /etc/x: permission denied",
        "               → log in as its owner",
    ]


def test_the_name_of_a_file_cannot_reach_the_terminal_nor_break_the_lines() -> None:
    error = ErrorFacts("access-denied", "cannot write /\x1b[2J\udcff: permission denied")
    told = verdict(over([copied("a", Totals(failed=1), Status.FAILED, error)]))
    assert "cannot write /\\udcff: permission denied" in told
