"""Questions to a person: asked once, never echoed, and an error where nobody is there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.broken import free_port
from tests.support.fleetctl import Fleetctl, own_mistakes
from tests.support.secrecy import secret

TYPED = secret("typed password")


def test_without_a_terminal_nobody_is_asked(fleetctl: Fleetctl) -> None:
    done = subprocess.run(
        fleetctl.command(("run", "-k", "-H", "127.0.0.1:1", "df")), env=fleetctl.environment(None),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False, start_new_session=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no terminal" in done.stderr
    assert "{env: NAME}" in done.stderr


def test_what_is_typed_is_not_echoed(fleetctl: Fleetctl) -> None:
    with fleetctl.on_terminal("run", "-k", "-H", f"127.0.0.1:{free_port()}", "df") as running:
        running.wait_for("Password")
        running.type(f"{TYPED}\n")
        ran = running.finish()
    assert ran.exit_code == 3
    assert TYPED not in ran.stdout


def test_a_prompt_of_the_inventory_is_asked_in_its_own_words(fleetctl: Fleetctl, tmp_path: Path) -> None:
    inventory = tmp_path / "inventory.yaml"
    port = free_port()
    inventory.write_text(
        f"defaults: {{password: {{prompt: Password of the lab}}, port: {port}}}\n"
        "hosts: {a: {address: 127.0.0.1}, b: {address: 127.0.0.1}}\n"
    )
    with fleetctl.on_terminal("run", "-i", inventory, "df") as running:
        running.wait_for("Password of the lab: ")
        running.type(f"{TYPED}\n")
        ran = running.finish()
    assert ran.exit_code == 3
    assert ran.stdout.count("Password of the lab") == 1


def test_ctrl_c_at_a_prompt_leaves_quietly(fleetctl: Fleetctl) -> None:
    with fleetctl.on_terminal("run", "-k", "-H", "127.0.0.1:1", "df") as running:
        running.wait_for("Password")
        running.type("\x03")
        ran = running.finish()
    assert ran.exit_code == 130
    assert own_mistakes(ran.stdout) == []


@pytest.mark.parametrize("keys", ["\x04", "\n"])
def test_nothing_typed_is_no_password(fleetctl: Fleetctl, keys: str) -> None:
    with fleetctl.on_terminal("run", "-k", "-H", "127.0.0.1:1", "df") as running:
        running.wait_for("Password")
        running.type(keys)
        ran = running.finish()
    assert ran.exit_code == 2
    assert "nothing was typed" in ran.stdout
    assert own_mistakes(ran.stdout) == []


def test_what_is_typed_must_be_text(fleetctl: Fleetctl) -> None:
    with fleetctl.on_terminal("run", "-k", "-H", "127.0.0.1:1", "df") as running:
        running.wait_for("Password")
        running.type(b"hunter\xff\xfe\n")
        ran = running.finish()
    assert ran.exit_code == 2
    assert "not text" in ran.stdout
    assert "hunter" not in ran.stdout
    assert own_mistakes(ran.stdout) == []
