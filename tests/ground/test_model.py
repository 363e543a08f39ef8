"""Secrets do not leak by any of the ways in which values usually get printed."""

from __future__ import annotations

import pickle
import traceback

import msgspec
import pytest

from fleetctl.model import Host, Login, Secret
from tests.support.secrecy import secret

VALUE = secret("value")


def test_a_secret_shows_itself_in_no_text() -> None:
    secret = Secret(VALUE)
    host = Host("web01", "10.0.0.1", Login("root", password=secret, key_passphrase=secret))
    for text in (repr(secret), str(secret), f"{secret}", f"{secret!r:>9}", f"{host}", repr([host]), str([secret])):
        assert VALUE not in text


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
