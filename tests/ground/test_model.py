"""Secrets do not leak by any of the ways in which values usually get printed."""

from __future__ import annotations

import copy
import pickle
import traceback
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.engine.task import Task
from fleetctl.model import Answer, Elevation, Hop, Host, Login, Secret
from fleetctl.operations.command import Command
from tests.support.secrecy import secret, shown_in

VALUE = secret("value")


def test_a_secret_shows_itself_in_no_text() -> None:
    secret = Secret(VALUE)
    host = Host("web01", "10.0.0.1", Login("root", password=secret, key_passphrase=secret))
    for text in (repr(secret), str(secret), f"{secret}", f"{secret!r:>9}", f"{host}", repr([host]), str([secret])):
        assert VALUE not in text


def _records(value: str) -> list[Any]:
    """Every record that may hold a secret, or one that does."""
    held = Secret(value)
    answer = Answer("code", secret=held)
    login = Login("root", password=held, key_passphrase=held, answers=(answer,))
    elevation = Elevation(password=held)
    host = Host("web01", "10.0.0.1", login, elevation=elevation, jump=(Hop("b1", "10.0.0.2", login),))
    return [held, answer, login, elevation, host, host.end, Task(Command("df"), (host,))]


@given(st.text(st.sampled_from("'\"\\%{}é\n\udcff"), max_size=5))
def test_no_record_shows_the_secret_in_it(awkward: str) -> None:
    value = f"{VALUE}{awkward}"
    for record in _records(value):
        said = "".join(traceback.format_exception(ValueError(record)))
        shown = f"{record}{record!r}{[record]}{record!s:>9}{said}"
        for encode in (msgspec.json.encode, msgspec.msgpack.encode, msgspec.to_builtins, pickle.dumps, copy.deepcopy):
            with pytest.raises(TypeError) as raised:
                encode(record)
            shown += "".join(traceback.format_exception(raised.value))
        assert shown_in(shown.encode(errors="surrogateescape")) == []


def test_a_secret_is_refused_by_json_and_pickle() -> None:
    with pytest.raises(TypeError):
        msgspec.json.encode(Login("root", password=Secret(VALUE)))
    with pytest.raises(TypeError):
        pickle.dumps(Secret(VALUE))


def test_a_secret_stays_out_of_tracebacks() -> None:
    try:
        {}[Secret(VALUE)]  # type: ignore[index]
    except KeyError:
        assert VALUE not in traceback.format_exc()


def test_a_secret_can_be_revealed_on_purpose_and_compared() -> None:
    assert Secret(VALUE).reveal() == VALUE
    assert Secret(VALUE) == Secret(VALUE) != Secret("other")
    assert len({Secret(VALUE), Secret(VALUE)}) == 1
