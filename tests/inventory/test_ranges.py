"""Ranges of host names: what they stand for, and what they may not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.inventory.ranges import names_in
from fleetctl.nodes import fold

words = st.from_regex(r"[a-z]{1,5}", fullmatch=True)


@given(
    prefix=words,
    suffix=st.sampled_from(["", ".example.com", "-rack"]),
    first=st.integers(0, 120),
    count=st.integers(1, 60),
    width=st.integers(1, 4),
)
def test_a_range_stands_for_each_number_with_its_zeros(
    prefix: str, suffix: str, first: int, count: int, width: int
) -> None:
    last = first + count - 1
    width = max(width, len(str(last)))
    names = names_in(f"{prefix}[{first:0{width}}-{last:0{width}}]{suffix}")
    assert names == [f"{prefix}{number:0{width}}{suffix}" for number in range(first, last + 1)]


@given(prefix=words, numbers=st.sets(st.integers(0, 300), min_size=1, max_size=30))
def test_what_is_folded_unfolds_to_the_same_names(prefix: str, numbers: set[int]) -> None:
    names = [f"{prefix}{number:03}" for number in numbers]
    assert set(names_in(fold(names))) == set(names)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("web01", ["web01"]),
        ("web[1,3]", ["web1", "web3"]),
        ("web[01-05/2]", ["web01", "web03", "web05"]),
        ("db01,web[1-2]", ["db01", "web1", "web2"]),
        ("web[2,1],db01,a", ["web1", "web2", "db01", "a"]),
        ("r[1-2]n[1-2]", ["r1n1", "r1n2", "r2n1", "r2n2"]),
        ("10.0.0.[1-2]", ["10.0.0.1", "10.0.0.2"]),
        ("2001:db8::1", ["2001:db8::1"]),
    ],
)
def test_ranges_are_written_as_clush_users_write_them(pattern: str, names: list[str]) -> None:
    assert names_in(pattern) == names


@pytest.mark.parametrize(
    "pattern",
    [
        "web[1-999999999]",
        "r[1-1000]n[1-1000]",
        "a[1-400]b[1-400]c[1-400]",
        "web[1-",
        "web]",
        "web[a-b]",
        "web[5-1]",
        "web[1 - 999999999]",
        "web[-8-999999999]",
        "web[1-999999999 /1]",
        "web[1-999_999_999]",
        "web[1-+999999999]",
    ],
)
def test_what_cannot_be_read_or_is_too_large_is_refused_unexpanded(pattern: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        names_in(pattern)


@pytest.mark.parametrize("name", ["", " ", "a b", "-x", "a/b", "a;b", "$(x)", "a'b", "ä", "a@b", "a\nb", "a\0"])
def test_names_that_mean_something_to_shells_paths_or_targets_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        names_in(name)


@pytest.mark.parametrize("pattern", ["web[1-9]!web2", "a&b", "web[1-3]^web3"])
def test_operators_are_for_targets(pattern: str) -> None:
    with pytest.raises(ValueError, match="only commas may stand between names and ranges"):
        names_in(pattern)
