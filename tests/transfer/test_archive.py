"""Tar as a stream: what other tars write and read, and what no tar would ever send."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fleetctl.errors import ServerFailure
from fleetctl.transfer.archive import ArchiveReader, Data, Member, ending, header, padding
from fleetctl.transfer.tree import Kind

_TARS = [
    pytest.param(command, marks=pytest.mark.skipif(not shutil.which(command[0]), reason=f"needs {command[0]}"))
    for command in (["tar"], ["bsdtar"], ["busybox", "tar"])
]
_needs_gnu = pytest.mark.skipif(
    not shutil.which("tar")
    or b"GNU tar" not in subprocess.run(["tar", "--version"], capture_output=True, check=False).stdout,
    reason="needs GNU tar",
)
_EXTREME = "a" * 100 + "/" + os.fsdecode(b"\xff\xfe\n*") + "/" + "b" * 155

names = (
    st.binary(min_size=1, max_size=1000)
    .filter(lambda name: b"\0" not in name and name != b"." and name[:2] != b"./" and name[-1:] != b"/")
    .map(os.fsdecode)
)
whole_seconds = st.integers(0, 1 << 40)


@st.composite
def members(draw: st.DrawFn) -> tuple[Member, bytes]:
    kind: Kind = draw(st.sampled_from(("file", "directory", "link")))
    body = draw(st.binary(max_size=1100)) if kind == "file" else b""
    target = draw(names) if kind == "link" else ""
    mode = draw(st.integers(0, 0o7777))
    return Member(draw(names), kind, len(body), mode, draw(whole_seconds), target), body


def head(member: Member) -> bytes:
    return header(
        member.path, member.kind, size=member.size, mode=member.mode, mtime=member.mtime, target=member.target
    )


def archive_of(contents: Iterable[tuple[Member, bytes]]) -> bytes:
    written = b"".join(head(member) + body + padding(len(body)) for member, body in contents)
    return written + ending(len(written))


def read(pieces: Iterable[bytes]) -> tuple[list[tuple[Member, bytes]], bool]:
    """The members with their bodies, and whether the end was seen."""
    reader = ArchiveReader()
    found: list[tuple[Member, bytes]] = []
    for piece in pieces:
        for item in reader.feed(piece):
            if isinstance(item, Data):
                found[-1] = (found[-1][0], found[-1][1] + bytes(item.data))
            else:
                found.append((item, b""))
    return found, reader.complete


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    bounds = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(bounds)]


def block(path: bytes, kind: bytes, body: bytes = b"", **fields: bytes) -> bytes:
    """A member with fields as they come, its checksum right."""
    places = {"mode": (100, 8), "size": (124, 12), "mtime": (136, 12), "target": (157, 100), "magic": (257, 8)}
    raw = bytearray(path.ljust(100, b"\0") + bytes(412))
    raw[156:157] = kind
    given = {"size": b"%011o\0" % len(body), "mode": b"0000644\0", "mtime": b"00000000000\0", "magic": b"ustar\x0000"}
    for name, value in (given | fields).items():
        start, width = places[name]
        raw[start : start + width] = value.ljust(width, b"\0")
    raw[148:156] = b"%06o\0 " % (sum(raw) + 8 * 32)
    return bytes(raw) + body + padding(len(body))


def pax(**values: bytes) -> bytes:
    records = b""
    for key, value in values.items():
        rest = b" %b=%b\n" % (key.replace("_", ".").encode(), value)
        size = next(size for size in range(len(rest), len(rest) + 10) if size == len(rest) + len(str(size)))
        records += b"%d%b" % (size, rest)
    return block(b"pax", b"x", records)


def first(data: bytes) -> Member:
    (member, _), *_ = read([data])[0]
    return member


@given(st.lists(members(), max_size=4), st.lists(st.integers(0, 1 << 16), max_size=20))
@example([(Member(_EXTREME, "link", 0, 0o777, 1, _EXTREME), b"")], [])
def test_what_is_written_is_read_again_however_it_is_cut(
    contents: list[tuple[Member, bytes]], places: list[int]
) -> None:
    assert read(cut(archive_of(contents), places)) == (contents, True)


@given(st.integers(0, (1 << 63) - 1), whole_seconds)
@example(8 << 30, 0)
@example((8 << 30) - 1, 0)
def test_a_size_of_any_magnitude_is_kept(size: int, mtime: int) -> None:
    assert first(header("big", "file", size=size, mode=0o600, mtime=mtime)) == Member("big", "file", size, 0o600, mtime)


@given(names, whole_seconds, st.integers(0, 1 << 60))
def test_the_standard_library_reads_the_same_in_our_header(name: str, mtime: int, size: int) -> None:
    raw = io.BytesIO(header(name, "file", size=size, mode=0o640, mtime=mtime) + ending(0))
    with tarfile.open(fileobj=raw, errors="surrogateescape", mode="r|") as archive:
        found = archive.next()
    assert found is not None
    assert (found.name, found.size, found.mode, found.mtime) == (name, size, 0o640, mtime)
    assert (found.uid, found.gid, found.uname, found.gname) == (0, 0, "", "")


@given(st.integers(0, 1 << 20))
def test_an_archive_ends_with_two_empty_blocks_and_fills_a_record(blocks: int) -> None:
    end = ending(blocks * 512)
    assert len(end) >= 1024
    assert not any(end)
    assert (blocks * 512 + len(end)) % 10240 == 0


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A tree with names of every length and kind that a header has a place for."""
    top = tmp_path / "planted"
    deep = top / ("d" * 90) / ("e" * 90) / ("f" * 200)
    deep.mkdir(parents=True)
    (deep / "leaf").write_bytes(b"deep")
    (top / "empty").touch(mode=0o600)
    (top / "block").write_bytes(os.urandom(512))
    (top / "more\nlines").write_bytes(os.urandom(700))
    (top / os.fsdecode(b"no-utf-8-\xff\xfe")).write_bytes(os.urandom(70_000))
    (top / "link").symlink_to("block")
    (top / "far").symlink_to("t" * 180)
    (top / "old").touch()
    os.utime(top / "old", (1.5, 1.5))
    return top


