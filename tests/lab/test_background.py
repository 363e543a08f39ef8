"""`fleetctl lab up`, `status` and `down`: one background process, found again, and never two."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncssh
import pytest

from fleetctl import lab
from fleetctl.errors import FleetError, UsageError
from fleetctl.lab import background, state
from tests.support.fleetctl import SCRIPT, Fleetctl
from tests.support.processes import command_line


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """Where a lab may be; it is down when the test is over."""
    directory = tmp_path / "lab"
    yield directory
    lab.down(directory)


@pytest.fixture
def command(fleetctl: Fleetctl) -> Iterator[Fleetctl]:
    yield fleetctl
    fleetctl("lab", "down")


def kill(directory: Path) -> None:
    """End the lab's process so that it can tidy up nothing."""
    found = lab.status(directory)
    assert found is not None
    with (directory / "state.json").open("rb") as file:
        os.kill(found.pid, signal.SIGKILL)
        assert state.ended(file.fileno(), 20)


def test_a_lab_is_up_and_then_down(directory: Path) -> None:
    assert lab.status(directory) is None
    found = lab.up(3, password=True, latency=0.001, directory=directory)
    assert (found.hosts, found.password, found.latency) == (("lab01", "lab02", "lab03"), True, 0.001)
    assert lab.status(directory) == found
    assert lab.down(directory)
    assert lab.status(directory) is None
    assert not directory.exists()
    assert not command_line(found.pid)
    assert not lab.down(directory)


def test_its_process_is_detached(directory: Path) -> None:
    found = lab.up(1, directory=directory)
    assert os.getsid(found.pid) != os.getsid(0)
    for stream in (0, 1, 2):
        target = Path(f"/proc/{found.pid}/fd/{stream}").readlink()
        assert target == (Path(os.devnull) if stream == 0 else directory / "log")


def test_no_secret_is_in_its_command_line_log_or_state(directory: Path) -> None:
    found = lab.up(1, password=True, directory=directory)
    secret = (directory / "password").read_text().strip()
    assert secret not in command_line(found.pid) + (directory / "log").read_text() + repr(found)
    assert secret.encode() not in Path(f"/proc/{found.pid}/environ").read_bytes()


def test_everything_it_writes_is_its_owners_alone(directory: Path) -> None:
    lab.up(1, password=True, directory=directory)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir() if path.is_file()}
    assert set(modes.values()) == {0o600}
    assert {"log", "state.json", "client_key", "password"} <= set(modes)


def test_a_second_lab_in_the_same_place_is_refused(directory: Path) -> None:
    found = lab.up(1, directory=directory)
    with pytest.raises(UsageError, match="already up") as refused:
        lab.up(2, directory=directory)
    assert f"-i {found.inventory}" in refused.value.hint
    assert "fleetctl lab down" in refused.value.hint
    assert lab.status(directory) == found


def test_of_two_raised_at_once_one_is_told_that_the_other_is_up(directory: Path) -> None:
    with ThreadPoolExecutor() as threads:
        raised = [threads.submit(lab.up, hosts, directory=directory) for hosts in (1, 2)]
    refusals = [error for one in raised if (error := one.exception()) is not None]
    found = lab.status(directory)
    assert found is not None
    assert [str(error) for error in refusals] == [f"a lab is already up in {directory}"]
    assert isinstance(refusals[0], UsageError)
    assert f"-i {found.inventory}" in refusals[0].hint


def test_a_lab_that_cannot_start_says_why(command: Fleetctl) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", 'ulimit -n 64; exec "$0" lab up --hosts 200', SCRIPT],
        env=command.environment(None), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "the lab did not start: Too many open files" in done.stderr
    assert "ulimit -n" in done.stderr
    assert command("lab", "up", "--hosts", "1").exit_code == 0


