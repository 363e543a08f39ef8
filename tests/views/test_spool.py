"""What goes into the spool comes out of it, from memory or from its file, and equal outputs take room once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.events import Outcome, Status
from fleetctl.views import spool as spool_module
from fleetctl.views.spool import CAP, Spool
from tests.support.showing import said

OK = Outcome(Status.OK, exit_code=0)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds so low that a few bytes go to the file."""
    monkeypatch.setattr(spool_module, "_MEMORY", 10)
    monkeypatch.setattr(spool_module, "_BLOCK", 4)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.binary(max_size=20))), st.integers(0, 60), st.integers(1, 9))
def test_what_goes_in_comes_out(pieces: list[tuple[str, bytes]], memory: int, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool_module, "_MEMORY", memory)
        patch.setattr(spool_module, "_BLOCK", block)
        spool = Spool()
        for host, data in pieces:
            spool.add(said(host, data))
        results = [spool.finish(host, OK) for host in "abc"]
        kept = [spool.text(result.stdout) for result in results]
        spool.close()
    assert kept == [b"".join(data for host, data in pieces if host == name) for name in "abc"]


@pytest.mark.usefixtures("small")
def test_room_in_the_file_is_used_again() -> None:
    spool = Spool()
    for number in range(50):
        spool.add(said("a", b"%04d" % number * 10))
        result = spool.finish("a", OK)
        assert spool.text(result.stdout) == b"%04d" % number * 10
        spool.forget(result)
    assert spool._file_end <= 40
    spool.close()


@pytest.mark.usefixtures("small")
def test_equal_outputs_take_room_once() -> None:
    spool = Spool()
    for number in range(50):
        spool.add(said(f"h{number}", b"the same for everybody"))
        assert spool.text(spool.finish(f"h{number}", OK).stdout) == b"the same for everybody"
    assert spool._file_end <= 48
    spool.close()


@pytest.mark.usefixtures("small")
def test_a_result_with_equal_streams_can_be_forgotten() -> None:
    spool = Spool()
    spool.add(said("a", b"twice the same"))
    spool.add(said("a", b"twice the same", "stderr"))
    spool.forget(spool.finish("a", OK))
    assert spool._in_memory == 0
    spool.close()


def test_no_more_than_the_cap_is_kept_and_the_rest_is_counted() -> None:
    spool = Spool()
    spool.add(said("a", b"x" * (CAP - 1)))
    spool.add(said("a", b"yz!"))
    spool.add(said("a", b"more"))
    kept = spool.finish("a", OK).stdout
    assert (kept.size, kept.omitted) == (CAP, 6)
    assert spool.text(kept).endswith(b"xy")
    spool.close()


def test_records_are_kept_whole_and_are_not_taken_for_output() -> None:
    spool = Spool()
    data = b"r" * (CAP + 5)
    spool.record("a", "files", data)
    spool.add(said("a", data))
    result = spool.finish("a", OK)
    assert (result.files.size, result.files.omitted) == (CAP + 5, 0)
    assert (result.stdout.size, result.stdout.omitted) == (CAP, 5)
    spool.forget(result)
    assert spool._in_memory == 0
    spool.close()
