"""Globs and filters: the same as shells and fnmatch where these agree, and quick whatever the pattern is."""

from __future__ import annotations

import fnmatch
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.transfer.patterns import Filter, component_matches, is_pattern, split_pattern, unescaped

globs = st.text("ab-]*?[!.", max_size=12)
names = st.text("ab-]*?[!.", min_size=1, max_size=8)
components = st.sampled_from(["a", "b", "ab", ".a"])
paths = st.lists(components, min_size=1, max_size=4).map("/".join)
patterns = st.builds(
    lambda top, parts, end: top + "/".join(parts) + end,
    st.sampled_from(["", "/"]),
    st.lists(st.sampled_from(["a", "b", "a*", "?", "*", "**", "[!a]"]), min_size=1, max_size=4),
    st.sampled_from(["", "/"]),
)


@given(globs, names)
def test_a_component_is_matched_as_by_fnmatch(pattern: str, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fnmatch's own, for sets that look like set operations
        expected = fnmatch.fnmatchcase(name, pattern)
    assert component_matches(pattern, name, dotfiles=True) is expected


@given(st.text(max_size=8))
def test_an_escaped_name_is_no_pattern_and_matches_itself_alone(name: str) -> None:
    escaped = "".join(f"\\{char}" for char in name)
    assert not is_pattern(escaped)
    assert unescaped(escaped) == name
    assert component_matches(escaped, name)
    assert not component_matches(escaped, f"{name}x")


@pytest.mark.parametrize(
    ("pattern", "matched", "other"),
    [
        ("[^a]", "b", "a"),
        ("[!z-a]", "q", "qq"),
        ("[az-bc]", "c", "y"),
        ("[+--]", ",", "."),
        (r"[a\]]b", "]b", r"\b"),
        ("[]]", "]", "["),
        ("[a", "[a", "a"),
        ("[&&~~||]", "&", "a"),
        (r"\*", "*", "a"),
        ("a\\", "a\\", "a"),
        ("*", "two\nlines", ".hidden"),
        ("*", "\udcff", ".\udcff"),
        (".*", ".hidden", "shown"),
        (r"\.h*", ".hidden", "hidden"),
        ("A", "A", "a"),
        ("[!a]x", "bx", ".x"),
    ],
)
def test_a_component_is_matched_as_shells_do(pattern: str, matched: str, other: str) -> None:
    assert component_matches(pattern, matched)
    assert not component_matches(pattern, other)


@pytest.mark.parametrize("text", ["*", "a?", "[", r"\\*", r"\**"])
def test_a_pattern_is_told_from_a_name(text: str) -> None:
    assert is_pattern(text)
    assert not is_pattern(text.replace("\\", "").replace("*", r"\*").replace("?", r"\?").replace("[", r"\["))


@pytest.mark.parametrize(
    ("path", "fixed", "rest"),
    [
        ("/var/log/**/*.log", "/var/log", ("**", "*.log")),
        ("/*.log", "/", ("*.log",)),
        ("*.log", "", ("*.log",)),
        (r"we\*ird/a?/c\*", "we*ird", ("a?", r"c\*")),
        ("a*//b/", "", ("a*", "b")),
        ("/etc/hosts", "/etc/hosts", ()),
        ("/", "/", ()),
    ],
)
def test_a_path_is_parted_where_the_pattern_begins(path: str, fixed: str, rest: tuple[str, ...]) -> None:
    assert split_pattern(path) == (fixed, rest)


@given(st.lists(patterns, max_size=2), st.lists(patterns, max_size=2), paths, st.booleans())
def test_a_filter_leaves_out_what_its_rules_say(
    exclude: list[str], include: list[str], path: str, directory: bool
) -> None:
    chosen = any(_named(pattern, path, directory) for pattern in include)
    refused = any(_named(pattern, path, directory) for pattern in exclude) or bool(include and not exclude)
    assert Filter(tuple(exclude), tuple(include)).excludes(path, directory=directory) is (refused and not chosen)


@pytest.mark.parametrize(
    ("pattern", "left_out", "taken"),
    [
        ("*.log", "a/b/.hidden.log", "a.log.gz"),
        ("cache/", "a/cache/x", "a/cache"),
        ("conf/*.bak", "conf/x.bak", "a/conf/x.bak"),
        ("/x", "x", "a/x"),
        ("conf/**/*.bak", "conf/x.bak", "conf/x"),
        ("conf/**/*.bak", "conf/a/b/x.bak", "x.bak"),
        ("a//b", "a/b", "b"),
    ],
)
def test_patterns_of_a_filter_are_those_of_the_documentation(pattern: str, left_out: str, taken: str) -> None:
    choice = Filter(exclude=(pattern,))
    assert choice.excludes(left_out, directory=False)
    assert not choice.excludes(taken, directory=False)


def test_a_filter_looks_into_what_it_leaves_out_only_for_what_is_included() -> None:
    assert not Filter(exclude=("cache/",)).descends
    assert Filter(exclude=("cache/",), include=("keep",)).descends
    assert not Filter(exclude=("cache/",), include=("keep",)).excludes("cache/keep", directory=False)


@pytest.mark.timeout(20)
def test_patterns_that_could_be_tried_in_countless_ways_are_not() -> None:
    assert not component_matches("*a" * 50 + "b", "a" * 5_000)
    assert not Filter(exclude=("**/" * 30 + "b",)).excludes("a/" * 99 + "a", directory=False)
    assert not Filter(exclude=("**/a/" * 30 + "b",)).excludes("a/" * 99 + "a", directory=False)


def _named(pattern: str, path: str, directory: bool) -> bool:
    """Whether a pattern names a path, or a directory that it is in: the rules, word by word."""
    parts = path.split("/")
    tops = [(parts[:end], directory or end < len(parts)) for end in range(1, len(parts) + 1)]
    return any(_names(pattern, top, is_directory) for top, is_directory in tops)


def _names(pattern: str, parts: list[str], directory: bool) -> bool:
    if pattern.endswith("/") and not directory:
        return False
    pattern = pattern.removesuffix("/")
    if "/" not in pattern:
        return fnmatch.fnmatchcase(parts[-1], pattern)
    return _from_the_top(pattern.removeprefix("/").split("/"), parts)


def _from_the_top(pattern: list[str], parts: list[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_from_the_top(pattern[1:], parts[skipped:]) for skipped in range(len(parts) + 1))
    return bool(parts) and fnmatch.fnmatchcase(parts[0], pattern[0]) and _from_the_top(pattern[1:], parts[1:])
