"""Names fold to one line and expand back to themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.nodes import NAME, expand, fold

names = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,12}", fullmatch=True)


@given(st.sets(names, min_size=1, max_size=40))
def test_what_is_folded_expands_to_the_same_names(given_names: set[str]) -> None:
    assert set(expand(fold(given_names))) == given_names


def test_padding_is_kept() -> None:
    assert fold(["web01", "web02", "web10"]) == "web[01-02,10]"
    assert expand("web[08-10]") == ["web08", "web09", "web10"]


@pytest.mark.parametrize("pattern", ["web[1-", "web[a-b]", "[", ""])
def test_a_pattern_that_cannot_be_read_is_a_value_error(pattern: str) -> None:
    if pattern:
        with pytest.raises(ValueError, match=r".+"):
            expand(pattern)
    else:
        assert expand(pattern) == []


@pytest.mark.parametrize("name", ["web01", "10.0.0.1", "fe80::1", "db-1.example.com"])
def test_ordinary_names_are_allowed(name: str) -> None:
    assert NAME.fullmatch(name)


@pytest.mark.parametrize("name", ["", "-x", ".", "..", "a/b", "a b", "a,b", "@web", "a&b", "web[1-2]", "a\n"])
def test_names_that_mean_something_elsewhere_are_not(name: str) -> None:
    assert not NAME.fullmatch(name)
