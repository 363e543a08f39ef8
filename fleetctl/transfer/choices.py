"""How files are to be moved: what the options of put and get say, as one record."""

from __future__ import annotations

from typing import Literal

import msgspec

Links = Literal["copy", "follow", "skip"]
Via = Literal["auto", "sftp", "tar"]


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What put and get have in common.

    Args:
        preserve: keep permission bits and modification times.
        links: what becomes of symbolic links found in directories.
        update: leave alone what has the same size and modification time; keeps the time of what is moved.
        checksum: leave alone what has the same content.
        verify: compare digests before a file takes its place.
        resume: go on with what an interrupted transfer left.
        backup: keep what is replaced as `name~`.
        mkdir: make the directories that are missing above the destination.
        delete: remove what the source directory does not have.
        via: how many small files travel.
        dry: change nothing, and tell what would be done.
        each: tell of each file, not only the sum.
        quiet: say nothing of a host where all went well.
        timeout: seconds for one host's files, connecting not included; None is without end.
        limit: bytes per second over all hosts; None is as fast as it goes.
        limit_per_host: the same for each host.
    """

    preserve: bool = False
    links: Links = "copy"
    update: bool = False
    checksum: bool = False
    verify: bool = False
    resume: bool = False
    backup: bool = False
    mkdir: bool = False
    delete: bool = False
    via: Via = "auto"
    dry: bool = False
    each: bool = False
    quiet: bool = False
    timeout: float | None = None
    limit: float | None = None
    limit_per_host: float | None = None

    @property
    def keeps_times(self) -> bool:
        """`update` could not tell next time what is unchanged if times were not kept."""
        return self.preserve or self.update
