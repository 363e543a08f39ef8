"""No host is forgotten and none is told twice, whatever a stream of events looks like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.engine.ledger import settle
from fleetctl.events import Event, HostFinished, HostStarted, Outcome, Output, Status

HOSTS = [f"h{n}" for n in range(6)]


def lost(host: str, begun: bool) -> HostFinished:
    return HostFinished(host=host, outcome=Outcome(Status.ERROR))


def finished(host: str) -> HostFinished:
    return HostFinished(host=host, outcome=Outcome(Status.OK))


def events() -> st.SearchStrategy[Event]:
    host = st.sampled_from([*HOSTS, "a stranger"])
    return st.one_of(
        st.builds(lambda h: HostStarted(host=h), host),
        st.builds(lambda h: Output(host=h, stream="stdout", data=b"x"), host),
        st.builds(finished, host),
    )


@given(st.lists(events(), max_size=60), st.booleans())
def test_every_host_is_finished_exactly_once_and_last(stream: list[Event], breaks: bool) -> None:
    def given_stream() -> Iterator[Event]:
        yield from stream
        if breaks:
            raise RuntimeError("the engine died")

    seen: list[Event] = []
    try:
        seen.extend(event for event in settle(HOSTS, given_stream(), lost))
    except RuntimeError:
        assert breaks
    if not breaks:
        ends = Counter(event.host for event in seen if isinstance(event, HostFinished))
        assert ends == Counter(HOSTS)
    by_host: dict[str, list[str]] = {}
    for event in seen:
        assert isinstance(event, HostStarted | Output | HostFinished)
        by_host.setdefault(event.host, []).append(type(event).__name__)
    for kinds in by_host.values():
        assert kinds.count("HostStarted") <= 1
        assert "HostStarted" not in kinds[1:]
        assert "HostFinished" not in kinds[:-1]
        assert kinds[0] == "HostStarted" or kinds == ["HostFinished"]


def test_a_stream_that_breaks_closes_all_accounts_before_it_raises() -> None:
    def stream() -> Iterator[Event]:
        yield HostStarted(host="h0")
        yield finished("h1")
        raise RuntimeError("the engine died")

    seen: list[Event] = []
    with pytest.raises(RuntimeError, match="the engine died"):
        seen.extend(settle(HOSTS, stream(), lost))
    assert Counter(e.host for e in seen if isinstance(e, HostFinished)) == Counter(HOSTS)


def test_what_is_in_order_passes_unchanged() -> None:
    stream: list[Event] = []
    for host in HOSTS:
        stream += [HostStarted(host=host), Output(host=host, stream="stderr", data=b"x"), finished(host)]
    assert list(settle(HOSTS, stream, lost)) == stream


def test_hosts_that_had_begun_are_closed_before_those_that_had_not() -> None:
    assert [e.host for e in settle(["a", "b"], [HostStarted(host="b")], lost) if isinstance(e, HostFinished)] == [
        "b",
        "a",
    ]
