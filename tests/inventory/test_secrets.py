"""Secrets by reference: fetched once, for targeted hosts alone, and never shown, whatever goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import yaml

from fleetctl.errors import InventoryError, SecretError
from fleetctl.inventory import Inventory, Overrides, document, load, providers
from fleetctl.model import Host, Secret

VALUE = "hunter2-and-more"

Write = Callable[[str], Inventory]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Loads an inventory that only its owner can read."""

    def write(text: str) -> Inventory:
        path = tmp_path / "inventory.yaml"
        path.touch(mode=0o600)
        path.write_text(text)
        return load([path])

    return write


def password(inventory: Inventory, ask: Callable[[str], Secret] | None = None) -> str:
    (host,) = inventory.hosts(["a"], ask=ask)
    assert host.login.password is not None
    return host.login.password.reveal()


def test_a_secret_comes_from_where_it_is_said_to_be(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGIN", VALUE)
    (tmp_path / "login").write_text(f"{VALUE}\r\n")
    for reference in (
        f'"{VALUE}"', "{env: LOGIN}", "{file: login}", f"{{file: {tmp_path}/login}}",
        "{command: [cat, login]}", f"{{command: [printf, '{VALUE}']}}",
    ):  # fmt: skip
        assert password(write(f"hosts: {{a: {{password: {reference}}}}}")) == VALUE


def test_a_person_is_asked_once_for_all_hosts(write: Write) -> None:
    asked: list[str] = []

    def ask(text: str) -> Secret:
        asked.append(text)
        return Secret(VALUE)

    inventory = write("defaults: {password: {prompt: Database password}}\nhosts: 'a,b[1-50]'")
    assert {host.login.password for host in inventory.hosts(inventory.names, ask=ask)} == {Secret(VALUE)}
    assert asked == ["Database password: "]


def test_each_reference_is_resolved_once_and_only_for_hosts_of_the_target(write: Write, tmp_path: Path) -> None:
    count = "{command: [sh, -c, 'echo >> count; echo x']}"
    inventory = write(f"""
groups:
  counted: {{hosts: "a[1-20]", password: {count}}}
  unset: {{hosts: "b[1-20]", password: {{env: NO_SUCH_VARIABLE}}}}
""")
    inventory.hosts(inventory.select("@counted"))
    assert (tmp_path / "count").read_text() == "\n"
    with pytest.raises(SecretError, match="NO_SUCH_VARIABLE is not set"):
        inventory.hosts(inventory.select("b1"))


def test_the_password_of_the_command_line_spares_the_others(write: Write) -> None:
    inventory = write("hosts: {a: {password: {env: NO_SUCH_VARIABLE}}}")
    (host,) = inventory.hosts(["a"], Overrides(password=Secret(VALUE)))
    assert host.login.password == Secret(VALUE)


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("{env: NO_SUCH_VARIABLE}", "the variable NO_SUCH_VARIABLE is not set"),
        ("{env: EMPTY}", "is empty"),
        ("{file: nowhere}", "cannot read nowhere: No such file or directory"),
        ("{file: .}", "Is a directory"),
        ("{file: binary}", "is not text"),
        ("{command: [no-such-program]}", "cannot run no-such-program"),
        (f"{{command: [sh, -c, 'echo {VALUE}; echo why >&2; exit 3']}}", "exit code 3: why"),
        ("{command: [sh, -c, 'kill -9 $$']}", "exit code -9"),
        ("{command: ['true']}", "is empty"),
        ("{command: [cat, binary]}", "is not text"),
        ("{prompt: Password}", "nobody can be asked"),
    ],
)
def test_what_goes_wrong_names_host_and_reference(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: str, said: str
) -> None:
    monkeypatch.setenv("EMPTY", "")
    (tmp_path / "binary").write_bytes(b"\xff" + VALUE.encode())
    with pytest.raises(SecretError) as raised:
        password(write(f"hosts: {{a: {{password: {reference}}}}}"))
    error = raised.value
    assert error.message.startswith("a: {")
    assert said in error.message
    assert error.hint


def test_all_references_that_fail_are_told_at_once_each_with_its_hosts(write: Write, tmp_path: Path) -> None:
    inventory = write("""
groups:
  one: {hosts: "a[1-20]", password: {env: NO_SUCH_VARIABLE}}
  two: {hosts: "b[1-2]", password: {command: [sh, -c, 'echo >> count; exit 1']}}
""")
    with pytest.raises(SecretError) as raised:
        inventory.hosts(inventory.names)
    first, second = raised.value.message.splitlines()
    assert first.startswith("a[1-20]: {env: NO_SUCH_VARIABLE}: ")
    assert second.startswith("b[1-2]: {command: ")
    assert (tmp_path / "count").read_text() == "\n"


def test_what_a_command_prints_on_stdout_is_in_no_error(write: Write, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(VALUE)
    with pytest.raises(SecretError) as raised:
        password(write("hosts: {a: {password: {command: [sh, -c, 'cat secret; exit 1']}}}"))
    assert VALUE not in f"{raised.value.message}{raised.value.hint}{raised.value.facts}"


def test_a_command_that_does_not_end_is_given_up(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "_COMMAND_SECONDS", 0.2)
    with pytest.raises(SecretError, match=r"no answer within 0\.2 s"):
        password(write("hosts: {a: {password: {command: [sh, -c, 'sleep 61 & sleep 61']}}}"))


def test_a_command_reads_nothing_of_ours_and_sees_no_other_secret(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTHER", VALUE)
    monkeypatch.setenv("PLAIN", "seen")
    inventory = write("""
hosts:
  a: {password: {command: [sh, -c, 'cat; echo "${OTHER:-hidden} $PLAIN"']}}
  b: {password: {env: OTHER}}
""")
    assert password(inventory) == "hidden seen"


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_command_is_not_run_from_a_file_that_others_can_write(write: Write, tmp_path: Path, mode: int) -> None:
    inventory = write("hosts: {a: {password: {command: [touch, ran]}}}")
    (tmp_path / "inventory.yaml").chmod(mode)
    with pytest.raises(SecretError, match="can be written by others"):
        password(inventory)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, True), (0o604, True)])
