"""Amounts of bytes as people read and write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.sizes import bytes_in, readable

_KIB = 1024


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4096", 4096),
        ("10B", 10),
        ("10MB", 10_000_000),
        ("10MB/s", 10_000_000),
        ("10 mb/s", 10_000_000),
        ("512k", 512 * _KIB),
        ("10M", 10 * _KIB**2),
        ("1.5KiB", 1536),
        ("1GiB", _KIB**3),
        ("2T", 2 * _KIB**4),
        (" 1kb ", 1000),
    ],
)
def test_a_number_with_or_without_a_unit_is_an_amount(text: str, size: int) -> None:
    assert bytes_in(text) == size


@pytest.mark.parametrize(
    "text", ["", "0", "0.5", "-1", "much", "10 miles", "10i", "10iB", "1e3", "inf", "k", "1k/m", "٣"]
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write 10MB/s"):
        bytes_in(text)


@given(st.text())
def test_any_text_is_an_amount_or_refused(text: str) -> None:
    try:
        assert bytes_in(text) > 0
    except ValueError as error:
        assert "is no amount of bytes" in str(error)  # noqa: PT017 - most texts are refused, not all


@given(st.integers(1, 10**20))
def test_a_plain_number_is_itself(size: int) -> None:
    assert bytes_in(str(size)) == size


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (512, "512 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (1234, "1.2 KiB"),
        (_KIB**2 - 1, "1.0 MiB"),
        (3_650_722_202, "3.4 GiB"),
        (5000 * _KIB**4, "5000.0 TiB"),
    ],
)
def test_an_amount_reads_in_the_unit_that_fits(size: int, words: str) -> None:
    assert readable(size) == words


@given(st.integers(1, 1000 * _KIB**4))
def test_what_is_read_is_what_was_meant_but_for_a_twentieth(size: int) -> None:
    words = readable(size)
    meant = int(words.split()[0]) if "byte" in words else bytes_in(words)
    assert abs(meant - size) <= size / 20


@given(st.integers(0, 1000 * _KIB**4), st.integers(0, 1000 * _KIB**4))
def test_more_never_reads_as_less(one: int, other: int) -> None:
    less, more = (
        bytes_in(readable(size).replace(" bytes", "").replace(" byte", "")) for size in sorted((one + 1, other + 1))
    )
    assert less <= more
