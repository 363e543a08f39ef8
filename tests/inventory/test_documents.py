"""What can be wrong in an inventory file: each mistake with its file, line and path, all of them in one go."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.errors import InventoryError, Problem
from fleetctl.inventory import load


def problems(path: Path, content: str | bytes) -> list[Problem]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InventoryError) as raised:
        load([path])
    assert all(problem.file == path for problem in raised.value.problems)
    return raised.value.problems


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "inventory.yaml"


@pytest.mark.parametrize(
    ("content", "line", "where", "said"),
    [
        ("hosst: {}", 1, "hosst", "unknown key; did you mean hosts?"),
        ("defaults: {usr: x}", 1, "defaults.usr", "unknown key; did you mean user?"),
        ("defaults:\n  address: x", 2, "defaults.address", "is the address of one host"),
        ("hosts:\n  a:\n    colour: red", 3, "hosts.a.colour", "unknown key"),
        ("hosts:\n  a: {port: 1}\n  a: {port: 2}", 3, "hosts.a", "given twice, first on line 2"),
        ("hosts: {}\nhosts: {}", 2, "hosts", "given twice, first on line 1"),
        ("defaults: [x]", 1, "defaults", "must be a mapping, not a list"),
        ("groups: x", 1, "groups", "must be a mapping, not a word"),
        ("hosts: 5", 1, "hosts", "must be a mapping, not a number"),
        ("[a, b]", 1, "", "must be a mapping, not a list"),
        ("default_target: [a]", 1, "default_target", "must be a target expression, not a list"),
        ("hosts: [a]\ndefault_target: '@b'", 2, "default_target", "there is no group 'b'"),
        ("hosts: [a]\ndefault_target: 'a!a'", 2, "default_target", "nothing is left"),
        ("defaults: {port: '22'}", 1, "defaults.port", "must be a whole number, not a word"),
        ("defaults: {port: 70000}", 1, "defaults.port", "must be a whole number <= 65535"),
        ("defaults: {port: 0}", 1, "defaults.port", "must be a whole number >= 1"),
        ("defaults: {user: 5}", 1, "defaults.user", "must be a word, not a whole number: put it in quotes"),
        ("defaults: {user: no}", 1, "defaults.user", "YAML reads yes, no, on and off as true and false"),
        ("defaults: {user: '-x'}", 1, "defaults.user", "begins with '-'"),
        ("defaults: {agent: maybe}", 1, "defaults.agent", "must be true or false"),
        ("defaults: {keys: {a: b}}", 1, "defaults.keys", "must be a word or a list, not a mapping"),
        ("defaults: {keys: [a, 1]}", 1, "defaults.keys[1]", "must be a word, not a whole number"),
        ("defaults: {keys: ['']}", 1, "defaults.keys[0]", "is empty"),
        ("defaults:\n  keys:\n    - a\n    - ''", 4, "defaults.keys[1]", "is empty"),
        ("defaults:\n  keys:\n    - a\n    - 1", 4, "defaults.keys[1]", "must be a word, not a whole number"),
        ("defaults: {keys: [\"a\\0\"]}", 1, "defaults.keys[0]", "holds a NUL"),
        ("defaults: {host_key_policy: never}", 1, "defaults.host_key_policy", "strict, accept-new, off"),
        ("defaults: {connect_timeout: soon}", 1, "defaults.connect_timeout", "is no span of time"),
        ("defaults: {connect_timeout: 0}", 1, "defaults.connect_timeout", "is no span of time"),
        ("defaults: {env: {1A: x}}", 1, "defaults.env.1A", "is no variable's name"),
        ("defaults:\n  env:\n    A: x\n    B: [x]", 4, "defaults.env.B", "or a word, not a list"),
        ("defaults:\n  env:\n    A: x\n    1B: x", 4, "defaults.env.1B", "is no variable's name"),
        ("defaults: {env: [x]}", 1, "defaults.env", "must be a mapping, not a list"),
        ("defaults: {tags: 'a b'}", 1, "defaults.tags", "cannot be written in a target"),
        ("defaults:\n  tags:\n    - a\n    - a b", 4, "defaults.tags[1]", "cannot be written in a target"),
        ("defaults: {vars: [a]}", 1, "defaults.vars", "must be a mapping"),
        ("defaults: {password: {evn: X}}", 1, "defaults.password", "give one of {env: …}"),
        ("defaults: {password: {env: X, file: y}}", 1, "defaults.password", "exactly one of env, file, command"),
        ("defaults: {password: {}}", 1, "defaults.password", "exactly one of"),
        ("defaults: {password: {env: ''}}", 1, "defaults.password", "env is empty"),
        ("defaults: {password: {command: pass show x}}", 1, "defaults.password.command", "must be a list"),
        ("defaults: {password: 1234}", 1, "defaults.password", "put it in quotes"),
        ("groups: {'a b': {}}", 1, "groups.a b", "cannot be written in a target"),
        ("groups: {'a:b': {}}", 1, "groups.a:b", "cannot be a group's name"),
        ("groups:\n  web:\n    groups: [wbe]", 3, "groups.web.groups[0]", "no such group: wbe; did you mean web?"),
        ("groups: {web: {groups: db}}", 1, "groups.web.groups", "must be a list of group names"),
        ("groups: {web: {groups: [1]}}", 1, "groups.web.groups[0]", "must be a group's name, not a number"),
        ("groups: {a: {groups: [b]}, b: {groups: [a]}}", 1, "groups.b.groups[0]", "contain each other: a → b → a"),
        ("groups: {a: {groups: [a]}}", 1, "groups.a.groups[0]", "contain each other: a → a"),
        ("groups: {a: {hosts: [1]}}", 1, "groups.a.hosts[0]", "must be a host's name or a range, not a number"),
        ("groups: {a: {hosts: 'web[1-'}}", 1, "groups.a.hosts", "web[1-"),
        ("hosts: 'web[1-99999999]'", 1, "hosts", "more than 100,000 hosts"),
        ("hosts: ['a[1-90000]', 'b[1-90000]', 'c[1-90000]']", 1, "hosts[2]", "more than 200,000 hosts in all"),
        ("hosts: {'web[1-2]': {address: x}}", 1, "hosts.web[1-2].address", "of one host, and these are 2"),
        ("hosts: {'a/b': {}}", 1, "hosts.a/b", "cannot be a host's name"),
        ("hosts:\n  b: {}\n  a: {jump: bb}", 3, "hosts.a.jump", "no such host: bb; did you mean b?"),
        ("hosts: {a: {jump: 'x@y@z'}}", 1, "hosts.a.jump", "is no host"),
        ("hosts: {a: {jump: b}, b: {jump: a}}", 1, "hosts.b.jump", "jumps go in a circle: a → b → a"),
        ("defaults: {jump: a}\nhosts: {a: {}, b: {}}", 1, "defaults.jump", "give a `jump: []` to end it"),
        ("hosts:\n  no: {}", 2, "hosts.no", "YAML reads it as false: put it in quotes"),
        ("hosts:\n  <<: {a: {}}", 2, "hosts.<<", "merging is not supported"),
        ("hosts: {? [a] : {}}", 1, "hosts", "a key must be a word"),
        ("hosts: !!python/object/apply:os.system [id]", 1, "hosts", "tags are not allowed"),
        ("hosts: {a: *gone}", 1, "hosts.a", "there is no such anchor before this"),
        ("hosts: {!odd a: {}}", 1, "hosts.a", "tags are not allowed"),
        ("hosts: 'a!b'", 1, "hosts", "only commas may stand between names and ranges"),
        ("hosts: [a", 2, "", "is no YAML"),
        ("hosts:\n\t- a", 2, "", "lines are indented with blanks, not with tabs"),
        ("hosts: {}\n---\nhosts: {}", 2, "", "has a second document"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_line_and_path(path: Path, content: str, line: int, where: str, said: str) -> None:
    (problem,) = problems(path, content)
    assert (problem.line, problem.path) == (line, where)
    assert said in problem.message


def test_all_mistakes_of_all_files_are_told_in_one_go(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text("defaults:\n  prot: 1\n  user: 2\nhosts:\n  a: {agent: 3}\n  a: {}\n")
    with pytest.raises(InventoryError) as raised:
        load([tmp_path / "two", tmp_path / "one"])
    told = [(problem.file.name, problem.line) for problem in raised.value.problems]
    assert told == [(name, line) for name in ("two", "one") for line in (2, 3, 5, 6)]


@pytest.mark.parametrize(("content", "line"), [(b"hosts:\n  caf\xe9", 2), (b"hosts:\n  caf\xe9s:\n  b: {}", 2)])
def test_a_file_in_another_encoding_is_told_with_its_line(path: Path, content: bytes, line: int) -> None:
    path.write_bytes(content)
    with pytest.raises(InventoryError) as raised:
        load([path])
    assert raised.value.problems == [Problem(path, line, "", "is no text in UTF-8")]


def test_a_file_that_cannot_be_read_is_a_problem_of_that_file(tmp_path: Path) -> None:
    for missing in (tmp_path / "nowhere.yaml", tmp_path):
        with pytest.raises(InventoryError, match="cannot be read"):
            load([missing])


def test_empty_files_are_inventories_without_hosts(path: Path) -> None:
    for content in ("", "---\n", "# nothing\n", "hosts:\ngroups:\ndefaults:\n"):
        path.write_text(content)
        assert load([path]).names == ()


def test_aliases_may_repeat_and_not_multiply(path: Path) -> None:
    path.write_text("defaults: {vars: {a: &list [1, 2]}}\nhosts: {x: {vars: {b: *list}}}\n")
    (host,) = load([path]).hosts(["x"])
    assert host.vars == {"a": [1, 2], "b": [1, 2]}
    bomb = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    (problem,) = problems(path, f"a0: &a0 [x]\n{bomb}")
    assert "do aliases multiply?" in problem.message


def test_a_key_may_be_an_anchor(path: Path) -> None:
    path.write_text("hosts: {&name a: {address: *name}, b: {vars: {like: *name}}, c: {vars: {*name : 1}}}\n")
    a, b, c = load([path]).hosts(["a", "b", "c"])
    assert (a.address, b.vars, c.vars) == ("a", {"like": "a"}, {"a": 1})


def test_mistakes_on_one_line_are_told_in_their_order(path: Path) -> None:
    content = "defaults: {zz: 1, yy: 1, b1: 1, b2: 1, b3: 1, port: x, aa: 1}"
    assert [problem.path.removeprefix("defaults.") for problem in problems(path, content)] == [
        "zz", "yy", "b1", "b2", "b3", "aa", "port",
    ]  # fmt: skip


def test_each_mistake_in_a_list_or_map_is_told(path: Path) -> None:
    found = problems(path, "defaults:\n  env: {1A: x, B: [x], 2C: x}\n  keys: ['', 5, '']\n  tags: [a b, c, '@']\n")
    assert [problem.path.removeprefix("defaults.") for problem in found] == [
        "env.1A", "env.B", "env.2C", "keys[0]", "keys[1]", "keys[2]", "tags[0]", "tags[2]",
    ]  # fmt: skip


def test_depth_is_bounded(path: Path) -> None:
    (problem,) = problems(path, "hosts: " + "[" * 100_000)
    assert "nested more than 30 deep" in problem.message


def test_circles_of_groups_are_bounded_too(path: Path) -> None:
    chain = "".join(f"  g{n}: {{groups: [g{n + 1}]}}\n" for n in range(200))
    (problem,) = problems(path, f"groups:\n{chain}  g200: {{hosts: [a]}}\n")
    assert "nested more than 100 deep" in problem.message


def test_a_fifo_or_device_does_not_hang_or_flood(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match="larger than 64 MiB"):
        load([Path("/dev/zero")])


@given(text=st.binary(max_size=200) | st.text("hostsgrup:[]{},&*!-? \n\"'#|>%@0a1", max_size=80).map(str.encode))
def test_no_content_whatever_breaks_it(tmp_path_factory: pytest.TempPathFactory, text: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / f"any-{os.getpid()}.yaml"
    path.write_bytes(text)
    with suppress(InventoryError):
        assert isinstance(load([path]).names, tuple)
