"""Files from one host, from the first look to the last clean-up."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from urllib.parse import quote

import msgspec

from fleetctl.errors import NoSuchFile, ServerFailure, SftpMissing, ToolMissing, TransferError, WrongKind
from fleetctl.events import Action
from fleetctl.ssh.sftp.client import Sftp, Steps
from fleetctl.ssh.sftp.format import Attributes
from fleetctl.transfer.account import Counted
from fleetctl.transfer.batches import batches
from fleetctl.transfer.digests import compared, digest_of, need_remote_digests, remote_digests
from fleetctl.transfer.download import Fetched, download
from fleetctl.transfer.landing import Arriving, Landing
from fleetctl.transfer.means import Means
from fleetctl.transfer.names import base, checked, is_contents, join, parent
from fleetctl.transfer.parts import is_any_part
from fleetctl.transfer.patterns import Filter, is_pattern
from fleetctl.transfer.plan import Present, Step, is_within, of_same_size, plan
from fleetctl.transfer.remote import WIDTH, Found, Walk, at_home, look_at_all, matching
from fleetctl.transfer.tarring import receive_files, suits_tar
from fleetctl.transfer.tree import Entry, Kind
from fleetctl.transfer.without_sftp import Wanted, check_choices, get_by_tar

_NOT_DELETED = "nothing was deleted here, for not all there could be read"


def as_directory(host: str) -> str:
    """A host's name as that of a directory: no way up, no level more."""
    return quote(host, safe="").replace(".", "%2E") if host in {".", ".."} else quote(host, safe="")


class Origin(msgspec.Struct, frozen=True):
    """What is fetched from each host, and where it goes here.

    Args:
        paths: remote paths and patterns as they were written.
        directory: the local directory.
        template: what a source becomes in it: `{host}` stands for the host's name, `{name}` for its own. With the
            contents of a directory it is a directory for them, unless its last part is `{name}`.
        inside: the end of `directory` that came from the template, and is not gone into if it is a link.
    """

    paths: tuple[str, ...]
    directory: str
    template: str = "{host}/{name}"
    recursive: bool = False
    filter: Filter = Filter()
    inside: str = ""

    def on(self, host: str) -> Origin:
        """As it is for one host. Directories that begin with its name become the one that nothing leads out of."""
        template = self.template.replace("{host}", as_directory(host))
        if any(map(is_contents, self.paths)) and not template.endswith("{name}"):
            template += "/{name}"  # the contents of a directory keep their names
        above, _, rest = template.rpartition("/")
        if not above or "{" in above:
            return msgspec.structs.replace(self, template=template)
        directory = os.path.join(self.directory, above)
        return msgspec.structs.replace(self, directory=directory, inside=above, template=rest)