def seen(top: Path) -> dict[str, tuple[Member, bytes]]:
    found = {}
    for path in top.rglob("*"):
        facts = path.lstat()
        kind: Kind = "link" if path.is_symlink() else "directory" if path.is_dir() else "file"
        body = path.read_bytes() if kind == "file" else b""
        target = str(path.readlink()) if kind == "link" else ""
        name, mode = str(path.relative_to(top)), facts.st_mode & 0o7777
        found[name] = (Member(name, kind, len(body), mode, facts.st_mtime_ns // 10**9, target), body)
    return found


def packed(top: Path, *options: str, tar: Iterable[str] = ("tar",)) -> bytes:
    command = [*tar, *options, "-cf", "-", "-C", str(top), "."]
    return subprocess.run(command, check=True, capture_output=True).stdout


@pytest.mark.parametrize("tar", _TARS)
def test_what_a_tar_packs_is_read(planted: Path, tar: list[str]) -> None:
    found, complete = read(cut(packed(planted, tar=tar), range(0, 1 << 20, 1000)))
    assert complete
    assert {member.path: (member, body) for member, body in found if member.path} == seen(planted)


@_needs_gnu
@pytest.mark.parametrize("form", ["gnu", "oldgnu", "pax"])
def test_every_format_of_gnu_tar_is_read(planted: Path, form: str) -> None:
    found, complete = read([packed(planted, f"--format={form}")])
    assert complete
    assert {member.path: (member, body) for member, body in found if member.path} == seen(planted)


@_needs_gnu
@pytest.mark.parametrize("form", ["ustar", "v7"])
def test_formats_without_long_names_are_read(planted: Path, form: str) -> None:
    long_ones = ["--exclude=ddd*"] if form == "v7" else ["--exclude=fff*"]
    found, complete = read([packed(planted, f"--format={form}", "--exclude=far", *long_ones)])
    kept = {name: one for name, one in seen(planted).items() if name != "far" and "fff" not in name}
    if form == "v7":
        kept = {name: one for name, one in kept.items() if "ddd" not in name}
    assert complete
    assert {member.path: (member, body) for member, body in found if member.path} == kept


@pytest.mark.parametrize("tar", _TARS)
def test_what_we_write_is_unpacked_by_a_tar(planted: Path, tmp_path: Path, tar: list[str]) -> None:
    expected = seen(planted)
    there = tmp_path / "unpacked"
    there.mkdir()
    parents_first = [expected[name] for name in sorted(expected)]
    command = [*tar, "-xpf", "-", "-C", str(there)]
    subprocess.run(command, input=archive_of(parents_first), check=True)
    unpacked = seen(there)
    files_and_links = [name for name in expected if expected[name][0].kind != "directory"]
    assert unpacked.keys() == expected.keys()
    for name in files_and_links:
        assert unpacked[name][1] == expected[name][1]
        assert unpacked[name][0].target == expected[name][0].target
        if expected[name][0].kind == "file":
            assert unpacked[name] == expected[name]


@pytest.mark.parametrize("tar", _TARS)
def test_a_tar_lists_a_size_beyond_octal(tmp_path: Path, tar: list[str]) -> None:
    size = 3 << 40
    run = subprocess.run([*tar, "-tvf", "-"], input=header("big", "file", size=size), capture_output=True, check=False)
    assert str(size).encode() in run.stdout


@_needs_gnu
@pytest.mark.parametrize("options", [["--format=gnu"], ["--format=pax"], ["--format=pax", "--sparse-version=0.0"]])
def test_a_sparse_file_is_something_else_and_what_follows_it_is_read(tmp_path: Path, options: list[str]) -> None:
    with (tmp_path / "a").open("wb") as file:
        for piece in range(60):
            file.seek(piece << 20)
            file.write(b"data")
    (tmp_path / "b").write_bytes(b"after")
    data = packed(tmp_path, "--sparse", "--sort=name", *options)
    assert len(data) < 1 << 20
    found, complete = read(cut(data, range(0, len(data), 700)))
    assert complete
    assert [(member.kind, body) for member, body in found] == [("directory", b""), ("other", b""), ("file", b"after")]


@_needs_gnu
def test_a_second_name_of_a_file_is_something_else_with_the_first_as_its_target(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 600)
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    found, _ = read([packed(tmp_path, "--sort=name")])
    assert [(member.path, member.kind, body) for member, body in found[1:]] == [
        ("a", "file", b"x" * 600),
        ("b", "other", b""),
    ]
    assert found[2][0].target == "./a"


@pytest.mark.parametrize("kind", [b"3", b"6", b"D", b"M", b"V", b"Z"])
def test_a_member_of_another_type_is_skipped(kind: bytes) -> None:
    body = b"" if kind < b"7" else b"x" * 600
    found, complete = read([block(b"odd", kind, body), archive_of([(Member("next", "file", 1, 0, 0), b"y")])])
    assert complete
    assert [(member.path, member.kind, body) for member, body in found] == [
        ("odd", "other", b""),
        ("next", "file", b"y"),
    ]


@pytest.mark.parametrize(
    ("stored", "path"),
    [
        (b"./a", "a"),
        (b"././/a", "a"),
        (b"./", ""),
        (b"/", "/"),
        (b"/a/", "/a"),
        (b"../a", "../a"),
        (b"a/./b", "a/./b"),
        (b".a", ".a"),
        (b"a\0b", "a"),
    ],
)
def test_a_path_is_left_as_it_is_but_for_its_ends(stored: bytes, path: str) -> None:
    assert first(block(stored, b"5")).path == path


def test_a_file_whose_name_ends_in_a_slash_is_a_directory_of_old() -> None:
    assert first(block(b"old/", b"\0", magic=b"")) == Member("old", "directory", 0, 0o644, 0)


def test_a_pax_header_counts_more_than_the_header_after_it() -> None:
    head = pax(path=b"long\n\xff", linkpath=b"ignored/not", size=b"3", mtime=b"12.9", comment=b"a\0b")
    found, _ = read([head, block(b"short", b"0", b"abc", size=b"0"), block(b"next", b"0")])
    assert found == [
        (Member(os.fsdecode(b"long\n\xff"), "file", 3, 0o644, 12, "ignored/not"), b"abc"),
        (Member("next", "file", 0, 0o644, 0), b""),
    ]


def test_an_empty_value_in_a_pax_header_is_none() -> None:
    empty = pax(path=b"", linkpath=b"", size=b"", mtime=b"")
    assert first(empty + block(b"short", b"2", target=b"to", mtime=b"5")) == Member("short", "link", 0, 0o644, 5, "to")


def test_a_pax_header_for_all_is_passed_over() -> None:
    everywhere = block(b"pax", b"g", b"13 path=long\n")
    assert first(everywhere + block(b"short", b"0")).path == "short"


@pytest.mark.parametrize(("value", "mtime"), [(b"-1", -1), (b"-1.5", -2), (b"-0.0", 0), (b"7.", 7), (b"7.999", 7)])
def test_a_time_is_rounded_down(value: bytes, mtime: int) -> None:
    assert first(pax(mtime=value) + block(b"a", b"0")).mtime == mtime


def test_a_time_before_the_epoch_is_kept() -> None:
    assert first(block(b"a", b"0", mtime=b"\xff" * 12)).mtime == -1


def _with_bad_checksum() -> bytes:
    return header("a", "file").replace(b"a", b"b", 1)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(_with_bad_checksum(), id="checksum"),
        pytest.param(header("a", "file")[:148] + b"        " + header("a", "file")[156:], id="no checksum"),
        pytest.param(block(b"a", b"0", size=b"\xff" * 12), id="negative size"),
        pytest.param(block(b"a", b"0", size=b"\x80" + b"\x7f" * 11), id="size beyond 63 bits"),
        pytest.param(block(b"a", b"0", size=b"00000000008\0"), id="size not octal"),
        pytest.param(block(b"a", b"0", size=b"-0000000001\0"), id="size with a sign"),
        pytest.param(block(b"a", b"0", size=b"1_1"), id="size with an underscore"),
        pytest.param(block(b"a", b"0", size=b"1 1"), id="two sizes"),
        pytest.param(block(b"a", b"0", mode=b"rwxr-xr-"), id="mode not octal"),
        pytest.param(block(b"a", b"L", size=b"%011o\0" % (64 * 1024 + 1)), id="endless name"),
        pytest.param(block(b"a", b"K", size=b"%011o\0" % (64 * 1024 + 1)), id="endless target"),
        pytest.param(block(b"a", b"x", size=b"%011o\0" % (1024 * 1024 + 1)), id="endless pax header"),
        pytest.param(block(b"a", b"x", b"99 path=a\n"), id="pax record beyond its header"),
        pytest.param(block(b"a", b"x", b"0 path=a\n"), id="pax record of no length"),
        pytest.param(block(b"a", b"x", b"9 path=ab\n"), id="pax record cut short"),
        pytest.param(block(b"a", b"x", b"7 path\n"), id="pax record without a value"),
        pytest.param(block(b"a", b"x", b"path=a\n"), id="pax record without a length"),
        pytest.param(block(b"a", b"x", b"9" * 1000 + b" path=a\n"), id="pax record of absurd length"),
        pytest.param(pax(path=b"a\0b"), id="NUL in a name"),
        pytest.param(pax(linkpath=b"a\0b"), id="NUL in a target"),
        pytest.param(pax(path=b"a" * (64 * 1024 + 1)), id="endless name in a pax header"),
        pytest.param(pax(size=b"-1") + block(b"a", b"0"), id="negative size in a pax header"),
        pytest.param(pax(size=b"9" * 19) + block(b"a", b"0"), id="absurd size in a pax header"),
        pytest.param(pax(mtime=b"1e9") + block(b"a", b"0"), id="time with an exponent"),
        pytest.param(pax(mtime=b"9" * 40) + block(b"a", b"0"), id="absurd time"),
        pytest.param(bytes(512) + header("a", "file"), id="member after the end"),
        pytest.param(b"tar: command not found\n".ljust(512), id="words"),
    ],
)
def test_what_is_no_archive_is_refused(data: bytes) -> None:
    with pytest.raises(ServerFailure, match="the archive from the host is broken: "):
        read([data])


