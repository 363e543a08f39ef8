"""All kinds of secrets in one run, and none of them in what is written, in what is left, or in any process meanwhile.

What the command writes is looked through by `Fleetctl` itself; the rest is looked through here.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleetctl.events import Output
from fleetctl.history.history import History
from tests.support import broken
from tests.support.account import Account, local_account
from tests.support.bastions import behind, relay_to
from tests.support.fleetctl import SCRIPT, Fleetctl, Ran
from tests.support.interrogators import asks
from tests.support.keys import PASSPHRASE, KeySet
from tests.support.privileges import Sudoers
from tests.support.secrecy import check_files, secret
from tests.support.sshd import Sshd, SshdStarter
from tests.support.watching import Watcher

ROOT = Path(__file__).parents[2]
WRONG = secret("wrong password")
ANSWERS = {"password": secret("password that is asked for"), "day": secret("word of the day"), "code": secret("code")}
LINE = "id -un; sleep 0.2"


@dataclass
class Scene:
    """Hosts that each get the login's password in another way, behind a bastion that has one of its own."""

    fleetctl: Fleetctl
    inventory: Path
    env: dict[str, str]
    shelf: Path
    """Where the files are that hold secrets in plain."""
    left: list[Path]
    """Where the command may leave files: at home, where it puts what is temporary, and there."""
    watcher: Watcher

    def run(self, *words: str | Path, **options: Any) -> Ran:
        """Run it to its end, be it a crash, watched from beginning to end."""
        with self.watcher, self.fleetctl.start(*words, env=self.env, **options) as running:
            ran = running.finish(60)
        self.settle()
        return ran

    def settle(self) -> None:
        assert self.watcher.shown == []
        assert self.watcher.saw(str(SCRIPT))
        for directory in self.left:
            check_files(directory)

    def env_without(self, *names: str) -> dict[str, str]:
        return {name: value for name, value in self.env.items() if name not in names}

    def use(self, wrong: str) -> None:
        """Put another secret in the place of every one."""
        self.env |= dict.fromkeys(("LOGIN", "SUDO", "WORD"), wrong)
        for path in self.shelf.iterdir():
            path.write_text(wrong)
        assert self.fleetctl("secret", "set", "web", stdin=wrong).exit_code == 0
        self.change(lambda content: content["hosts"]["h004"].update(password=wrong))

    def change(self, edit: Any) -> None:
        content = yaml.safe_load(self.inventory.read_text())
        edit(content)
        self.inventory.write_text(yaml.safe_dump(content, sort_keys=False))


@pytest.fixture(scope="module")
def porter() -> Iterator[Account]:
    with local_account("porter") as made:
        yield made


@pytest.fixture(scope="module")
def bastion(porter: Account, client_keys: KeySet, host_keys: KeySet) -> Iterator[Sshd]:
    with ExitStack() as stack:
        yield SshdStarter(porter, client_keys, host_keys, stack)("PubkeyAuthentication no")


@pytest.fixture
def scene(
    fleetctl: Fleetctl, deputy: Account, deputy_sshd: Sshd, porter: Account, bastion: Sshd, sudoers: Sudoers,
    tmp_path: Path,
) -> Iterator[Scene]:  # fmt: skip
    sudoers("{user} ALL=(ALL:ALL) ALL", "Defaults:{user} !lecture")
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    for name, value in {"login": deputy.password, "door": porter.password, "phrase": PASSPHRASE}.items():
        (shelf / name).write_text(value)
    (shelf / "code").write_text(ANSWERS["code"])
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    env = {
        "LOGIN": deputy.password, "SUDO": deputy.password, "WORD": ANSWERS["day"],
        "PYTHON_KEYRING_BACKEND": "tests.support.keyring.OnePassword", "PYTHONPATH": str(ROOT),
        "KEYRING_FILE": str(shelf / "login"), "TMPDIR": str(temporary),
    }  # fmt: skip
    (fleetctl.home / ".ssh").mkdir(mode=0o700)
    shutil.copy(deputy_sshd.key("stranger"), fleetctl.home / ".ssh" / "id_ed25519")
    assert fleetctl("secret", "set", "web", stdin=deputy.password).exit_code == 0
    rounds = [[("Password: ", False, ANSWERS["password"])], [("Today: ", False, ANSWERS["day"])],
              [("Code: ", False, ANSWERS["code"])]]  # fmt: skip
    with broken.server(asks(rounds, [])) as port:
        inventory = behind(deputy_sshd, [bastion], tmp_path, 7, keys=[], agent=False, sudo=True,
                           sudo_password={"env": "SUDO"})  # fmt: skip
        left = [fleetctl.home, temporary, Path(deputy.home), Path(porter.home)]
        watcher = Watcher(str(SCRIPT), {WRONG, PASSPHRASE, deputy.password, porter.password, *ANSWERS.values()})
        scene = Scene(fleetctl, inventory, env, shelf, left, watcher)
        scene.change(lambda content: _furnish(content, scene, deputy_sshd, port))
        yield scene


