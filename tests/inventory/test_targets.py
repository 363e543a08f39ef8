"""Target expressions against a model of plain Python sets, and what is said when nothing fits."""

from __future__ import annotations

import operator
from contextlib import suppress
from functools import reduce
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetctl.errors import TargetError
from fleetctl.inventory import Inventory, load
from fleetctl.inventory.targets import Targets

FLEET = """
groups:
  web: {hosts: "web[01-05]", tags: [eu], vars: {role: front, size: 3}}
  db: {hosts: "db[01-03]", vars: {role: back}}
  canary: {hosts: [web03, db02], tags: [canary]}
  prod: {groups: [web, db], vars: {live: true}}
  spare: {}
hosts:
  bastion: {}
  web: {}
"""
HOSTS = [f"h{number}" for number in range(8)]
OPERATORS = {",": operator.or_, "&": operator.and_, "!": operator.sub, "^": operator.xor}

hosts = st.sets(st.sampled_from(HOSTS), min_size=1)
groups = st.fixed_dictionaries({"a": hosts, "b": hosts, "c": hosts})


@pytest.fixture
def fleet(tmp_path: Path) -> Inventory:
    path = tmp_path / "inventory.yaml"
    path.write_text(FLEET)
    return load([path])


def evaluated(expression: list[str], sets: dict[str, set[str]]) -> set[str]:
    """Terms and operators in turn, worked off from left to right."""
    terms = [sets.get(term.removeprefix("@"), {term}) for term in expression[::2]]
    steps = zip(expression[1::2], terms[1:], strict=True)
    return reduce(lambda found, step: OPERATORS[step[0]](found, step[1]), steps, terms[0])


@st.composite
def expressions(draw: st.DrawFn) -> list[str]:
    term = st.sampled_from(["@a", "@b", "@c", "@tag:a", *HOSTS])
    expression = [draw(term)]
    for _ in range(draw(st.integers(0, 5))):
        expression += [draw(st.sampled_from(list(OPERATORS))), draw(term)]
    return expression


@settings(max_examples=300)
@given(members=groups, expression=expressions())
def test_operators_are_worked_off_from_left_to_right(
    tmp_path_factory: pytest.TempPathFactory, members: dict[str, set[str]], expression: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "algebra.yaml"
    written = {name: {"hosts": sorted(names), "tags": [name]} for name, names in members.items()}
    path.write_text(yaml.safe_dump({"hosts": HOSTS, "groups": written}, sort_keys=False))
    inventory = load([path])
    expected = evaluated(expression, members | {"tag:a": members["a"]})
    if expected:
        assert inventory.select("".join(expression)) == sorted(expected)
    else:
        with pytest.raises(TargetError):
            inventory.select("".join(expression))


@pytest.mark.parametrize(
    ("target", "exclude", "selected"),
    [
        ("web01", "", "web01"),
        ("web[01-02],db03", "", "web01 web02 db03"),
        ("db03,web01", "", "web01 db03"),
        ("@web", "", "web01 web02 web03 web04 web05"),
        ("db", "", "db01 db02 db03"),
        ("@prod&@canary", "", "web03 db02"),
        ("@prod!@canary", "web0[4-5]", "web01 web02 db01 db03"),
        ("@tag:eu!@tag:canary", "", "web01 web02 web04 web05"),
        ("@var:role=back", "", "db01 db02 db03"),
        ("@var:size=3&@canary", "", "web03"),
        ("@var:live=true&db0*", "", "db01 db02 db03"),
        ("*01", "", "web01 db01"),
        ("db0?", "@canary", "db01 db03"),
        ("@canary^web0[1-3]", "", "web01 web02 db02"),
        ("@*", "@prod", "bastion web"),
        ("@group:db", "", "db01 db02 db03"),
        (" @web & @canary ", "", "web03"),
        ("", "@prod", "bastion web"),
        ("web01!nothing*", "", "web01"),
        ("web01^nothing*", "", "web01"),
        ("web01&nothing*,db01", "", "db01"),
        ("@web", "@spare,web0[2-5]", "web01"),
        ("@web", "web*&nothing*,web0[2-5]", "web01"),
        ("@tag:*&@web!@canary", "", "web01 web02 web04 web05"),
    ],
)
def test_targets_select_in_the_order_of_the_inventory(
    fleet: Inventory, target: str, exclude: str, selected: str
) -> None:
    assert fleet.select(*filter(None, [target]), exclude=list(filter(None, [exclude]))) == selected.split()


def test_a_bare_word_is_the_host_of_that_name_before_the_group(fleet: Inventory) -> None:
    assert fleet.select("web") == ["web"]
    assert len(fleet.select("@web")) == 5


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("wbe01", "no such host or group: wbe01; did you mean web01?"),
        ("web1", "did you mean web01?"),
        ("web[04-07]", "no such host or group: web[06-07]"),
        ("@wbe", "there is no group 'wbe'; did you mean web?"),
        ("@tag:us", "no host has the tag 'us'; there are: eu, canary"),
        ("@var:role=bck", "no host has the variable 'role=bck'; did you mean role=back?"),
        ("@color:red", "there is no @color:"),
        ("web*&nothing*", "'nothing*' selects no host"),
        ("web01,nothing*", "'nothing*' selects no host"),
        ("nothing*,web01", "'nothing*' selects no host"),
        ("nothing*^web01", "'nothing*' selects no host"),
        ("web01,@spare", "'@spare' selects no host"),
        ("@@web", "'@@web': a group is named with one @"),
        ("web01,@@tag:eu", "'@@tag:eu': a group is named with one @"),
        ("@tag:@eu", "no host has the tag '@eu'; did you mean eu?"),
        ("@we-b:x", "there is no @we-b:"),
        ("@web,", "something is missing before or after"),
        ("@web,,@db", "something is missing before or after"),
        ("@web&@db", "nothing is left when its parts are put together"),
        ("web[01-", "cannot be read"),
        ("web[1-999999999]", "more than 100,000"),
        ("web0[1-3]*", "a range and a wildcard do not go together"),
        (",", ""),
        ("@", ""),
        ("&web01", ""),
    ],
)
def test_what_does_not_exist_or_selects_nothing_is_told_part_by_part(fleet: Inventory, target: str, said: str) -> None:
    with pytest.raises(TargetError) as raised:
        fleet.select(target)
    assert said in raised.value.message
    assert target in raised.value.message


