"""Secrets by reference: fetched once, for targeted hosts alone, and never shown, whatever goes wrong."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path

import keyring
import msgspec
import pytest
import yaml

from fleetctl.errors import InventoryError, SecretError
from fleetctl.inventory import Inventory, Overrides, document, load
from fleetctl.inventory.secrets import providers
from fleetctl.model import Host, Secret
from tests.support.secrecy import keep

VALUE = keep("value of the secret", "hunter2-and-more")

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
        ("{env: BINARY}", "is not text"),
        ("{file: nowhere}", "cannot read nowhere: No such file or directory"),
        ("{file: .}", "Is a directory"),
        ("{file: binary}", "is not text"),
        ("{command: [no-such-program]}", "cannot run no-such-program"),
        ("{command: [sh, -c, 'cat binary; echo why >&2; exit 3']}", "exit code 3: why"),
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
    monkeypatch.setenv("BINARY", os.fsdecode(b"\xff" + VALUE.encode()))
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


def test_commands_run_side_by_side(write: Write, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    inventory = write("""
hosts:
  a: {password: {command: [sh, -c, 'echo from-b > pipe; echo x']}}
  b: {password: {command: [cat, pipe]}}
""")
    passwords = [host.login.password for host in inventory.hosts(["a", "b"])]
    assert passwords == [Secret("x"), Secret("from-b")]


def test_no_more_than_eight_commands_run_at_once_and_each_only_once(write: Write, tmp_path: Path) -> None:
    hosts = "\n".join(
        f"  a{number}: {{password: {{command: [sh, -c, 'echo + >> log; sleep 0.1; echo - >> log; echo {number}']}}}}"
        for number in range(20)
    )
    inventory = write(f"hosts:\n{hosts}\n")
    assert len({host.login.password for host in inventory.hosts(inventory.names)}) == 20
    steps = [1 if line == "+" else -1 for line in (tmp_path / "log").read_text().split()]
    assert len(steps) == 40
    assert 2 <= max(accumulate(steps)) <= 8


def test_no_command_is_run_for_a_setting_that_another_wins_over(write: Write, tmp_path: Path) -> None:
    inventory = write("""
hosts:
  a: {password: {command: [touch, password-a]}, sudo_password: {command: [touch, sudo-a]}}
  b: {password: {command: [touch, password-b]}}
""")
    inventory.hosts(["a"], Overrides(password=Secret(VALUE)))
    assert [file.name for file in tmp_path.iterdir()] == ["inventory.yaml"]


def test_what_a_command_said_before_its_time_was_up_is_shown(
    write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(providers, "_COMMAND_SECONDS", 0.5)
    (tmp_path / "secret").write_text(VALUE)
    (tmp_path / "slow").write_text("cat secret; printf 'waiting\\n\\n for a touch\\n' >&2; exec sleep 61")
    with pytest.raises(SecretError, match=r"no answer within 0\.5 s: waiting \| for a touch$") as raised:
        password(write("hosts: {a: {password: {command: [sh, slow]}}}"))
    assert VALUE not in "".join(traceback.format_exception(raised.value))


def test_of_long_complaints_the_end_is_shown(write: Write) -> None:
    with pytest.raises(SecretError) as raised:
        password(write("hosts: {a: {password: {command: [sh, -c, 'seq 100000 >&2; exit 1']}}}"))
    assert raised.value.message.endswith("| 100000")
    assert len(raised.value.message) < 500


@pytest.fixture
def keyring_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    before = keyring.get_keyring()
    monkeypatch.setenv("KEYRING_FILE", str(tmp_path / "keyring"))
    (tmp_path / "keyring").write_text(VALUE)
    keyring.set_keyring(keyring.core.load_keyring("tests.support.keyring.OnePassword"))
    yield
    keyring.set_keyring(before)


@pytest.mark.usefixtures("keyring_of_ours")
def test_a_secret_comes_from_the_keyring(write: Write) -> None:
    assert password(write("hosts: {a: {password: {keyring: fleet/deploy}}}")) == VALUE


@pytest.mark.usefixtures("keyring_of_ours")
@pytest.mark.parametrize(
    ("entry", "said"),
    [("fleet/nobody", "no password of nobody for fleet"), ("locked/x", "the keyring cannot be used: KeyringLocked")],
)
def test_what_the_keyring_does_not_give_is_told(write: Write, entry: str, said: str) -> None:
    with pytest.raises(SecretError, match=said) as raised:
        password(write(f"hosts: {{a: {{password: {{keyring: {entry}}}}}}}"))
    assert "keyring" in raised.value.hint
    assert "hunter2" not in raised.value.message


def test_without_the_library_it_is_said_how_to_install_it(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(SecretError, match="keyring is not installed") as raised:
        password(write("hosts: {a: {password: {keyring: fleet/deploy}}}"))
    assert raised.value.hint == "pip install 'fleetctl[keyring]'"


@pytest.mark.parametrize("entry", ["fleet", "/deploy", "fleet/"])
def test_half_an_entry_of_a_keyring_is_refused_where_it_is_written(write: Write, entry: str) -> None:
    with pytest.raises(InventoryError, match=r"inventory\.yaml:1: .*keyring is service/user"):
        write(f"hosts: {{a: {{password: {{keyring: {entry}}}}}}}")


_ANSWERS = """
hosts:
  a:
    answers:
      '^PIN': {command: [cat, pin]}
      '^Token': {env: TOKEN}
      '^Pass': S3cretPw
"""


def test_answers_are_masked_one_by_one(write: Write) -> None:
    shown = {setting.key: setting.value for setting in write(_ANSWERS).explain("a")}
    assert shown["answers"] == "^PIN: {command: [cat, pin]}, ^Token: {env: TOKEN}, ^Pass: ***"


def test_an_answer_in_a_file_that_others_can_read_draws_a_warning(write: Write, tmp_path: Path) -> None:
    inventory = write(_ANSWERS)
    (tmp_path / "inventory.yaml").chmod(0o644)
    (warning,) = inventory.warnings
    assert f"{tmp_path}/inventory.yaml:4" in warning
    assert "S3cret" not in warning


def test_the_variable_of_an_answer_is_hidden_from_commands(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", VALUE)
    inventory = write(f"{_ANSWERS}    password: {{command: [sh, -c, 'echo \"${{TOKEN:-hidden}}\"']}}\n")
    assert password(inventory) == "hidden"
    assert inventory.hidden_variables == {"TOKEN"}


@pytest.mark.parametrize(
    "written", ["{'^PIN': ''}", "{'^PIN': {S3cretPw: x}}", "{'^PIN': [S3cretPw]}", "''", "{'(': x}"]
)
def test_a_mistake_in_an_answer_is_told_and_not_shown(write: Write, written: str) -> None:
    with pytest.raises(InventoryError, match=r"inventory\.yaml:1: hosts\.a\.answers") as raised:
        write(f"hosts: {{a: {{answers: {written}}}}}")
    assert "S3cret" not in raised.value.message
