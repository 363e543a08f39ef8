"""The register of secrets: what it finds, and what it leaves alone."""

from __future__ import annotations

import base64
import json
import shlex
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import secrecy
from tests.support.account import Account
from tests.support.fleetctl import Fleetctl

VALUE = secrecy.secret("value")
text = st.text(st.characters(exclude_categories=["Cs"]))


@given(text, text, st.sampled_from([str, repr, json.dumps, shlex.quote, quote, lambda it: it.encode().hex()]))
def test_a_secret_is_found_however_it_is_written(before: str, after: str, write: object) -> None:
    assert callable(write)
    assert secrecy.shown_in(write(before + VALUE + after).encode()) == ["value"]


@given(st.binary(), st.binary(), st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]))
def test_a_secret_is_found_in_base64_wherever_it_stands(before: bytes, after: bytes, write: object) -> None:
    assert callable(write)
    assert secrecy.shown_in(write(before + VALUE.encode() + after)) == ["value"]


@pytest.mark.parametrize("cut", [slice(0, 10), slice(-10, None), slice(0, 20)])
def test_a_half_of_a_secret_is_found(cut: slice) -> None:
    assert secrecy.shown_in(VALUE[cut].encode()) == ["value"]


@given(st.binary())
def test_other_text_is_left_alone(data: bytes) -> None:
    assert secrecy.shown_in(data) == []


def test_a_secret_that_may_be_shown_is_left_alone() -> None:
    assert secrecy.shown_in(VALUE.encode(), allowed=[VALUE]) == []
    assert secrecy.shown_in(VALUE.encode(), allowed=["other"]) == ["value"]


def test_a_short_secret_is_not_kept() -> None:
    with pytest.raises(ValueError, match="the code is too short"):
        secrecy.keep("code", "1234567")


def test_a_file_with_a_secret_is_found(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_text(f"it is {VALUE}")
    with pytest.raises(AssertionError, match="deep/file shows value"):
        secrecy.check_files(tmp_path)


def test_a_command_that_shows_a_secret_fails_its_test(fleetctl: Fleetctl, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="shows value"):
        fleetctl("hosts", "-H", VALUE[:10])
    with pytest.raises(AssertionError, match="shows value"), fleetctl.start("hosts", "-H", VALUE[:10]) as running:
        running.finish()
    assert fleetctl("hosts", "-H", VALUE[:10], shows=[VALUE]).exit_code == 0


def test_the_password_of_the_test_user_is_kept(password_login: Account) -> None:
    assert secrecy.shown_in(password_login.password.encode()) == ["password of the test user"]