def _furnish(content: dict[str, Any], scene: Scene, server: Sshd, port: int) -> None:
    hosts, shelf = content["hosts"], scene.shelf
    hosts["h001"]["password"] = {"env": "LOGIN"}
    hosts["h002"]["password"] = {"file": str(shelf / "login")}
    hosts["h003"]["password"] = {"command": ["cat", str(shelf / "login")]}
    hosts["h004"]["password"] = server.password
    hosts["h005"]["password"] = {"vault": "web"}
    hosts["h006"]["password"] = {"keyring": "fleet/deploy"}
    hosts["h007"] |= {"keys": [str(server.key("ed25519-encrypted"))], "key_passphrase": {"file": str(shelf / "phrase")}}
    hosts["b1"] |= {"user": Path(scene.left[-1]).owner(), "sudo": False, "password": {"file": str(shelf / "door")}}
    hosts["proxied"] = {"proxy_command": relay_to("127.0.1.1", str(server.port)), "password": {"env": "LOGIN"}}
    hosts["proxied"] |= {"address": hosts["h001"]["address"]}
    hosts["asks"] = {
        "address": "127.0.0.1", "port": port, "host_key_policy": "off", "sudo": False,
        "password": ANSWERS["password"],
        "answers": {"today": {"env": "WORD"}, "code": {"command": ["cat", str(shelf / "code")]}},
    }  # fmt: skip
    content["default_target"] = "@behind,proxied,asks"


def _statuses(ran: Ran) -> set[str]:
    return {host["status"] for host in ran.json["hosts"]}


@pytest.mark.parametrize("view", ["stream", "fold", "table", "json", "ndjson"])
def test_a_run_that_needs_every_kind_of_secret_shows_none(scene: Scene, view: str) -> None:
    ran = scene.run("run", "-vv", "-i", scene.inventory, "-o", view, LINE)
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("root") >= (1 if view == "fold" else 8)
    assert all(map(scene.watcher.saw, ("sshd", "sudo", "sleep\0000.2", "socket.create_connection")))


def test_a_password_that_a_host_says_and_one_in_a_variable_are_kept_in_no_history(
    scene: Scene, deputy: Account
) -> None:
    """Also where one comes in two pieces, at two times."""
    said = Path(deputy.home) / "said"
    said.write_text(deputy.password)
    line = f"head -c 9 {said}; sleep 0.3; tail -c +10 {said}; echo; echo $NIGHT_TOKEN"
    words = ("run", "-N", "-i", scene.inventory, "-t", "h001", "-e", f"NIGHT_TOKEN={ANSWERS['day']}", line)
    ran = scene.fleetctl(*words, env=scene.env, shows={deputy.password, ANSWERS["day"]})
    said.unlink()
    assert deputy.password in ran.stdout
    for directory in scene.left:
        check_files(directory)
    with History(scene.fleetctl.home / ".local/state/fleetctl/history.db") as history:
        run = history.run("last")
        kept = b"".join(event.data for event in history.events(run.id) if isinstance(event, Output))
    assert kept == ran.stdout.replace(deputy.password, "***").replace(ANSWERS["day"], "***").encode()
    assert run.origin.masked
    assert run.origin.argv[-2:] == ("NIGHT_TOKEN=***", line)


@pytest.mark.parametrize("view", ["stream", "fold", "ndjson"])
def test_wrong_secrets_are_not_shown_either(scene: Scene, view: str) -> None:
    scene.use(WRONG)
    ran = scene.run("run", "-vv", "-i", scene.inventory, "-o", view, "--auth-failures", "3", LINE)
    assert ran.exit_code == 3
    assert "denied" in ran.stdout + ran.stderr


