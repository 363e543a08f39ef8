"""Hosts that answer to command lines in place of running them."""

from __future__ import annotations

from pathlib import Path

from fleetctl.lab import Lab, Reply
from tests.support.lab_client import run


def test_nothing_is_run_and_everything_answered(place: Path, tmp_path: Path) -> None:
    asked: list[tuple[str, str]] = []

    def reply(host: str, line: str) -> Reply:
        asked.append((host, line))
        return Reply(b"out\n", b"err\n", 3)

    with Lab(place, ["web/1", "dé"], replies=reply) as lab:
        ended = run(lab, "web/1", f"touch {tmp_path}/made")
        assert (ended.stdout, ended.stderr, ended.status) == (b"out\n", b"err\n", 3)
        assert not list(lab.home("web/1").iterdir())
    assert asked == [("web/1", f"touch {tmp_path}/made")]
    assert not (tmp_path / "made").exists()
    assert not place.exists()