def test_plain_secrets_in_a_file_that_others_can_read_draw_one_warning(
    write: Write, tmp_path: Path, mode: int, warned: bool
) -> None:
    inventory = write(f"hosts:\n  a: {{password: {VALUE}}}\n  b: {{key_passphrase: {VALUE}}}\n")
    (tmp_path / "inventory.yaml").chmod(mode)
    warnings = inventory.warnings
    assert len(warnings) == warned
    if warned:
        assert f"{tmp_path}/inventory.yaml:2" in warnings[0]
        assert "and 1 more" in warnings[0]
        assert VALUE not in warnings[0]


def test_references_draw_no_warning(write: Write, tmp_path: Path) -> None:
    inventory = write("hosts: {a: {password: {env: LOGIN}}}")
    (tmp_path / "inventory.yaml").chmod(0o644)
    assert inventory.warnings == ()


def test_a_resolved_host_shows_no_secret(write: Write) -> None:
    (host,) = write(f"hosts: {{a: {{password: {VALUE}, key_passphrase: {VALUE}}}}}").hosts(["a"])
    assert VALUE not in f"{host} {host!r} {host.login} {vars_of(host)}"
    with pytest.raises(TypeError):
        msgspec.json.encode(host)


def vars_of(host: Host) -> str:
    return str(msgspec.structs.asdict(host))


@pytest.mark.parametrize("key", ["password", "key_passphrase"])
@pytest.mark.parametrize(
    ("written", "said"),
    [
        (": *S3cretPw", "there is no such anchor before this: a word that begins with * wants quotes"),
        (": !S3cretPw", "tags are not allowed: a word that begins with ! wants quotes"),
        (": !S3cretPw x", "tags are not allowed"),
        (": {S3cretPw}", "give one of {env: …}"),
        (": {S3cretPw: x}", "give one of {env: …}"),
        (": {env: X, S3cretPw: x}", "give one of {env: …}"),
        (": {S3cretPw: 1, S3cretPw: 2}", "given twice"),
        (": {S3cretPw: *x}", "there is no such anchor"),
        (": {[S3cretPw]: x}", "a key must be a word"),
        (": {command: [S3cretPw, {S3cretPw: x}]}", "must be a word"),
        (": [S3cretPw]", "not a list"),
        (": 31415926", "put it in quotes"),
        (": &S3cretPw", "is empty: a word that begins with & or # wants quotes"),
        (": #S3cretPw", "is empty"),
        (": ~", "is empty"),
        (': ""', "is empty"),
        (': {file: "S3cretPw\\0"}', "holds a NUL"),
        (': {command: [cat, "S3cretPw\\0"]}', "holds a NUL"),
        (": @S3cretPw", "is no YAML"),
        (": %S3cretPw", "is no YAML"),
        (": [S3cretPw", "is no YAML"),
        (": !S3cretPw!x y", "is no YAML"),
        (': "\\S3cretPw"', "is no YAML"),
    ],
)
@pytest.mark.parametrize("parser", ["as it is", "without libyaml"])
def test_no_mistake_in_writing_a_secret_shows_it(
    write: Write, monkeypatch: pytest.MonkeyPatch, key: str, written: str, said: str, parser: str
) -> None:
    if parser != "as it is":
        monkeypatch.setattr(document, "_LOADER", yaml.SafeLoader)
    with pytest.raises(InventoryError) as raised:
        write(f"hosts:\n  a:\n    port: 22\n    {key}{written}\n")
    assert said in raised.value.message
    assert f"inventory.yaml:4: hosts.a.{key}" in raised.value.message or said == "is no YAML"
    assert "S3cret" not in raised.value.message
    assert "31415926" not in raised.value.message
    assert len(raised.value.problems) == 1


@pytest.mark.parametrize(
    "written",
    [
        "hosts: {a: S3cretPw}",
        "hosts: {a: 31415926}",
        "hosts: {a: {password:S3cretPw}}",
        "hosts: {a: {password S3cretPw}}",
        "hosts: {a: {password:S3cretPw: 1, password:S3cretPw: 2}}",
        "defaults: S3cretPw",
    ],
)
def test_a_secret_in_the_wrong_place_is_not_shown(write: Write, written: str) -> None:
    with pytest.raises(InventoryError) as raised:
        write(written)
    assert "S3cret" not in raised.value.message
    assert "31415926" not in raised.value.message


def test_a_secret_that_holds_a_nul_is_refused_where_it_is_written(write: Write) -> None:
    for reference in ('{file: "a\\0b"}', '{command: ["pa\\0ss"]}', '{env: "A\\0"}'):
        with pytest.raises(InventoryError, match=r"inventory\.yaml:2: hosts\.a\.password: holds a NUL"):
            write(f"hosts:\n  a: {{password: {reference}}}")
