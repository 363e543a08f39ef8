"""Command lines are kept without the secrets in them, and still say what was done."""

from __future__ import annotations

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.cli import files, run
from fleetctl.events import ErrorFacts, Outcome, Status
from fleetctl.history.masking import MASK, Mask, Masks, StreamMask, secrets_typed

NAMED = [
    "PASSWORD=hunter2 app", "DB_PASS=hunter2 app", "mysql_pwd=hunter2 app", "api_key=hunter2", "KEY=hunter2 app",
    "app --password hunter2", "app --password=hunter2 -v", "app --password 'hunter2' -v", "app -token hunter2",
    "app --client-secret hunter2", 'app --api-key="hunter2"', "export AWS_SECRET_ACCESS_KEY=hunter2; aws s3 ls",
    "echo password: hunter2 >> c.yaml", """echo '{"password": "hunter2"}'""", "curl -d 'token=hunter2&x=1' h",
    "curl 'https://h/?access_token=hunter2&x=1'", "curl -H 'Authorization: Bearer hunter2' h",
    "curl -H 'X-Auth-Token: hunter2' h", "curl -H Authorization:hunter2 h", "curl -u ada:hunter2 h",
    "curl --user ada:hunter2 h", "git clone https://ada:hunter2@h/r", "psql postgres://ada:hunter2@h/d",
    "redis-cli -u redis://:hunter2@h", "sshpass -p hunter2 ssh h", "mysql -u root -phunter2 d",
    "PASSWORD=a\\ hunter2 x",
    "PASSWORD=\"a hunter2\" x", "PASSWORD='a'\"hunter2\" x", "CREDENTIALS=hunter2 x",
    "curl https://h:8080/?token=hunter2", "a:b:token=hunter2", "JWT=hunter2 app", "curl -H 'Cookie: sid=hunter2' h",
    "echo ada:hunter2 | chpasswd", "printf 'ada:hunter2\\n' | sudo chpasswd -e", "chpasswd <<< 'ada:hunter2'",
    "echo hunter2 | sudo -S reboot", "echo 'hunter2' | passwd --stdin ada", "useradd -m -p hunter2 ada",
    "printf '%s' hunter2 | docker login -u ada --password-stdin h", "docker login -u ada -p hunter2 h",
    "redis-cli -a hunter2 ping", "ldapsearch -x -D cn=x -w hunter2", "smbclient -U ada%hunter2 //h/x",
    """psql -c "ALTER USER ada PASSWORD 'hunter2'" """.strip(),
    """mysql -e "create user ada identified by 'hunter2'" """.strip(), "mongosh -u ada -p hunter2",
    "git clone https://hunter2hunter2hunter2hunter2@h/r", "curl -H x:ghp_hunter2hunter2hunter2hunter2hunter2abcd",
]  # fmt: skip
HARMLESS = [
    "df -h /", "app --password-file /etc/p", "docker login --password-stdin h", "PWD=/tmp make", "KEYBOARD=us app",
    "ssh -i ~/.ssh/id h", "git clone https://h/r", "ssh://ada@h", "app --token $TOKEN", 'PASSWORD="${DB_PASSWORD}" app',
    "cp -pv a b", "mkdir -p /x", "grep token log", "TOKEN_URL=https://h app", "echo a:b", "date +%H:%M",
    "curl -u ada h", "monkey=1 app", "systemctl restart nginx --no-pass x", "echo x | curl -sS -d @- h",
    "docker run -p 80:80 x", "mkdir -p login", "echo a:b | tee x", "alter the password file",
]  # fmt: skip


@pytest.mark.parametrize("line", NAMED)
def test_what_a_name_calls_a_secret_is_masked(line: str) -> None:
    for argv in (["run", line], ["run", *line.split(" ")]):
        shown = Mask().words(argv)
        assert "hunter2" not in " ".join(shown)
        assert MASK in " ".join(shown)
        assert shown[0] == "run"


