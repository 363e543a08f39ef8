"""Files that become others between the first look at them and their end, there or here: whole ones arrive, or none."""

from __future__ import annotations

import pytest

from tests.support.beside import BAD, Beside
from tests.support.sftp.behaviour import Behaviour
from tests.support.sftp.wire import Request
from tests.support.sftp_servers import serve
from tests.support.trees import LONG_AGO, age, names, parts, plant

SMALL, LARGE = 10_000, 1_000_000


@pytest.mark.parametrize("options", [[], ["-p"], ["--verify"]])
@pytest.mark.parametrize(("before", "after"), [
    (SMALL, SMALL + 1), (SMALL, LARGE), (LARGE, LARGE + 1), (LARGE, SMALL), (SMALL, 10), (LARGE, 0), (SMALL, 0),
    (SMALL, SMALL), (LARGE, LARGE),
])  # fmt: skip
def test_a_file_that_is_replaced_before_it_is_read_arrives_whole(
    beside: Beside, before: int, after: int, options: list[str]
) -> None:
    plant(beside.there, {"x": b"o" * before})
    age(beside.there / "x", LONG_AGO - 1)

    def replace(request: Request) -> None:
        if request.kind == "open" and request.turn == 1:
            age(plant(beside.there, {"y": b"n" * after}) / "y")
            (beside.there / "y").rename(beside.there / "x")

    with serve(beside.root, Behaviour(before=(replace,))) as server:
        inventory = server.inventory(beside.directory, BAD)
        ran = beside.fleetctl("get", *options, "-o", "json", "-i", inventory, f"{beside.where}/x", beside.here)
    assert ran.exit_code == 0, ran.stderr
    assert (beside.here / BAD / "x").read_bytes() == b"n" * after
    assert ran.json["hosts"][0]["totals"]["bytes"] == after
    assert names(beside.here / BAD) == ["x"]
    if options == ["-p"]:
        assert (beside.here / BAD / "x").stat().st_mtime == LONG_AGO


def test_a_file_that_cannot_be_brought_to_disk_fails_and_the_next_goes_on(beside: Beside) -> None:
    plant(beside.there, {"1": "1" * 300_000, "2": "2" * 300_000})
    out = beside.here / BAD

    def lose(request: Request) -> None:
        if request.kind == "read" and request.turn == 1:
            for part in parts(out):
                (out / part).unlink()

    with serve(beside.root, Behaviour(before=(lose,))) as server:
        inventory = server.inventory(beside.directory, BAD)
        ran = beside.fleetctl("get", "-i", inventory, f"{beside.where}/1", f"{beside.where}/2", beside.here)
    assert ran.exit_code == 1, ran.stderr
    assert f"{BAD}: 1 file" in ran.stdout
    assert names(out) == ["2"]
