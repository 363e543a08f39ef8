"""`fleetctl put` and `get` against scp, sftp, rsync and tar, in turns on one sshd with one cipher.

python -m tests.benchmarks.files [big|disk|fanout|tree|latency|memory]... [ROUNDS]

Every destination is new for each process, and what has arrived is counted after it. All but `disk` stays in memory
where there is enough of it: a disk may be slower than any of these programs, and none of the others waits for it.
"""

from __future__ import annotations

import json
import os
import random
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.benchmarks.fleet import Fleet, fleet
from tests.benchmarks.measure import Command, Cost, cost, take_turns
from tests.benchmarks.peers.openssh import OpenSsh
from tests.support.fleetctl import SCRIPT
from tests.support.slow_link import delayed
from tests.support.sshd import serve

HOSTS = 20
ROUNDS = 3
MIB = 1 << 20
SMALL = range(1024, 8 * 1024 + 1)
IN_MEMORY = Path("/dev/shm")
ENOUGH = 8 * 1024 * MIB
ROUND_TRIP = 0.05
FILES_FAR_AWAY = 400
"""scp -r needs more than a minute for them at ROUND_TRIP."""


@dataclass(frozen=True)
class Load:
    """What is moved: so many files, and bytes in them."""

    files: int
    size: int

    def __mul__(self, hosts: int) -> Load:
        return Load(self.files * hosts, self.size * hosts)