@pytest.mark.parametrize("view", ["stream", "json"])
def test_a_wrong_password_of_sudo_is_not_shown(scene: Scene, view: str) -> None:
    scene.env["SUDO"] = WRONG
    ran = scene.run("run", "-vv", "-i", scene.inventory, "-o", view, "--auth-failures", "3", LINE)
    assert ran.exit_code == 3
    assert "sudo rejected the password" in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("status", "settings"), [("untrusted", {"known_hosts": "/dev/null"}), ("unreachable", {"port": 1})]
)
def test_hosts_that_cannot_be_logged_in_to_show_nothing(scene: Scene, status: str, settings: dict[str, Any]) -> None:
    scene.change(lambda content: content["defaults"].update(settings))
    ran = scene.run("run", "-vv", "-i", scene.inventory, "-o", "json", LINE)
    assert status in _statuses(ran)
    assert ran.exit_code == 3


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["ping", "-vv"], 0),
        (["run", "-vv", "--dry-run", "df"], 0),
        (["run", "-vv", "-t", "h001,proxied", "--pty", "df"], 0),
        (["put", "-vv", "-t", "h001,proxied", "{near}", "{far}/"], 0),
        (["get", "-vv", "-t", "h001,proxied", "{far}/kept", "{got}"], 0),
        (["doctor", "-vv", "h001"], 0),
        (["doctor", "-vv", "--json", "-s", "h007"], 0),
        (["doctor", "-vv", "asks"], None),
        (["ssh", "-vv", "h002", "df"], 0),
        (["ssh", "-vv", "asks", "hi"], 0),
        (["trust", "-y"], None),
        (["hosts"], 0),
        (["inventory", "show", "h004"], 0),
        (["inventory", "show", "asks"], 0),
        (["inventory", "check"], 0),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