def test_what_follows_the_end_is_not_looked_at() -> None:
    assert read([ending(0), b"rubbish" * 1000]) == ([], True)


def _sample() -> list[tuple[Member, bytes]]:
    return [
        (Member("directory", "directory", 0, 0o755, 1), b""),
        (Member("l" * 200, "file", 513, 0o644, 2), b"x" * 513),
        (Member("link", "link", 0, 0o777, 3, "t" * 101), b""),
        (Member("empty", "file", 0, 0o600, 4), b""),
    ]


def _in_pax() -> bytes:
    return (
        pax(path=b"l" * 200, size=b"513", mtime=b"2") + block(b"l", b"0", b"x" * 513)
        + pax(linkpath=b"t" * 101) + block(b"link", b"2") + ending(0)
    )  # fmt: skip


@pytest.mark.parametrize("data", [archive_of(_sample()), _in_pax()], ids=["gnu", "pax"])
def test_an_archive_cut_anywhere_is_not_complete_and_has_no_wrong_member(data: bytes) -> None:
    whole, _ = read([data])
    end = len(data.rstrip(b"\0"))
    first_empty_block = next(place for place in range(-(-end // 512) * 512, len(data), 512) if not any(data[place:]))
    for place in range(first_empty_block + 512):
        found, complete = read([data[:place]])
        assert not complete
        assert [member for member, _ in found] == [member for member, _ in whole[: len(found)]]
        assert all(body == whole[index][1] for index, (_, body) in enumerate(found[:-1]))
        assert not found or whole[len(found) - 1][1].startswith(found[-1][1])


def test_one_empty_block_at_the_end_is_enough() -> None:
    data = header("a", "file") + bytes(512)
    assert read([data])[1]
    assert read([data + bytes(100)])[1]
    assert not read([data + b"rubbish"])[1]


def refused_or_read(data: bytes) -> None:
    try:
        for member, body in read([data])[0]:
            assert "\0" not in member.path + member.target
            assert len(body) <= member.size
    except ServerFailure:
        pass


@given(st.binary(max_size=3000))
def test_random_bytes_are_refused_or_read(data: bytes) -> None:
    refused_or_read(data)


@given(
    st.sampled_from([archive_of(_sample()), _in_pax()]),
    st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 7)), min_size=1, max_size=3),
)
def test_flipped_bits_are_refused_or_read(data: bytes, flips: list[tuple[int, int]]) -> None:
    flipped = bytearray(data)
    for place, bit in flips:
        flipped[place % len(data)] ^= 1 << bit
    refused_or_read(bytes(flipped))


