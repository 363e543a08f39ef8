"""Names fold to one line and expand back to themselves."""

from __future__ import annotations

import pytest
from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.nodes import NAME, expand, fold, parts

names = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,12}", fullmatch=True)
numbers = st.from_regex(r"0{0,2}[0-9]{1,3}", fullmatch=True)
alike = st.builds("{}{}n{}.dc{}".format, st.sampled_from(["r", "rack-"]), numbers, numbers, numbers)


@given(st.sets(names, min_size=1, max_size=40) | st.sets(alike, min_size=1, max_size=40))
def test_what_is_folded_expands_to_the_same_names(given_names: set[str]) -> None:
    assert sorted(expand(fold(given_names))) == sorted(given_names)


@given(st.sets(alike, min_size=1, max_size=12))
def test_clush_reads_what_is_folded(given_names: set[str]) -> None:
    assert set(NodeSet(fold(given_names), resolver=RESOLVER_NOGROUP)) == given_names


@given(st.sets(numbers, min_size=1, max_size=60))
def test_names_with_one_number_fold_as_clush_folds_them(given_numbers: set[str]) -> None:
    given_names = [f"web{number}.example.com" for number in given_numbers]
    assert fold(given_names) == str(NodeSet.fromlist(given_names, resolver=RESOLVER_NOGROUP))


@pytest.mark.parametrize(
    "line",
    [
        "web[01-20].example.com",
        "web[01-20].dc1",
        "db01,web[01-02,04-20].example.com",
        "10.0.0.[1-9,11]",
        "r[1-40]c[01-40]n1.dc[1-3]",
        "10.0.0.[1-9],10.0.1.4",
        "a,a[1-2]b,b,c1",
    ],
)
def test_rows_and_rectangles_fold_to_one_range(line: str) -> None:
    assert fold(expand(line)) == line


def test_numbers_longer_than_any_range_can_hold_are_words() -> None:
    long = ["1" * 200, "2" * 200]
    assert expand(fold(long)) == long


def test_padding_is_kept() -> None:
    assert fold(["web01", "web02", "web10"]) == "web[01-02,10]"
    assert expand("web[08-10]") == ["web08", "web09", "web10"]


def test_names_come_as_they_are_written_and_once() -> None:
    assert expand("web2, web[3,1] ,db,web1,a") == ["web2", "web1", "web3", "db", "a"]


@pytest.mark.parametrize("operator", ["&", "!", "^"])
def test_only_commas_join_names_and_ranges(operator: str) -> None:
    with pytest.raises(ValueError, match="only commas may stand between names"):
        expand(f"web[1-3]{operator}web2")


def test_brackets_hide_operators() -> None:
    assert parts("a[1,2]&b[1!2] ! c,d[") == [(",", "a[1,2]"), ("&", "b[1!2]"), ("!", "c"), (",", "d[")]


@pytest.mark.parametrize("pattern", ["web[1-", "web[a-b]", "[", "web]", ",", "a,", ",a", "a,,b", "a, ,b", " ", ""])
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