@pytest.mark.parametrize("line", HARMLESS)
def test_other_commands_stay_as_they_are(line: str) -> None:
    assert Mask().words(["run", line]) == ("run", line)
    assert Mask().words(["run", *line.split(" ")]) == ("run", *line.split(" "))


def test_variables_of_a_run_are_masked_by_their_names() -> None:
    argv = ["run", "-e", "API_TOKEN=a b;c", "-e", "ROLE=web", "--env", "DB_KEY=x", "-e", "KEYMAP=us", "env"]
    shown = ("run", "-e", "API_TOKEN=***", "-e", "ROLE=web", "--env", "DB_KEY=***", "-e", "KEYMAP=us", "env")
    assert Mask().words(argv) == shown
    assert Mask().words(["run", "--env=A_TOKEN=x y", "-eTOKEN=x y"]) == ("run", "--env=A_TOKEN=***", "-eTOKEN=***")
    assert Mask().words(["run", "-nqe", "TOKEN=x y", "env"]) == ("run", "-nqe", "TOKEN=***", "env")
    assert Mask().words(["run", "-e", "TOKEN=", "-t", "x"]) == ("run", "-e", "TOKEN=", "-t", "x")


def test_what_was_typed_as_a_secret_is_known_by_its_value() -> None:
    argv = ["run", "-e", "TOKEN=a b;c d", "-t", "web", "app --password 'hunter2' --pin=1 pass=1234 $TOKEN --key=$KEY"]
    assert secrets_typed(argv) == ["a b;c d", "hunter2"]
    assert secrets_typed(["run", "df", "-h"]) == []


def test_no_option_of_our_own_has_a_secret_for_its_value() -> None:
    parameters = [p for command in (run.run, run.ping, files.put, files.get) for p in _parameters(command)]
    names = {name for p in parameters for name in _names(p) if name.startswith("--")}
    assert "--vault-key" in names
    for name in names:
        for option in name.split("/"):
            assert Mask().words([option, "value"]) == (option, "value")


def _parameters(command: object) -> list[inspect.Parameter]:
    return list(inspect.signature(command).parameters.values())  # type: ignore[arg-type]


def _names(parameter: inspect.Parameter) -> list[str]:
    """typer takes the first name for a default until it reads the annotation."""
    options = getattr(parameter.annotation, "__metadata__", ())
    return [str(name) for one in options for name in (one.default, *(one.param_decls or ()))]


def test_known_secrets_are_masked_wherever_they_turn_up() -> None:
    masks = Masks(["it's 4 me", "abc"], {"web01": frozenset({"hunter2", "hunter22"})})
    assert masks.all.words(["run", "echo hunter22 abc", "x'it'\"'\"'s 4 me'"])[1] == "echo *** abc"
    assert "4 me" not in masks.all.text("echo 'it'\"'\"'s 4 me'")
    outcome = Outcome(Status.FAILED, error=ErrorFacts("x", "said hunter2", facts={"a": ["hunter2"]}))
    shown = masks.of("web01").record(outcome)
    assert shown.error == ErrorFacts("x", "said ***", facts={"a": ["***"]})
    assert masks.of("web02").record(outcome) is outcome


def test_a_long_line_is_masked_in_time() -> None:
    """Nothing is looked at again and again."""
    for text in (
        "a" * 200_000,
        "a." * 100_000,
        "-a" * 100_000,
        "'" * 100_000,
        "a:" * 50_000,
        " " * 20_000,
        "mysql -" * 9000,
    ):
        assert Mask().text(f"{text} token=x").endswith("token=***")


@given(
    st.lists(st.sampled_from([b"ab", b"a", b"b", b"aabab", b"x", b"aaba"])), st.sampled_from(["aaba", "abab", "aaaa"])
)
def test_a_secret_is_found_however_it_is_cut(pieces: list[bytes], secret: str) -> None:
    stream = StreamMask(Mask([secret]))
    shown = b"".join(map(stream.feed, pieces)) + stream.rest()
    assert shown == b"".join(pieces).replace(secret.encode(), MASK.encode())