def test_who_finds_nobody_in_earlier_runs_is_pointed_to_these() -> None:
    none = dict[str, list[str]]()
    targets = Targets(["web01"], none, lambda: none, lambda: none, recall=lambda _kind, _name: [])
    with pytest.raises(TargetError, match="'@status:failed' selects no host") as raised:
        targets.select("web01,@status:failed")
    assert "fleetctl history" in raised.value.hint


def test_an_unknown_name_is_an_error_in_exclude_too(fleet: Inventory) -> None:
    with pytest.raises(TargetError, match="no such host or group: web9"):
        fleet.select("@web", exclude=["web9"])


def test_a_wildcard_that_protects_nobody_is_an_error(fleet: Inventory) -> None:
    with pytest.raises(TargetError, match="'nothing\\*' selects no host"):
        fleet.select("@web", exclude=["nothing*"])


def test_of_several_expressions_each_is_read_by_itself(fleet: Inventory) -> None:
    assert fleet.select("web01", "@web&@canary") == ["web01", "web03"]
    assert fleet.select("@web", exclude=["web01", "@web&@canary", "web02"]) == ["web04", "web05"]


def test_excluding_everything_is_told(fleet: Inventory) -> None:
    with pytest.raises(TargetError, match="'@prod' excludes all that '@web' selects"):
        fleet.select("@web", exclude=["@prod"])


def test_the_default_target_holds_where_none_is_given(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yaml"
    path.write_text(f"default_target: '@db!db03'\n{FLEET}")
    inventory = load([path])
    assert inventory.select() == ["db01", "db02"]
    assert inventory.select("@*") == list(inventory.names)


def test_an_inventory_without_hosts_says_so() -> None:
    with pytest.raises(TargetError, match="no hosts"):
        load([]).select()


@given(text=st.text("abweh0123[]-/,&!^@*?:=. \\\"'$", max_size=20))
def test_no_text_whatever_breaks_a_selection(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "fleet.yaml"
    path.write_text(FLEET)
    fleet = load([path])
    with suppress(TargetError):
        assert set(fleet.select(text)) <= set(fleet.names)