@dataclass(frozen=True)
class Disk:
    """A directory of ours and one of the account that the server serves; `arrivals` in each is for what is moved."""

    near: Path
    far: Path
    user: str

    @property
    def got(self) -> Path:
        return self.near / "arrivals"

    @property
    def put(self) -> Path:
        return self.far / "arrivals"

    def clear(self) -> None:
        """Take away what has arrived, and let nothing that is still to be written slow down what comes next."""
        for directory in (self.got, self.put):
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir()
        if os.geteuid() == 0:
            shutil.chown(self.put, self.user)
        os.sync()

    def expect(self, load: Load) -> None:
        """Raises: RuntimeError when something else has arrived."""
        files = size = 0
        for top in (self.got, self.put):
            for directory, _, names in os.walk(top):
                files += len(names)
                size += sum(Path(directory, name).stat().st_size for name in names)
        if Load(files, size) != load:
            raise RuntimeError(f"{files} files of {size} bytes have arrived, and not {load}")

    def file(self, name: str, size: int) -> Load:
        """Make a file of random bytes, the same on both sides."""
        with (self.near / name).open("wb") as file:
            for _ in range(size // MIB):
                file.write(os.urandom(MIB))
        os.link(self.near / name, self.far / name)
        return Load(1, size)

    def tree(self, name: str, files: int, directories: int) -> Load:
        """Make a tree of small files, the same on both sides."""
        chance = random.Random(files)
        size = 0
        for number in range(files):
            path = self.near / name / f"{number % directories:02}" / f"{number:05}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            size += path.write_bytes(chance.randbytes(chance.choice(SMALL)))
        shutil.copytree(self.near / name, self.far / name, copy_function=os.link)
        return Load(files, size)

    def per_host(self, source: str) -> Path:
        """A directory with a directory per host, for put --per-host: the hosts share one home, so names differ."""
        top = self.near / f"{source}-per-host"
        for number in range(1, HOSTS + 1):
            host = f"h{number:03}"
            (top / host).mkdir(parents=True)
            place = top / host / f"{host}-{source}"
            if (self.near / source).is_dir():
                shutil.copytree(self.near / source, place, copy_function=os.link)
            else:
                os.link(self.near / source, place)
        return top


@dataclass(frozen=True)
class Bench:
    """Where it is measured. `inventory` and `peer` lead to the same host."""

    served: Fleet
    disk: Disk
    inventory: Path
    peer: OpenSsh

    def ours(self, verb: str, *words: str | Path) -> Command:
        return (SCRIPT, verb, "-i", self.inventory, *words)

    def ours_alone(self, verb: str, *words: str | Path) -> Command:
        return self.ours(verb, "-t", "h001", *words)


def big(bench: Bench, rounds: int) -> None:
    disk, peer = bench.disk, bench.peer
    load = disk.file("big", 1024 * MIB)
    here, there, batch = disk.near / "big", disk.far / "big", disk.near / "batch"
    put = {
        "fleetctl": bench.ours_alone("put", here, disk.put / "big"),
        "scp": peer.scp(here, peer.at(disk.put / "big")),
        "sftp": peer.sftp(batch, f"put {here} {disk.put}/big\n"),
        "rsync": peer.rsync(here, peer.at(disk.put / "big")),
    }
    compare(bench, "1 GiB to one host", load, put, rounds)
    get = {
        "fleetctl": bench.ours_alone("get", there, disk.got),
        "scp": peer.scp(peer.at(there), disk.got / "big"),
        "sftp": peer.sftp(batch, f"get {there} {disk.got}/big\n"),
        "rsync": peer.rsync(peer.at(there), disk.got / "big"),
    }
    compare(bench, "1 GiB from one host", load, get, rounds)


def disk(bench: Bench, rounds: int) -> None:
    """What is fetched is brought to disk by us; peers are made to do so, too."""
    at, peer = bench.disk, bench.peer
    load = at.file("big", 1024 * MIB)
    here, there = at.got / "big", at.far / "big"
    commands = {
        "fleetctl": bench.ours_alone("get", there, at.got),
        "scp, sync": synced(peer.scp(peer.at(there), here), here),
        "rsync, sync": synced(peer.rsync(peer.at(there), here), here),
    }
    compare(bench, "1 GiB from one host, brought to disk", load, commands, rounds)


def synced(command: Command, file: Path) -> Command:
    """The command, and then `sync FILE`."""
    return ("sh", "-c", f'"$@" && sync {shlex.quote(str(file))}', "sh", *command)


def fanout(bench: Bench, rounds: int) -> None:
    disk, peer = bench.disk, replace(bench.peer, host="{}")
    load = disk.file("medium", 100 * MIB)
    scp = peer.scp(disk.near / "medium", peer.at(disk.put / "{}"))
    commands = {
        "fleetctl": bench.ours("put", "-f", str(HOSTS), "-r", "--per-host", disk.per_host("medium"), disk.put),
        "xargs scp": ("xargs", f"-P{HOSTS}", "-a", bench.served.addresses, "-I{}", *scp),
    }
    compare(bench, f"100 MiB to {HOSTS} hosts, all at once", load * HOSTS, commands, rounds)


def tree(bench: Bench, rounds: int) -> None:
    load = bench.disk.tree("tree", 5000, 50)
    compare_trees(bench, "tree", f"{load.files:,} files", load, rounds)


def latency(bench: Bench, _: int) -> None:
    load = bench.disk.tree("far-away", FILES_FAR_AWAY, 10)
    with far_away(bench) as slow:
        compare_trees(slow, "far-away", f"{load.files} files, {ROUND_TRIP * 1000:.0f} ms away", load, 1, warm_up=0)


def memory(bench: Bench, _: int) -> None:
    with homes(bench) as apart:
        measure_memory(bench, apart)


def measure_memory(bench: Bench, apart: Path) -> None:
    """`apart` is an inventory of as many hosts, each of them with a home of its own."""
    disk = bench.disk
    one, many = disk.file("memory-big", 1024 * MIB), disk.tree("memory", 10_000, 100)
    per_host = disk.per_host("memory")
    commands = {
        "1 GiB to one host": (one, bench.ours_alone("put", disk.near / "memory-big", disk.put / "big")),
        "1 GiB from one host": (one, bench.ours_alone("get", disk.far / "memory-big", disk.got)),
        "10,000 files to 20 hosts": (many * HOSTS, (SCRIPT, "put", "-i", apart, "-r", disk.near / "memory", ".")),
        "to each its own": (many * HOSTS, bench.ours("put", "-r", "--per-host", per_host, disk.put)),
        "10,000 files from 20 hosts": (many * HOSTS, bench.ours("get", "-r", disk.far / "memory", disk.got)),
    }
    print(f"\n{'':<28}{'peak MiB':>9}{'CPU s':>8}{'wall s':>8}")
    for name, (load, command) in commands.items():
        disk.clear()
        done = cost(command)
        disk.expect(load)
        print(f"{name:<28}{done.peak:>9.0f}{done.cpu:>8.2f}{done.wall:>8.2f}", flush=True)


def compare_trees(bench: Bench, name: str, title: str, load: Load, rounds: int, warm_up: int = 1) -> None:
    disk, peer = bench.disk, bench.peer
    here, there = disk.near / name, disk.far / name
    put = {
        "fleetctl": bench.ours_alone("put", "-r", here, disk.put),
        "scp -r": peer.scp("-r", here, peer.at(disk.put)),
        "tar | tar": peer.tar_there(here, disk.put),
        "rsync -a": peer.rsync("-a", here, peer.at(disk.put)),
    }
    compare(bench, f"{title}, to one host", load, put, rounds, warm_up)
    get = {
        "fleetctl": bench.ours_alone("get", "-r", there, disk.got),
        "scp -r": peer.scp("-r", peer.at(there), disk.got),
        "tar | tar": peer.tar_here(there, disk.got),
        "rsync -a": peer.rsync("-a", peer.at(there), disk.got),
    }
    compare(bench, f"{title}, from one host", load, get, rounds, warm_up)


def compare(
    bench: Bench, title: str, load: Load, commands: Mapping[str, Command], rounds: int, warm_up: int = 1
) -> None:
    """Measure the commands whose programs are here, and print a table. The peak is that of the largest process."""
    present = {name: command for name, command in commands.items() if shutil.which(command[0])}
    disk = bench.disk
    costs = take_turns(present, rounds, disk.clear, lambda: disk.expect(load), warm_up)
    disk.clear()
    ours = costs["fleetctl"]
    print(f"\n{title}, in {disk.near.parents[1]}, {'one round' if rounds == 1 else f'medians of {rounds} rounds'}")
    heading = f"{'':<12}{'wall s':>8}{'MB/s':>8}{'files/s':>9}{'CPU s':>8}{'MiB':>6}"
    print(f"{heading}{'its wall / ours':>17}{'our CPU / its':>15}")
    for name, one in costs.items():
        print(f"{name:<12}{_figures(one, load)}{one.wall / ours.wall:>17.2f}{ours.cpu / one.cpu:>15.2f}", flush=True)
    for name in commands.keys() - present.keys():
        print(f"{name:<12}not installed: left out")


def _figures(one: Cost, load: Load) -> str:
    speed = f"{load.size / 1e6 / one.wall:>8.1f}{load.files / one.wall:>9.1f}"
    return f"{one.wall:>8.2f}{speed}{one.cpu:>8.2f}{one.peak:>6.0f}"


@contextmanager
def far_away(bench: Bench) -> Iterator[Bench]:
    """The same server behind a line with a long round trip."""
    server = bench.served.server
    with delayed(("127.0.0.1", server.port), ROUND_TRIP) as port, tempfile.TemporaryDirectory() as directory:
        address = "127.0.0.1"
        known = replace(server, port=port).known_hosts(Path(directory, "known_hosts"), [address], ("ed25519",))
        login = {"user": server.user, "port": port, "keys": [str(server.key())], "known_hosts": str(known)}
        inventory = Path(directory, "inventory.yaml")
        inventory.write_text(json.dumps({"defaults": login, "hosts": {"h001": {"address": address}}}))
        peer = replace(bench.peer, host=address, port=port, known_hosts=known)
        yield replace(bench, inventory=inventory, peer=peer)


@contextmanager
def homes(bench: Bench) -> Iterator[Path]:
    """The same account on a second server, where each host begins in a directory of its own. Yields: the inventory."""
    first = bench.served.server
    begin = f"set -- $SSH_CONNECTION; mkdir -p {bench.disk.put}/$3; cd {bench.disk.put}/$3"
    sftp = f'[ "$SSH_ORIGINAL_COMMAND" != internal-sftp ] || exec {sftp_server()}'
    config = (f'ForceCommand {begin} && {{ {sftp}; exec sh -c "$SSH_ORIGINAL_COMMAND"; }}',)
    with (
        tempfile.TemporaryDirectory() as directory,
        serve(first.account, first.keys, first.host_keys, config) as server,
    ):
        yield server.inventory(Path(directory), HOSTS)


def sftp_server() -> Path:
    """OpenSSH's own, wherever the system has it. Raises: RuntimeError when it has none."""
    for directory in ("/usr/lib/openssh", "/usr/libexec/openssh", "/usr/lib/ssh", "/usr/libexec"):
        if Path(directory, "sftp-server").exists():
            return Path(directory, "sftp-server")
    raise RuntimeError("OpenSSH's sftp-server is nowhere to be found")


@contextmanager
def bench_in(served: Fleet, parent: Path) -> Iterator[Bench]:
    """New directories below `parent`, for one part."""
    with tempfile.TemporaryDirectory(prefix="fleetctl-bench-", dir=parent) as directory:
        server = served.server
        disk = Disk(Path(directory, "near"), Path(directory, "far"), server.user)
        Path(directory).chmod(0o755)
        for side in (disk.near, disk.far):
            side.mkdir()
        address = server.addresses(1)[0]
        peer = OpenSsh(address, server.port, server.user, server.key(), served.known_hosts)
        yield Bench(served, disk, served.inventory, peer)


def on_disk() -> Path:
    return Path(tempfile.gettempdir())


def in_memory() -> Path:
    enough = IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free >= ENOUGH
    return IN_MEMORY if enough else on_disk()


PARTS = {
    "big": (big, in_memory),
    "disk": (disk, on_disk),
    "fanout": (fanout, in_memory),
    "tree": (tree, in_memory),
    "latency": (latency, in_memory),
    "memory": (memory, in_memory),
}


def main() -> None:
    words = sys.argv[1:]
    rounds = int(words.pop()) if words and words[-1].isdigit() else ROUNDS
    if not PARTS.keys() >= set(words):
        sys.exit(__doc__)
    with fleet(HOSTS) as served:
        for name in words or PARTS:
            measure, parent = PARTS[name]
            with bench_in(served, parent()) as bench:
                measure(bench, rounds)


if __name__ == "__main__":
    main()
