"""SFTP on a lab host: the home is the whole world."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import asyncssh
import pytest

from fleetctl.lab import Lab
from tests.support.lab_client import talk

Result = TypeVar("Result")


def sftp(lab: Lab, name: str, part: Callable[[asyncssh.SFTPClient], Awaitable[Result]]) -> Result:
    async def session(connection: asyncssh.SSHClientConnection) -> Result:
        async with connection.start_sftp_client() as client:
            return await part(client)

    return talk(lab, name, session)


async def read(client: asyncssh.SFTPClient, path: str) -> bytes:
    async with client.open(path, "rb") as file:
        content: Any = await file.read()
        return bytes(content)


def test_the_home_is_the_root(lab: Lab) -> None:
    async def part(client: asyncssh.SFTPClient) -> tuple[str, set[str]]:
        return str(await client.realpath(".")), {str(name) for name in await client.listdir("/")}

    root, names = sftp(lab, "lab01", part)
    assert root == "/"
    assert {"README", "etc", "logs"} <= names


def test_what_is_put_is_there_for_commands_and_to_get(lab: Lab, tmp_path: Path) -> None:
    content = os.urandom(500_000)
    (tmp_path / "sent").write_bytes(content)

    async def part(client: asyncssh.SFTPClient) -> None:
        await client.put(str(tmp_path / "sent"), "kept")
        await client.get("/kept", str(tmp_path / "back"))

    sftp(lab, "lab02", part)
    assert (lab.home("lab02") / "kept").read_bytes() == content
    assert (tmp_path / "back").read_bytes() == content


@pytest.mark.parametrize("path", ["../../../lock", "/../lock", "/etc/passwd", "logs/../../bin/df"])
def test_no_path_leads_out_of_the_home(lab: Lab, path: str) -> None:
    with pytest.raises(asyncssh.SFTPNoSuchFile):
        sftp(lab, "lab01", lambda client: read(client, path))


@pytest.mark.parametrize("target", ["/etc/passwd", "../bin/df", "/"])
def test_a_link_that_leads_out_of_the_home_is_refused(lab: Lab, target: str) -> None:
    link = lab.home("lab03") / "way-out"
    link.symlink_to(target)
    path = "way-out/etc/passwd" if target == "/" else "way-out"
    try:
        with pytest.raises(asyncssh.SFTPPermissionDenied):
            sftp(lab, "lab03", lambda client: read(client, path))
    finally:
        link.unlink()


def test_a_link_within_the_home_is_followed(lab: Lab) -> None:
    (lab.home("lab04") / "link").symlink_to("README")
    assert sftp(lab, "lab04", lambda client: read(client, "link")).startswith(b"lab04, ")


def test_a_link_made_over_sftp_stays_inside(lab: Lab) -> None:
    async def part(client: asyncssh.SFTPClient) -> bytes:
        await client.symlink("/README", "absolute")
        return await read(client, "absolute")

    assert sftp(lab, "lab05", part).startswith(b"lab05, ")
