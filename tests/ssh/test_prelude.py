"""What is told apart before another user's command begins, however the bytes are cut into pieces."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.errors import ElevationDenied
from fleetctl.events import Stream
from fleetctl.ssh.rights.prelude import Mark, Prelude

START, BEGAN = Mark("start-1", "111"), Mark("began-2", "222")
QUESTION = re.compile(rb"prompt-3")
TWO: tuple[Stream, ...] = ("stdout", "stderr")
BEGINS: dict[Stream, bytes] = {"stdout": b"began-22224711 .", "stderr": b"began-2222"}
"""Without a /proc there is no more than the number of the process."""


def new(*streams: Stream) -> Prelude:
    return Prelude(START, BEGAN, QUESTION, streams or TWO)


def begin(prelude: Prelude) -> None:
    for stream in TWO:
        prelude.hear(stream, b"noise start-1111")


@given(data=st.data(), noise=st.binary(max_size=40), words=st.binary(max_size=40), output=st.binary(max_size=80))
def test_noise_words_and_output_are_told_apart(data: st.DataObject, noise: bytes, words: bytes, output: bytes) -> None:
    whole = noise + str(START).encode() + words + str(BEGAN).encode() + b"4711 11 7." + output
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=12)))
    prelude = new("stdout")
    for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        prelude.hear("stdout", whole[begin:end])
    assert prelude.begun
    assert prelude.place == (4711, 11, 7)
    assert b"".join(piece for _, piece in prelude.rest) == output
    assert prelude.said.encode(errors="replace").startswith(words.decode(errors="replace").encode(errors="replace"))


def test_it_has_begun_when_both_streams_have() -> None:
    prelude = new()
    begin(prelude)
    assert prelude.started
    streams: tuple[Stream, ...] = ("stderr", "stdout")
    begun = []
    for stream in streams:
        prelude.hear(stream, BEGINS[stream] + stream[3:].encode())
        begun.append(prelude.begun)
    assert begun == [False, True]
    assert prelude.rest == [("stderr", b"err"), ("stdout", b"out")]
    assert prelude.place == (4711,)


def test_a_mark_that_is_quoted_with_a_blank_is_none() -> None:
    prelude = new()
    begin(prelude)
    for stream in TWO:
        prelude.hear(stream, b"not allowed to execute 'sh began-2 222'")
    assert not prelude.begun


def test_a_question_counts_once_and_only_between_the_marks() -> None:
    prelude = new()

    def asks_after(stream: Stream, data: bytes) -> bool:
        prelude.hear(stream, data)
        return prelude.asks

    assert not asks_after("stderr", b"prompt-3")
    begin(prelude)
    assert not asks_after("stderr", b"lecture pro")
    assert asks_after("stderr", b"mpt-3")
    prelude.answered()
    assert not asks_after("stdout", b"a word of PAM")
    assert asks_after("stderr", b"\nSorry\nprompt-3")
    assert prelude.said_since == "a word of PAM\nSorry\n"


def test_questions_in_the_output_are_output() -> None:
    prelude = new()
    begin(prelude)
    for stream in TWO:
        prelude.hear(stream, BEGINS[stream] + b"prompt-3 start-1111 began-2222")
    assert not prelude.asks
    assert prelude.rest[0] == ("stdout", b"prompt-3 start-1111 began-2222")


def test_words_without_an_end_are_cut_off() -> None:
    prelude = new()
    begin(prelude)
    for _ in range(65):
        prelude.hear("stdout", b"x" * 1000)
    with pytest.raises(ElevationDenied, match="no end"):
        prelude.hear("stdout", b"x" * 1000)


def test_noise_without_an_end_is_not_kept() -> None:
    prelude = new()
    for _ in range(100):
        prelude.hear("stdout", b"x" * 10_000)
    assert prelude.said == ""
    assert not prelude.started
