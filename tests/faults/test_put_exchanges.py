"""Taking the place of a file, on servers that do that step badly: the old one is never lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.beside import Beside, Fate
from tests.support.sftp.behaviour import Before, Behaviour
from tests.support.sftp.wire import FAILURE, NO_SPACE, NO_SUCH_FILE, PERMISSION_DENIED, Request, Status
from tests.support.sftp_servers import serve
from tests.support.trees import plant, texts

PLAIN = ("hardlink@openssh.com",)
RENAMES = ("posix-rename@openssh.com",)
BOTH = (*PLAIN, *RENAMES)


def refuses(is_meant: Callable[[Request], bool], status: Status) -> Before:
    return lambda request: status if is_meant(request) else None


def put(beside: Beside, extensions: tuple[str, ...], *before: Before, options: tuple[str, ...] = ()) -> Fate:
    plant(beside.here, {"x": "new"})
    with serve(beside.root, Behaviour(extensions=extensions, before=before)) as server:
        return beside(server, "put", *options, beside.here / "x", f"{beside.where}/x")


def into_place(request: Request) -> bool:
    """The step that gives the new file its name."""
    return "rename" in request.kind and request.other.endswith("/x") and ".3-" in request.path


STATUSES = pytest.mark.parametrize("status", [FAILURE, PERMISSION_DENIED, NO_SUCH_FILE, NO_SPACE])


@STATUSES
@pytest.mark.parametrize("extensions", [(), PLAIN, RENAMES, BOTH])
@pytest.mark.parametrize("backup", [True, False])
def test_the_old_file_comes_back_whatever_the_second_step_says(
    beside: Beside, extensions: tuple[str, ...], status: Status, backup: bool
) -> None:
    beside.plant({"x": "old"})
    fate = put(beside, extensions, refuses(into_place, status), options=("--backup",) if backup else ())
    assert fate.status == "failed"
    found = texts(beside.there)
    assert found.pop("x") == "old"
    assert found == ({"x~": "old"} if backup and extensions == BOTH else {})


def test_a_file_that_may_not_be_linked_is_kept_by_a_rename(beside: Beside) -> None:
    """As those of other owners with fs.protected_hardlinks."""
    beside.plant({"x": "old", "x~": "older"})
    refused = refuses(lambda request: request.kind == "hardlink@openssh.com", PERMISSION_DENIED)
    fate = put(beside, BOTH, refused, options=("--backup",))
    assert fate.status == "ok", fate.message
    assert texts(beside.there) == {"x": "new", "x~": "old"}


@pytest.mark.parametrize("extensions", [(), PLAIN, RENAMES, BOTH])
def test_a_directory_in_the_way_of_a_backup_leaves_all_as_it_was(
    beside: Beside, tmp_path: Path, extensions: tuple[str, ...]
) -> None:
    beside.plant({"x": "old"})
    plant(beside.there, {"x~/in": "in"})
    fate = put(beside, extensions, options=("--backup",))
    assert fate.status == "failed"
    assert texts(beside.there) == {"x": "old", "x~/in": "in"}
