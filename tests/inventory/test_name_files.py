"""`^FILE` in a target: where it may stand, how its name is written, and what is said of its mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.errors import TargetError
from fleetctl.inventory import Inventory, load
from fleetctl.inventory.name_files import file_of, names_of, reads_stdin
from fleetctl.nodes import OPERATORS, parts

words = st.text(alphabet="ab^,&!/[]1-2 '\"", min_size=1, max_size=12)
quoted = st.text(alphabet="ab^,&!/[]1-2 '", min_size=1, max_size=12).map(lambda name: f'^"{name}"')
plain = st.from_regex(r"[a-z/.][a-z/. \[\]-]{0,10}[a-z]", fullmatch=True)


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inventory:
    (tmp_path / "inventory.yaml").write_text("groups: {web: {hosts: 'web[01-05]'}, db: {hosts: 'db[1-3]'}}\n")
    (tmp_path / "some").write_text("# of today\nweb[01-02] # two\n\n  db1,db3\nweb02\n")
    (tmp_path / "a [1-900000],b").write_text("web05\r\n")
    (tmp_path / "none").write_text("# nothing\n")
    monkeypatch.chdir(tmp_path)
    return load([Path("inventory.yaml")])


@pytest.mark.parametrize(
    ("target", "exclude", "selected"),
    [
        ("^some", "", "web01 web02 db1 db3"),
        (" ^ some ", "", "web01 web02 db1 db3"),
        ("@web,^some", "", "web01 web02 web03 web04 web05 db1 db3"),
        ("@web!^some", "", "web03 web04 web05"),
        ("@web & ^some", "", "web01 web02"),
        ("@db^^some", "", "web01 web02 db2"),
        ("db1^db2", "", "db1 db2"),
        ('web01,^"a [1-900000],b"', "", "web01 web05"),
        ("^'./a [1-900000],b'!web01", "", "web05"),
        ("@db", "^some", "db2"),
        ("@db", "^none", "db1 db2 db3"),
    ],
)
def test_a_file_stands_where_a_term_does(fleet: Inventory, target: str, exclude: str, selected: str) -> None:
    assert fleet.select(target, exclude=[exclude] if exclude else []) == selected.split()


@pytest.mark.parametrize(
    ("target", "content", "said"),
    [
        ("^bad", "web01\n@db\n", "bad:2: '@db' cannot be a host's name"),
        ("^bad", "web01\n\nweb[01-99999999]\n", "bad:3: 'web[01-99999999]' stands for more than 100,000 hosts"),
        ("^bad", "web01 # ok\nweb77\ndb9\n", "bad:2: no such host: db9,web77"),
        ("^bad", "web1\n", "bad:1: no such host: web1; did you mean web01?"),
        ("^bad", b"\xff", "bad is no text"),
        ("^bad", b"#" * (16 * 1024 * 1024 + 1), "bad is larger than 16 MiB"),
        ("^none", "", "'^none' selects no host"),
        ("^missing", "", "cannot read missing: No such file"),
        ("^.", "", "cannot read .: Is a directory"),
        ('^""', "", "names no file"),
        ('^"none"x', "", 'ends at its quote'),
        ("web01^", "", "something is missing"),
        ("web01,^", "", "something is missing"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_told_with_its_place(
    fleet: Inventory, target: str, content: str | bytes, said: str
) -> None:
    Path("bad").write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(TargetError) as caught:
        fleet.select(target)
    assert said in caught.value.message


@given(st.lists(st.sampled_from(["web[1,2]", "@a", "^f", "^f [1]", '^"a,b"']), min_size=1, max_size=6), st.data())
def test_terms_come_apart_as_they_were_put_together(terms: list[str], data: st.DataObject) -> None:
    operators = [",", *(data.draw(st.sampled_from(OPERATORS)) for _ in terms[1:])]
    spaces = st.sampled_from(["", " "])
    line = "".join(
        f"{data.draw(spaces)}{operator}{data.draw(spaces)}{term}"
        for operator, term in zip(operators, terms, strict=True)
    )
    assert parts(line.strip().removeprefix(",")) == list(zip(operators, terms, strict=True))


@given(words)
def test_any_text_is_taken_apart_or_refused(text: str) -> None:
    try:
        found = parts(text)
    except ValueError:
        return
    assert all(operator in OPERATORS and term == term.strip() != "" for operator, term in found)
    assert "".join(operator + term for operator, term in found).replace(" ", "") == f",{text}".replace(" ", "")


@given(plain | quoted.map(lambda term: term[2:-1]))
def test_every_name_can_be_written(name: str) -> None:
    ((_, term),) = parts(f'^"{name}"')
    assert file_of(term) == name
    assert reads_stdin(f'a,^"{name}"') == (name == "-")


@given(st.lists(st.from_regex(r"[a-z]{1,8}[0-9]{0,3}", fullmatch=True), unique=True))
def test_each_name_has_the_line_where_it_stands_first(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "names"
    path.write_text("".join(f"{name} # one\n" for name in [*names, *names]))
    assert names_of(str(path)) == {name: number for number, name in enumerate(names, 1)}