class Getting:
    """For one thread. `origin` is as it is for the host."""

    def __init__(self, means: Means, origin: Origin) -> None:
        self._origin = origin
        self._session = means.session
        self._choices = means.choices
        self._account = means.account
        self._cancel = means.cancel
        self._landing = Landing(origin.directory, origin.inside)
        self._pace = means.pace
        self._top: Attributes | None = None
        """Of the one directory whose contents alone are fetched."""

    def run(self) -> None:
        """Raises: TransferError when nothing can be done at all, and what the session raises."""
        with self._landing:
            try:
                self._run()
            except SftpMissing:
                if self._choices.via != "tar":
                    raise
                self._run_without_sftp()

    def _run_without_sftp(self) -> None:
        filtered = self._origin.filter.exclude or self._origin.filter.include
        check_choices(self._choices, more=any(map(is_pattern, self._origin.paths)) or bool(filtered))
        for word in self._origin.paths:
            contents = is_contents(word)
            source = at_home(_without_slash(word))
            wanted = Wanted(source, "" if contents else self._named(source), self._origin.recursive)
            received = self._pace.pass_on(self._account.moved)
            get_by_tar(self._session, wanted, self._landing, self._account, self._choices, received, self._cancel)

    def _run(self) -> None:
        with self._session.sftp(self._cancel) as sftp:
            found = self._look(sftp)
            entries = _with_directories(_each_once(found.entries))
            present = self._present(entries)
            same = self._same_content(entries, present) if self._choices.checksum else set()
            steps = plan(entries, present, self._choices, None, lambda entry: entry.path in same, self._shown)
            moving = [step.entry.size for step in steps if step.act == "move"]
            self._account.expect(len(moving), sum(moving))
            if self._choices.verify and moving:
                need_remote_digests(self._session, self._cancel)
            extra = self._extra(entries) if self._choices.delete and not found.failed else {}
            for path, why in found.skipped:
                self._account.done("skipped", self._shown(path), why=why)
            for path, error in found.failed:
                self._account.failed(self._shown(path), error)
            if self._choices.delete and found.failed:
                self._account.done("skipped", self._landing.top, why=_NOT_DELETED)
            if self._choices.dry:
                self._account.tell(steps, extra, self._shown)
            else:
                self._do(sftp, steps, extra)

    def _shown(self, path: str) -> str:
        return self._landing.shown(path)

    # What

    def _look(self, sftp: Sftp) -> Found:
        """All that is to be fetched. Raises: TransferError when a named source is not there."""
        walk = Walk(sftp, self._origin.filter, self._choices.links)
        taken: dict[str, str] = {}
        for word in self._origin.paths:
            contents = is_contents(word)
            sources = matching(sftp, _without_slash(word))
            seen = look_at_all(sftp, [at_home(source) for source in sources])
            for source, attributes in zip(sources, seen, strict=True):
                path = "" if contents else self._named(source)
                if path and path in taken:
                    raise WrongKind(f"{taken[path]} and {source} would both become {self._shown(path)}")
                taken[path] = source
                if contents and len(self._origin.paths) == 1:
                    self._top = attributes
                self._take(walk, source, path, attributes, alone=not is_pattern(word))
        return walk.found

    def _take(self, walk: Walk, source: str, path: str, attributes: Attributes | None, *, alone: bool) -> None:
        """Raises: TransferError for what was named itself; what a pattern found is told, and the rest goes on."""
        is_directory = attributes is not None and attributes.kind == "directory"
        if not alone and is_directory and not self._origin.recursive:
            walk.found.skipped.append((path or source, "a directory, which -r takes"))
            return
        try:
            walk.take(at_home(source), path, attributes, recursive=self._origin.recursive)
        except (NoSuchFile, WrongKind) as error:
            if alone:
                raise
            walk.found.failed.append((path or source, error))

    def _named(self, source: str) -> str:
        return self._origin.template.replace("{name}", checked(base(source)))

    def _present(self, entries: Sequence[Entry]) -> dict[str, Present]:
        found = {}
        missing: set[str] = set()
        for entry in entries:
            there = None if parent(entry.path) in missing else self._landing.present(entry.path)
            if there is not None:
                found[entry.path] = there
            if entry.kind == "directory" and (there is None or there.kind != "directory"):
                missing.add(entry.path)
        return found

    def _same_content(self, entries: Sequence[Entry], present: dict[str, Present]) -> set[str]:
        """The files that are here with the same content already, of those with the same size."""
        asked = of_same_size(entries, present)
        theirs = remote_digests(self._session, [(entry.origin, entry.size) for entry in asked], self._cancel)
        return {entry.path for entry, digest in zip(asked, theirs, strict=True) if digest == self._digest(entry.path)}

    def _digest(self, path: str) -> str:
        descriptor = self._landing.read(path)
        try:
            return digest_of(descriptor, self._shown(path), self._cancel)
        finally:
            os.close(descriptor)

    def _extra(self, entries: Sequence[Entry]) -> dict[str, Kind]:
        """What is here, in a directory that was fetched, and not there; what is left out on purpose stays."""
        wanted = {entry.path for entry in entries}
        depth = self._origin.template.count("/")  # directories above that are no host's own
        directories = [entry.path for entry in entries if entry.kind == "directory" and entry.path.count("/") >= depth]
        tops = [""] if any(map(is_contents, self._origin.paths)) else []
        extra: dict[str, Kind] = {}
        for directory in [*tops, *directories]:
            with suppress(NoSuchFile):
                for name in self._landing.names(directory):
                    path = join(directory, name)
                    there = None if path in wanted or is_any_part(name) else self._landing.present(path)
                    if there is not None and not self._kept(path, there, contents=bool(tops)):
                        extra[path] = there.kind
        return extra

    def _kept(self, path: str, there: Present, *, contents: bool) -> bool:
        depth = self._origin.template.count("/") + 1
        in_tree = path if contents else "/".join(path.split("/")[depth:])
        return self._origin.filter.excludes(in_tree, directory=there.kind == "directory")

    # Doing it

    def _do(self, sftp: Sftp, steps: Sequence[Step], extra: dict[str, Kind]) -> None:
        fresh = self._top is not None and self._landing.make_top()
        bad = self._make_directories(steps)
        steps = [step for step in steps if not is_within(step.entry.path, bad)]
        self._account.unmoved(steps, self._shown)
        placed: list[str] = []
        for batch in batches(steps):
            placed += self._move(sftp, batch)
        for step in steps:
            if step.act == "link":
                self._try("linked", step.entry.path, partial(self._landing.link, step, backup=self._choices.backup))
        self._landing.clean(placed)
        for path, kind in extra.items():
            self._try("deleted", path, partial(self._landing.remove, path, kind))
        self._finish_directories(steps)
        if fresh and self._choices.preserve:
            self._finish_top()

    def _try(self, action: Action, path: str, act: Callable[[], None]) -> bool:
        try:
            act()
        except TransferError as error:
            self._account.failed(self._shown(path), error)
            return False
        self._account.done(action, self._shown(path))
        return True

    def _make_directories(self, steps: Sequence[Step]) -> set[str]:
        """Returns: those that cannot be there, for which nothing is tried inside."""
        bad = {step.entry.path for step in steps if step.act == "refuse" and step.entry.kind == "directory"}
        for step in steps:
            path = step.entry.path
            wanted = step.act == "make" and not is_within(path, bad)
            if wanted and not self._try("made", path, partial(self._landing.make, step)):
                bad.add(path)
        return bad

    def _move(self, sftp: Sftp, batch: Sequence[Step]) -> list[str]:
        """Fetch a batch and put it in place. Returns: the paths of what is in place."""
        began = time.monotonic()
        arrived = self._stream(batch)
        here = {one.step.entry.path for one in arrived}
        batch = [step for step in batch if step.entry.path not in here]
        for step, (arriving, error) in sftp.drive((self._fetch(sftp, step) for step in batch), WIDTH):
            if arriving is not None:
                arrived.append(arriving)
            elif error is not None:
                self._account.failed(self._shown(step.entry.path), error)
        arrived = self._verified(arrived)
        if not arrived:
            return []
        try:
            self._landing.sync(arrived)
        except TransferError as error:
            for arriving in arrived:
                self._drop(arriving, error)
            return []
        placed = []
        for arriving in arrived:
            entry = arriving.step.entry
            try:
                mtime = entry.mtime if self._choices.keeps_times else None
                self._landing.place(arriving, mtime=mtime, backup=self._choices.backup)
            except TransferError as error:
                self._drop(arriving, error)
                continue
            placed.append(entry.path)
            seconds = time.monotonic() - began
            self._account.done("fetched", self._shown(entry.path), size=arriving.size, seconds=seconds)
        return placed

    def _drop(self, arriving: Arriving, error: TransferError) -> None:
        """It had arrived, and came to nothing."""
        self._landing.drop(arriving, keep=False)
        self._account.moved(arriving.begin - arriving.size)
        self._account.failed(self._shown(arriving.step.entry.path), error)

    def _stream(self, batch: Sequence[Step]) -> list[Arriving]:
        """What comes in one stream, where that is worth it and the host has tar: the rest is fetched file by file."""
        if self._choices.via == "sftp" or self._choices.resume:
            return []
        if self._choices.via == "auto" and not suits_tar(batch):
            return []
        received = self._pace.pass_on(self._account.moved)
        mark = self._account.mark()
        arrived: list[Arriving] = []
        try:
            arrived = receive_files(self._session, batch, self._landing, received, self._cancel)
        except (ToolMissing, ServerFailure):
            if self._choices.via == "tar":
                raise  # else SFTP fetches them: a shell that prints its greeting breaks an archive
        if not arrived:
            self._account.take_back(mark)
        return arrived

    def _fetch(self, sftp: Sftp, step: Step) -> Steps[tuple[Step, Fetched]]:
        counted = Counted(self._account.moved)
        fetched = yield from download(sftp, step, self._landing, self._pace, counted, resume=self._choices.resume)
        if fetched[0] is None:
            counted.take_back()
        return step, fetched

    def _verified(self, arrived: list[Arriving]) -> list[Arriving]:
        """Those whose content is right, of those to check: all with --verify, else what was resumed."""
        checked = [one for one in arrived if self._choices.verify or one.begin]
        if not checked:
            return arrived
        try:
            theirs = remote_digests(self._session, [(one.step.entry.origin, one.size) for one in checked], self._cancel)
        except ToolMissing:
            if self._choices.verify:
                raise
            return arrived
        wrong = set()
        for one, digest in zip(checked, theirs, strict=True):
            shown = self._shown(one.step.entry.path)
            mismatch = compared(digest, self._digest(join(one.directory, one.part)), shown)
            if mismatch is not None and (digest or self._choices.verify):
                wrong.add(one.part)
                self._drop(one, mismatch)
        return [one for one in arrived if one.part not in wrong]

    def _finish_directories(self, steps: Sequence[Step]) -> None:
        for step in reversed(steps) if self._choices.preserve else ():
            if step.entry.kind == "directory" and step.act in {"make", "keep"} and step.entry.source:
                try:
                    self._landing.finish_directory(step.entry)
                except TransferError as error:
                    self._account.failed(self._shown(step.entry.path), error)

    def _finish_top(self) -> None:
        if self._top is not None:
            mode, mtime = self._top.permissions & 0o777, self._top.mtime or 0
            self._landing.finish_directory(Entry("", "directory", mode=mode, mtime=mtime))


def _without_slash(word: str) -> str:
    return word.rstrip("/").removesuffix("/.") or "/"


def _each_once(entries: Sequence[Entry]) -> list[Entry]:
    """What was named or listed twice, once. Raises: WrongKind for two things that would become the same."""
    places: dict[str, Entry] = {}
    for entry in entries:
        other = places.setdefault(entry.path, entry)
        if other is not entry and other.origin != entry.origin:
            raise WrongKind(f"{other.origin} and {entry.origin} would both become {entry.path}")
    return sorted(places.values(), key=lambda entry: entry.path)  # parents first


def _with_directories(entries: Sequence[Entry]) -> list[Entry]:
    """The entries, and before them the directories that are theirs and were left out themselves."""
    known = {entry.path for entry in entries if entry.kind == "directory"}
    made: list[Entry] = []
    for entry in entries:
        above = parent(entry.path)
        missing = []
        while above and above not in known:
            missing.append(above)
            known.add(above)
            above = parent(above)
        made += [Entry(path, "directory", mode=0o755) for path in reversed(missing)]
        made.append(entry)
    return made