fields = st.one_of(st.binary(max_size=12), st.from_regex(rb"\A[0-7 \0]{0,12}\Z"), st.just(b"\x80" + b"\xff" * 7))


@given(
    st.lists(
        st.tuples(
            st.binary(max_size=100),
            st.sampled_from([bytes([kind]) for kind in b"\x000123457xgLKSDZ"]),
            st.one_of(
                st.binary(max_size=40),
                st.from_regex(rb"\A([0-9]{1,2} (path|linkpath|size|mtime|GNU.sparse.x)=[-0-9.]{0,6}\n){0,3}\Z"),
            ),
            st.dictionaries(st.sampled_from(["mode", "size", "mtime", "target", "magic"]), fields.map(lambda f: f[:8])),
        ),
        max_size=5,
    )
)
def test_headers_of_nonsense_with_a_right_checksum_are_refused_or_read(
    heads: list[tuple[bytes, bytes, bytes, dict[str, bytes]]],
) -> None:
    refused_or_read(b"".join(block(path, kind, body, **given) for path, kind, body, given in heads))


def test_a_long_name_may_come_byte_by_byte() -> None:
    name = "n" * 60_000
    data = header(name, "file", size=1) + b"x" + padding(1) + ending(0)
    assert read(data[place : place + 1] for place in range(len(data)))[0][0][0].path == name