def test_a_mistake_in_its_process_is_told_as_ours(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import fleetctl.lab.inside\nfleetctl.lab.inside.Lab.__enter__ = lambda _: 1 // 0\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(FleetError, match="did not start: ZeroDivisionError") as failed:
        lab.up(1, directory=directory)
    assert "fault of fleetctl" in failed.value.hint


def test_a_process_that_dies_without_a_word_leaves_its_log(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import os\nos.write(2, b'out of luck\\n')\nos._exit(1)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(FleetError, match="did not start: out of luck") as failed:
        lab.up(1, directory=directory)
    assert failed.value.hint == f"see {directory / 'log'}"
    assert (directory / "log").exists()


def test_a_start_that_takes_too_long_is_given_up(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "_START_SECONDS", 0.001)
    with pytest.raises(FleetError, match="did not start"):
        lab.up(1, directory=directory)


def test_a_killed_lab_is_down_and_can_be_raised_again(directory: Path) -> None:
    lab.up(2, directory=directory)
    kill(directory)
    assert (directory / "state.json").exists()
    assert lab.status(directory) is None
    again = lab.up(1, directory=directory)
    assert lab.status(directory) == again
    assert again.hosts == ("lab01",)


def test_what_a_killed_lab_left_is_cleared_away(directory: Path) -> None:
    lab.up(1, directory=directory)
    kill(directory)
    assert not lab.down(directory)
    assert not directory.exists()


def test_the_number_of_another_process_in_a_stale_file_harms_nobody(directory: Path) -> None:
    lab.up(1, directory=directory)
    kill(directory)
    path = directory / "state.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pid": os.getpid()}))
    assert lab.status(directory) is None
    assert not lab.down(directory)


def test_a_file_of_somebody_else_stays_and_is_told(command: Fleetctl) -> None:
    directory = command.home / ".local/state/fleetctl/lab"
    assert command("lab", "up", "--hosts", "1").exit_code == 0
    (directory / "mine").write_text("kept")
    down = command("lab", "down")
    assert (down.exit_code, down.stdout) == (0, "the lab is down\n")
    assert f"{directory / 'mine'}" in down.stderr
    assert {path.name for path in directory.iterdir()} == {"mine", "lock"}
    assert command("lab", "up", "--hosts", "1").exit_code == 0
    assert (directory / "mine").read_text() == "kept"


def test_nothing_is_said_of_a_directory_that_became_empty(command: Fleetctl) -> None:
    command("lab", "up", "--hosts", "1")
    assert command("lab", "down").stderr == ""


def test_down_leaves_a_directory_alone_that_is_no_lab(tmp_path: Path) -> None:
    (tmp_path / "hosts").mkdir()
    (tmp_path / "state.json").write_text("{}")
    assert not lab.down(tmp_path)
    with pytest.raises(UsageError, match="in use"):
        lab.up(1, directory=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"hosts", "state.json"}


def test_without_asyncssh_up_says_what_to_install(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    with pytest.raises(UsageError) as missing:
        lab.up(1, directory=directory)
    assert "fleetctl[lab]" in missing.value.hint
    assert not directory.exists()


def test_much_output_passes_in_bounded_memory(directory: Path) -> None:
    found = lab.up(1, directory=directory)
    size = 200_000_000

    async def read() -> int:
        received = 0
        port = int((directory / "known_hosts").read_text().partition("]:")[2].split()[0])
        key = str(directory / "client_key")
        async with asyncssh.connect("127.0.0.1", port, client_keys=[key], known_hosts=None, config=None) as connection:
            process = await connection.create_process(f"head -c {size} /dev/zero", encoding=None)
            while data := await process.stdout.read(1_000_000):
                received += len(data)
        return received

    assert asyncio.run(read()) == size
    status = Path(f"/proc/{found.pid}/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    assert int(peak.split()[1]) < 120_000


def test_the_installed_command_raises_and_ends_a_lab(command: Fleetctl) -> None:
    assert command("lab", "status").exit_code == 1
    up = command("lab", "up", "--hosts", "3", "--password")
    assert up.exit_code == 0
    inventory = up.stdout.split(" -i ")[1].split()[0]
    assert inventory in command("lab", "status").stdout
    ran = command("run", "-i", inventory, "-o", "json", "hostname")
    assert [host["status"] for host in ran.json["hosts"]] == ["ok"] * 3
    assert command("lab", "up").exit_code == 2
    assert command("lab", "down").exit_code == 0
    assert command("lab", "status").exit_code == 1
    assert not Path(inventory).exists()
