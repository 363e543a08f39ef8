"""Directories of small files that a host does not have yet: each in one stream, and visible when it is whole."""

from __future__ import annotations

import time
from collections.abc import Sequence

from fleetctl.errors import FleetError, ToolMissing, TransferError
from fleetctl.ssh.sftp.client import Sftp
from fleetctl.transfer.choices import Choices
from fleetctl.transfer.destination import OPEN_TO_OWNER, Destination, Place
from fleetctl.transfer.digests import compared, remote_digests
from fleetctl.transfer.means import Means
from fleetctl.transfer.names import base, join, parent
from fleetctl.transfer.parts import part_directory
from fleetctl.transfer.plan import Step, is_within
from fleetctl.transfer.remote import look_at_link
from fleetctl.transfer.removal import remove_remote
from fleetctl.transfer.tarring import send_tree, suits_tar


class _MadeMeanwhile(TransferError):
    """What was to be new is there now; hosts of one run may be one machine."""


def tar_flags(choices: Choices, destination: Destination) -> list[str]:
    """For the tar of the host, besides -x."""
    exact = ["-p"] if choices.preserve or destination.mode is not None else []
    return exact if choices.keeps_times else [*exact, "-m"]


class NewTrees:
    """For one thread.

    Args:
        place: what the destination is on the host.
        mode: permission bits of the directory whose contents alone are sent.
    """

    def __init__(self, means: Means, sftp: Sftp, destination: Destination, place: Place, mode: int) -> None:
        self._means = means
        self._sftp = sftp
        self._destination = destination
        self._place = place
        self._mode = mode

    def send(self, steps: Sequence[Step]) -> Sequence[Step]:
        """Send those that are worth it, where the host has tar.

        Returns: the steps that are still to be done.
        Raises: ToolMissing when tar was asked for and does not do it; TransferError, and what the session raises.
        """
        via, account = self._means.choices.via, self._means.account
        if via == "sftp" or self._destination.owner:
            return steps
        tops = [step.entry.path for step in steps if step.act == "make" and "/" not in step.entry.path]
        left = steps
        for top in tops if self._place.exists else [""]:
            inside = [step for step in left if not top or step.entry.path == top or is_within(step.entry.path, {top})]
            if via != "tar" and not suits_tar(inside):
                continue
            mark = account.mark()
            try:
                self._stream(inside, top)
            except FleetError as error:
                account.take_back(mark)  # nothing of it stays
                if isinstance(error, _MadeMeanwhile):
                    continue
                if isinstance(error, ToolMissing) and via != "tar":
                    return left
                raise
            done = {step.entry.path for step in inside}
            left = [step for step in left if step.entry.path not in done]
        return left

    def _stream(self, steps: Sequence[Step], top: str) -> None:
        """Raises: ToolMissing, TransferError; nothing is left there then."""
        began = time.monotonic()
        sftp, means = self._sftp, self._means
        target = self._place.of(top) if top else self._place.directory
        part = join(parent(target), part_directory(base(target)))
        mode = next((step.mode for step in steps if step.entry.path == top), self._mode)
        means.session.doomed(part, means.cancel)
        # Made by SFTP, so that a shell which sees other directories (a confined SFTP) unpacks nothing anywhere.
        sftp.expect_ok(sftp.result(sftp.mkdir(part, mode | OPEN_TO_OWNER)))
        sent = means.pace.pass_on(means.account.moved)
        try:
            flags = tar_flags(means.choices, self._destination)
            send_tree(means.session, steps, top, part, flags, sent, means.cancel)
            self._check(steps, top, part)
            sftp.expect_ok(sftp.result(sftp.rename(part, target)))
        except TransferError as error:
            list(remove_remote(sftp, {part: "directory"}))
            if sftp.run(look_at_link(sftp, target)) is not None:
                raise _MadeMeanwhile(error.message) from error
            raise
        self._tell(steps, time.monotonic() - began)

    def _check(self, steps: Sequence[Step], top: str, part: str) -> None:
        """With --verify. Raises: DigestMismatch, ToolMissing."""
        means = self._means
        files = [step.entry for step in steps if step.act == "move"] if means.choices.verify else []
        skip = len(top) + 1 if top else 0
        parts = [(join(part, entry.path[skip:]), entry.size) for entry in files]
        theirs = remote_digests(means.session, parts, means.cancel)
        for entry, digest in zip(files, theirs, strict=True):
            mismatch = compared(digest, means.digest(entry), entry.path)
            if mismatch is not None:
                raise mismatch

    def _tell(self, steps: Sequence[Step], seconds: float) -> None:
        account = self._means.account
        for step in steps:
            path = self._place.of(step.entry.path)
            if step.act == "make":
                account.done("made", path)
            elif step.act == "link":
                account.done("linked", path)
            else:
                account.done("sent", path, size=step.entry.size, seconds=seconds)
