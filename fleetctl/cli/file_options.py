"""The options of put and get: what they have in common, and what each has of its own."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
import typer

from fleetctl.cli.values import duration, permissions, rate

_WHICH = "Which files"
_HOW = "How they are moved"


class LinkChoice(StrEnum):
    """The values of --links."""

    COPY = "copy"
    FOLLOW = "follow"
    SKIP = "skip"


class ViaChoice(StrEnum):
    """The values of --via."""

    AUTO = "auto"
    SFTP = "sftp"
    TAR = "tar"


class FileOptions(msgspec.Struct, frozen=True):
    """What put and get have in common; see transfer/choices.py."""

    recursive: Annotated[
        bool, typer.Option("-r", "--recursive", rich_help_panel=_WHICH, help="Directories, with all that is in them.")
    ] = False
    exclude_files: Annotated[
        list[str],
        typer.Option(
            "--exclude", metavar="GLOB", rich_help_panel=_WHICH,
            help="Leave out of directories: '*.log' anywhere, 'cache/' directories, 'conf/*.bak' from the top on.",
        ),
    ] = msgspec.field(default_factory=list)  # fmt: skip
    include: Annotated[
        list[str],
        typer.Option(
            "--include", metavar="GLOB", rich_help_panel=_WHICH,
            help="Take in spite of --exclude; without one, take nothing else.",
        ),
    ] = msgspec.field(default_factory=list)  # fmt: skip
    links: Annotated[
        LinkChoice,
        typer.Option("--links", rich_help_panel=_WHICH, help="What becomes of symbolic links in directories."),
    ] = LinkChoice.COPY
    update: Annotated[
        bool,
        typer.Option(
            "--update", rich_help_panel=_WHICH,
            help="Leave alone what has the same size and modification time. Keeps that time.",
        ),
    ] = False  # fmt: skip
    checksum: Annotated[
        bool, typer.Option("--checksum", rich_help_panel=_WHICH, help="Leave alone what has the same content.")
    ] = False
    delete: Annotated[
        bool,
        typer.Option(
            "--delete", rich_help_panel=_WHICH,
            help="Delete what the source directory does not have. Asks first; --dry-run lists it.",
        ),
    ] = False  # fmt: skip
    preserve: Annotated[
        bool, typer.Option("-p", "--preserve", rich_help_panel=_HOW, help="Keep permissions and modification times.")
    ] = False
    backup: Annotated[bool, typer.Option("--backup", rich_help_panel=_HOW, help="Keep what is replaced, as NAME~.")] = (
        False
    )
    verify: Annotated[
        bool,
        typer.Option("--verify", rich_help_panel=_HOW, help="Compare digests before a file takes its place."),
    ] = False
    resume: Annotated[
        bool, typer.Option("--resume", rich_help_panel=_HOW, help="Go on with what an interrupted transfer left.")
    ] = False
    limit: Annotated[
        float | None,
        typer.Option(
            "--limit", metavar="RATE", parser=rate, rich_help_panel=_HOW, help="For all hosts together: 10MB/s, 512k."
        ),
    ] = None
    limit_per_host: Annotated[
        float | None,
        typer.Option("--limit-per-host", metavar="RATE", parser=rate, rich_help_panel=_HOW, help="For each host."),
    ] = None
    via: Annotated[
        ViaChoice,
        typer.Option("--via", rich_help_panel=_HOW, help="How many small files travel; auto takes tar where it is."),
    ] = ViaChoice.AUTO
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout", metavar="TIME", parser=duration, rich_help_panel=_HOW,
            help="How long each host's files may take: 30, 90s, 5m.",
        ),
    ] = None  # fmt: skip


class PutOptions(msgspec.Struct, frozen=True):
    """What only put has."""

    mode: Annotated[
        int | None,
        typer.Option("--mode", metavar="MODE", parser=permissions, rich_help_panel=_HOW, help="For files: 0644."),
    ] = None
    owner: Annotated[
        str, typer.Option("--owner", metavar="USER[:GROUP]", rich_help_panel=_HOW, help="Who files are to belong to.")
    ] = ""
    mkdir: Annotated[
        bool, typer.Option("--mkdir", rich_help_panel=_HOW, help="Make the directories that the destination lacks.")
    ] = False
    per_host: Annotated[
        bool,
        typer.Option(
            "--per-host", rich_help_panel=_WHICH,
            help="Send each host what is in LOCAL/HOST, as get has left it there.",
        ),
    ] = False  # fmt: skip


class GetOptions(msgspec.Struct, frozen=True):
    """What only get has."""

    template: Annotated[
        str,
        typer.Option(
            "--as", metavar="TEMPLATE", rich_help_panel=_HOW,
            help="What a file becomes in LOCAL, instead of {host}/{name}.",
        ),
    ] = "{host}/{name}"  # fmt: skip