@pytest.mark.parametrize("secrets", ["right", "wrong"])
def test_every_command_keeps_its_secrets(
    scene: Scene, deputy: Account, tmp_path: Path, command: list[str], code: int | None, secrets: str
) -> None:
    (tmp_path / "near").write_text("plain text")
    far = Path(deputy.home) / "far"
    far.mkdir()
    (far / "kept").write_text("plain text")
    if secrets == "wrong":
        scene.use(WRONG)
    places = {"near": tmp_path / "near", "far": far, "got": tmp_path}
    name, *words = [word.format(**places) for word in command]
    head = [name, words.pop(0)] if name == "inventory" else [name]
    try:
        ran = scene.run(*head, "-i", scene.inventory, *words)
    finally:
        shutil.rmtree(far)
    if secrets == "right" and code is not None:
        assert ran.exit_code == code, ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("command", "typed", "code"),
    [
        (["list"], None, 0),
        (["rm", "-y", "web"], None, 0),
        (["rm", "web"], None, 2),
        (["get", "other"], None, 2),
        (["set", "other"], ANSWERS["day"], 0),
        (["set", "web", "--vault", "/nowhere/vault"], ANSWERS["day"], 2),
        (["init"], None, 2),
        (["edit"], None, 0),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
def test_the_vault_keeps_its_secrets(scene: Scene, command: list[str], typed: str | None, code: int) -> None:
    env = scene.env_without("LOGIN", "SUDO", "WORD") | {"EDITOR": "touch"}  # an editor gets all that its user has
    with scene.watcher, scene.fleetctl.start("secret", *command, env=env, keyboard=typed is not None) as running:
        if typed is not None:
            running.type(typed)
            running.close_keyboard()
        assert running.finish().exit_code == code
    scene.settle()


def test_what_is_typed_on_a_terminal_is_shown_nowhere(scene: Scene, deputy: Account, deputy_sshd: Sshd) -> None:
    """Password, sudo password and passphrase before the run, a server's question while it goes on."""

    def ask_for_all(content: dict[str, Any]) -> None:
        content["hosts"]["h001"]["password"] = {"prompt": "Password of the deputy"}
        content["hosts"]["h007"].pop("key_passphrase")
        content["hosts"]["asks"]["answers"].pop("today")

    scene.change(ask_for_all)
    words = ("run", "-vv", "-K", "-i", scene.inventory, "-t", "h001,h007,asks", LINE)
    env = scene.env_without("WORD")  # which the inventory does not name any more
    with scene.watcher, scene.fleetctl.on_terminal(*words, env=env) as running:
        for prompt, typed in (
            ("Sudo password", deputy.password), ("Password of the deputy: ", deputy.password),
            ("Passphrase for key", PASSPHRASE), ("Today: ", ANSWERS["day"]),
        ):  # fmt: skip
            running.wait_for(prompt)
            running.type(f"{typed}\n")
        ran = running.finish(60)
    assert "2 ok" in ran.stdout, ran.stdout  # the server that asks has no sudo
    scene.settle()


def test_a_shell_on_a_terminal_shows_no_secret(scene: Scene) -> None:
    with (
        scene.watcher,
        scene.fleetctl.on_terminal("ssh", "-vv", "-i", scene.inventory, "h003", env=scene.env) as running,
    ):
        running.type("stty -echo; echo read''y; sleep 0.2; exit 4\n")
        running.wait_for("ready")
        assert running.finish(60).exit_code == 4
    scene.settle()


_CRASHES = {
    "in a login": ("paramiko.auth_handler", "AuthHandler.auth_password", ""),
    "at a key": ("fleetctl.ssh.login.keys", "_decode", ""),
    "in a host's part": ("fleetctl.operations.command", "Command.perform", "{words}"),
    "of the whole": ("fleetctl.fleet", "Fleet.start", "{words}"),
}
"""The function that fails: its module, its name, and what of its arguments the exception holds."""


@pytest.mark.parametrize("place", _CRASHES)
@pytest.mark.parametrize("options", [("-vv",), ("-o", "json")], ids=" ".join)
def test_a_crash_shows_no_secret(scene: Scene, tmp_path: Path, place: str, options: tuple[str, ...]) -> None:
    module, name, told = _CRASHES[place]
    (tmp_path / "sitecustomize.py").write_text(
        f"import {module}\n"
        f"def crash(*words, **more): raise RuntimeError(f'crash of ours {told}')\n"
        f"{module}.{name} = crash\n"
    )
    scene.env["PYTHONPATH"] = f"{tmp_path}:{ROOT}"
    ran = scene.run("run", "-i", scene.inventory, "-t", "h001,h007,asks", *options, LINE)
    assert "crash of ours" in ran.stdout + ran.stderr
    if "-vv" in options:
        assert "Traceback" in ran.stderr


@pytest.mark.parametrize("kind", ["password", "sudo_password", "key_passphrase"])
def test_a_variable_that_is_no_text_is_refused_and_not_shown(
    fleetctl: Fleetctl, deputy_sshd: Sshd, tmp_path: Path, kind: str
) -> None:
    keys = [str(deputy_sshd.key("ed25519-encrypted"))]
    inventory = deputy_sshd.inventory(tmp_path, 1, keys=keys, sudo=True, **{kind: {"env": "BAD"}})
    bad = os.fsdecode(WRONG.encode() + b"\xff")
    for options in ((), ("-vv",)):
        ran = fleetctl("run", *options, "-i", inventory, "df", env={"BAD": bad})
        assert ran.exit_code == 2
        assert "{env: BAD}: is not text" in ran.stderr


def test_keys_that_make_no_text_are_refused_and_not_shown(fleetctl: Fleetctl) -> None:
    for options in ((), ("-vv",)):
        with fleetctl.on_terminal("run", "-k", *options, "-H", "127.0.0.1:1", "df") as running:
            running.wait_for("Password")
            running.type(WRONG.encode() + b"\xff\n")
            ran = running.finish()
        assert ran.exit_code == 2, ran.stdout
        assert "is not text" in ran.stdout


def test_an_answer_that_is_no_text_is_refused_and_not_shown(fleetctl: Fleetctl) -> None:
    with broken.server(asks([[("Code: ", False, ANSWERS["code"])]], [])) as port:
        words = ("run", "-vv", "--host-key-policy", "off", "-H", f"ada@127.0.0.1:{port}", "df")
        with fleetctl.on_terminal(*words) as running:
            running.wait_for("Code: ")
            running.type(WRONG.encode() + b"\xff\n")
            ran = running.finish()
    assert ran.exit_code == 3
    assert "no answer to 'Code:': what was typed is not text" in ran.stdout
