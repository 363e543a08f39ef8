"""Files to one host, from the first look to the last clean-up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

import msgspec

from fleetctl.errors import SftpMissing, ToolMissing, TransferError
from fleetctl.ssh.sftp.client import Sftp, Steps, Ticket
from fleetctl.transfer.account import Counted
from fleetctl.transfer.batches import batches
from fleetctl.transfer.destination import OPEN_TO_OWNER, Destination, Place, find_place, made
from fleetctl.transfer.digests import compared, need_remote_digests, remote_digests
from fleetctl.transfer.leftovers import Leftovers, sort_out, take_over
from fleetctl.transfer.means import Means
from fleetctl.transfer.names import join, parent
from fleetctl.transfer.new_trees import NewTrees, tar_flags
from fleetctl.transfer.owners import owner_numbers
from fleetctl.transfer.plan import Present, Step, is_within, of_same_size, plan
from fleetctl.transfer.remote import MOST_ENTRIES, WIDTH, at_home
from fleetctl.transfer.removal import remove_remote
from fleetctl.transfer.survey import Survey, parts_of, survey
from fleetctl.transfer.tree import Entry, Tree
from fleetctl.transfer.upload import Sending, new_part, put_in_place, upload
from fleetctl.transfer.without_sftp import check_choices, put_by_tar

_LOOKED_THROUGH = 10_000
"""Names in a directory among which parts are looked for that are only to be cleaned up."""


class Putting:
    """For one thread."""

    def __init__(self, means: Means, destination: Destination, tree: Tree) -> None:
        self._destination = destination
        self._tree = tree
        self._means = means
        self._session = means.session
        self._choices = means.choices
        self._account = means.account
        self._cancel = means.cancel
        self._pace = means.pace

    def run(self) -> None:
        """Raises: TransferError when nothing can be done at all, and what the session raises."""
        try:
            self._run()
        except SftpMissing:
            if self._choices.via != "tar":
                raise
            self._run_without_sftp()

    def _tell_skipped(self, shown: Callable[[str], str]) -> None:
        for skipped in self._tree.skipped:
            self._account.done("skipped", shown(skipped.path), why=skipped.why)

    def _run_without_sftp(self) -> None:
        check_choices(self._choices, more=bool(self._destination.owner))
        steps = self._plan(Survey(), set(), str)
        put_by_tar(
            self._session,
            steps,
            at_home(self._destination.path),
            self._destination.single,
            tar_flags(self._choices, self._destination),
            self._account,
            self._pace.pass_on(self._account.moved),
            self._cancel,
        )
        self._tell_skipped(str)

    def _run(self) -> None:
        with self._session.sftp(self._cancel) as sftp:
            place = find_place(sftp, self._destination, self._choices)
            inside = self._destination.contents and place.exists
            most = MOST_ENTRIES if self._choices.resume else _LOOKED_THROUGH
            seen = Survey()
            if place.exists:
                seen = survey(sftp, self._tree.entries, place.of, inside=inside, most=most)
            owner = self._owner()
            same = self._same(place, seen, owner) if self._choices.checksum else set()
            steps = self._plan(seen, same, place.of)
            self._account.expect(
                sum(step.act == "move" for step in steps), sum(step.entry.size for step in steps if step.act == "move")
            )
            if self._choices.verify and any(step.act == "move" for step in steps):
                need_remote_digests(self._session, self._cancel)
            extra = self._extra(seen) if self._choices.delete else {}
            if self._choices.dry:
                self._account.tell(steps, extra, place.of)
            else:
                self._do(sftp, steps, place, seen, extra, owner)
            self._tell_skipped(place.of)

    # What

    def _plan(self, seen: Survey, same: set[str], shown: Callable[[str], str]) -> list[Step]:
        return plan(
            self._tree.entries,
            seen.present,
            self._choices,
            self._destination.mode,
            lambda entry: entry.path in same,
            shown,
        )

    def _same(self, place: Place, seen: Survey, owner: tuple[int, int] | None) -> set[str]:
        """The files that are there already, with the same content, and with the mode and the owner that are wanted."""
        asked = [
            entry
            for entry in of_same_size(self._tree.entries, seen.present)
            if self._is_as_wanted(seen.present[entry.path], owner)
        ]
        theirs = remote_digests(self._session, [(place.of(entry.path), entry.size) for entry in asked], self._cancel)
        return {entry.path for entry, digest in zip(asked, theirs, strict=True) if digest == self._means.digest(entry)}

    def _is_as_wanted(self, there: Present, owner: tuple[int, int] | None) -> bool:
        mode = self._destination.mode
        has_mode = mode is None or there.mode & 0o7777 == mode
        return has_mode and (owner is None or there.owner in {None, owner})

    def _extra(self, seen: Survey) -> dict[str, str]:
        """What is to be deleted: in a directory of the tree, not of the source, and not left out on purpose."""
        return {
            path: kind
            for path, kind in seen.others.items()
            if not self._destination.filter.excludes(self._in_tree(path), directory=kind == "directory")
        }

    def _in_tree(self, path: str) -> str:
        """A path as the filters see it: from the top of the source directory on."""
        return path if self._destination.contents else path.partition("/")[2]

    # Doing it

    def _owner(self) -> tuple[int, int] | None:
        wanted = self._destination.owner
        return owner_numbers(self._session, wanted, self._cancel) if wanted else None

    def _do(
        self,
        sftp: Sftp,
        steps: Sequence[Step],
        place: Place,
        seen: Survey,
        extra: dict[str, str],
        owner: tuple[int, int] | None,
    ) -> None:
        leftovers = self._leftovers(sftp, steps, place, seen)
        left = NewTrees(self._means, sftp, self._destination, place, self._tree.mode).send(steps)
        if not place.exists and (left or not steps):
            error = sftp.run(made(sftp, place.directory, self._tree.mode | OPEN_TO_OWNER))
            if error is not None:
                raise error
        bad = self._make_directories(sftp, left, place)
        left = [step for step in left if not is_within(step.entry.path, bad)]
        self._account.unmoved(left, place.of)
        placed: list[Step] = []
        for batch in batches(left):
            placed += self._move(sftp, batch, place, leftovers, owner)
        self._make_links(sftp, [step for step in left if step.act == "link"], place)
        there = [step for step in steps if step.act in {"make", "keep"} and step.entry.path not in bad]
        self._clean(sftp, ["", *(step.entry.path for step in (*placed, *there))], place, leftovers)
        for path, error in remove_remote(sftp, {place.of(path): kind for path, kind in extra.items()}):
            if error is None:
                self._account.done("deleted", path)
            else:
                self._account.failed(path, error)
        self._finish_directories(sftp, [step for step in steps if step.entry.path not in bad], place, owner)
        if self._choices.preserve and self._tree.mtime and not place.exists:
            self._finish_top(sftp, place)

    def _leftovers(self, sftp: Sftp, steps: Sequence[Step], place: Place, seen: Survey) -> Leftovers:
        parts = seen.parts
        if not place.exists:
            mine = parts_of(sftp, place.directory, _LOOKED_THROUGH)
            parts = {"": mine} if mine else {}
        moved = (step.entry for step in steps if step.act == "move") if self._choices.resume else ()
        return sort_out(sftp, parts, {entry.path: entry for entry in moved}, place.of, self._cancel)

    def _make_directories(self, sftp: Sftp, steps: Sequence[Step], place: Place) -> set[str]:
        """Level by level. Returns: those that could not be made, for which nothing more is tried inside."""
        bad = {step.entry.path for step in steps if step.act == "refuse" and step.entry.kind == "directory"}
        missing = [step for step in steps if step.act == "make"]
        for depth in sorted({step.entry.path.count("/") for step in missing}):
            level = [step for step in missing if step.entry.path.count("/") == depth]
            works = [self._make(sftp, step, place) for step in level if not is_within(step.entry.path, bad)]
            for step, error in sftp.drive(works, WIDTH):
                if error is None:
                    self._account.done("made", place.of(step.entry.path))
                else:
                    bad.add(step.entry.path)
                    self._account.failed(place.of(step.entry.path), error)
        return bad

    def _make(self, sftp: Sftp, step: Step, place: Place) -> Steps[tuple[Step, TransferError | None]]:
        return step, (yield from made(sftp, place.of(step.entry.path), step.mode | OPEN_TO_OWNER))

    def _move(
        self,
        sftp: Sftp,
        batch: Sequence[Step],
        place: Place,
        leftovers: Leftovers,
        owner: tuple[int, int] | None,
    ) -> list[Step]:
        """Send a batch and put it in place. Returns: what is in place."""
        began = time.monotonic()
        works = (self._send(sftp, step, place, leftovers, owner) for step in batch)
        arrived = []
        for sending, error in sftp.drive(works, WIDTH):
            if error is None:
                arrived.append(sending)
            else:
                self._fail(sending, error)
        arrived = self._verified(sftp, arrived)
        done = []
        for sending, error in sftp.drive((self._settle(sftp, sending) for sending in arrived), WIDTH):
            if error is None:
                size = sending.step.entry.size
                self._account.done("sent", sending.target, size=size, seconds=time.monotonic() - began)
                done.append(sending.step)
            else:
                self._drop(sending, error)
        return done

    def _fail(self, sending: Sending, error: TransferError) -> None:
        self._account.failed(sending.target, error)

    def _drop(self, sending: Sending, error: TransferError) -> None:
        """It had arrived, and came to nothing."""
        self._account.moved(sending.begin - sending.step.entry.size)
        self._fail(sending, error)

    def _send(
        self,
        sftp: Sftp,
        step: Step,
        place: Place,
        leftovers: Leftovers,
        owner: tuple[int, int] | None,
    ) -> Steps[tuple[Sending, TransferError | None]]:
        entry = step.entry
        target = place.of(entry.path)
        part = self._new_part(entry, target)
        begin = yield from take_over(sftp, leftovers, entry, target, part, step.mode)
        mtime = entry.mtime if self._choices.keeps_times else None
        sending = Sending(step, target, part, begin, owner, mtime)
        counted = Counted(self._account.moved)
        error = yield from upload(sftp, sending, self._pace, counted)
        if error is not None:
            counted.take_back()
        elif not entry.size and counted.size:  # it said that it is empty, as files in /proc do
            read = msgspec.structs.replace(entry, size=counted.size)
            sending = msgspec.structs.replace(sending, step=msgspec.structs.replace(step, entry=read))
        return sending, error

    def _new_part(self, entry: Entry, target: str) -> str:
        part = new_part(entry, target)
        if not self._choices.resume:
            self._session.doomed(part, self._cancel)
        return part

    def _settle(self, sftp: Sftp, sending: Sending) -> Steps[tuple[Sending, TransferError | None]]:
        replaces = sending.step.replaced is not None
        error = yield from put_in_place(
            sftp, sending.part, sending.target, replaces=replaces, backup=self._choices.backup, mtime=sending.mtime
        )
        return sending, error

    def _verified(self, sftp: Sftp, arrived: list[Sending]) -> list[Sending]:
        """Those whose content is right, of those to check: all with --verify, else what was resumed."""
        checked = [sending for sending in arrived if self._choices.verify or sending.begin]
        if not checked:
            return arrived
        try:
            parts = [(sending.part, sending.step.entry.size) for sending in checked]
            theirs = remote_digests(self._session, parts, self._cancel)
        except ToolMissing:
            if self._choices.verify:
                raise
            return arrived
        wrong = set()
        for sending, digest in zip(checked, theirs, strict=True):
            mismatch = compared(digest, self._means.digest(sending.step.entry), sending.target)
            if mismatch is not None and (digest or self._choices.verify):
                wrong.add(sending.part)
                self._drop(sending, mismatch)
                sftp.result(sftp.remove(sending.part))
        return [sending for sending in arrived if sending.part not in wrong]

    def _make_links(self, sftp: Sftp, steps: Sequence[Step], place: Place) -> None:
        for step, error in sftp.drive((self._link(sftp, step, place) for step in steps), WIDTH):
            path = place.of(step.entry.path)
            if error is None:
                self._account.done("linked", path)
            else:
                self._account.failed(path, error)

    def _link(self, sftp: Sftp, step: Step, place: Place) -> Steps[tuple[Step, TransferError | None]]:
        target = place.of(step.entry.path)
        part = self._new_part(step.entry, target)
        ticket = sftp.symlink(step.entry.target, part)
        yield ticket
        try:
            sftp.expect_ok(ticket)
        except TransferError as error:
            return step, error
        replaces = step.replaced is not None
        return step, (yield from put_in_place(sftp, part, target, replaces=replaces, backup=self._choices.backup))

    def _clean(self, sftp: Sftp, paths: Iterable[str], place: Place, leftovers: Leftovers) -> None:
        """Remove what other transfers left of what is now in place."""
        old = {
            join(parent(place.of(path)), part.name): part.kind
            for path in paths
            for part in leftovers.dead.get(path, ())
        }
        for _ in remove_remote(sftp, old):
            pass  # one that was taken over is gone already

    def _finish_directories(
        self, sftp: Sftp, steps: Sequence[Step], place: Place, owner: tuple[int, int] | None
    ) -> None:
        """Owner, mode and time of directories, when nothing goes into them any more; the deepest first."""
        asked: list[tuple[str, Ticket]] = []
        for step in reversed(steps):
            if step.entry.kind != "directory" or step.act not in {"make", "keep"}:
                continue
            path = place.of(step.entry.path)
            if owner is not None and step.act == "make":
                asked.append((path, sftp.setstat(path, owner=owner)))
            if self._choices.preserve:
                asked += _preserved(sftp, path, step.entry.mode, step.entry.mtime)
        self._expect_all(sftp, asked)

    def _finish_top(self, sftp: Sftp, place: Place) -> None:
        """What a directory's contents went into, if it is new; one that was there keeps what it had."""
        mode = self._tree.mode & 0o7777
        self._expect_all(sftp, _preserved(sftp, place.directory, mode, self._tree.mtime))

    def _expect_all(self, sftp: Sftp, asked: Iterable[tuple[str, Ticket]]) -> None:
        for path, ticket in asked:
            try:
                sftp.expect_ok(sftp.result(ticket))
            except TransferError as error:
                self._account.failed(path, error)


def _preserved(sftp: Sftp, path: str, mode: int, mtime: int) -> list[tuple[str, Ticket]]:
    """The mode first: who may not enter a directory may still have set its time."""
    return [(path, sftp.setstat(path, mode=mode)), (path, sftp.setstat(path, mtime=mtime))]
