"""What a host tells of itself, by the script that asks it, and by answers of systems that are not here."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fleetctl.cancel import Cancel
from fleetctl.errors import StepFailed
from fleetctl.jobs.facts import _SCRIPT, FACTS, facts_in, gather
from fleetctl.ssh.any_shell import sh
from fleetctl.ssh.session import Session

SHELLS = [["sh"], ["bash"], ["tcsh"], ["fish"], ["busybox", "sh"]]
NAMES = ("disk", "release", "cpus", "meminfo", "memory", "uptime", "boottime", "system", "python", "user")
LINES = st.builds("{} {}".format, st.sampled_from(NAMES), st.text("\0aI D=\"'0123456789/%-{\r\u2028", max_size=30))
MACOS = """\
Welcome to the machine!
facts
system Darwin
kernel 23.1.0
arch arm64
hostname mac.local
user deploy
product 14.1
cpus 8
memory 17179869184
boottime 1764100100 { sec = 1764100000, usec = 96083 } Tue Nov 25 10:00:00 2025
boot_id 5E2F9C0A
disk /dev/disk3s1s1 482797652  9500000 300000000     4%    /
disk map auto_home          0        0         0   100%    /System/Volumes/Data/home
disk /dev/disk4 1000 400 -20 100% /Volumes/With Blank
end
"""


@pytest.mark.parametrize("start", [shell for shell in SHELLS if shutil.which(shell[0])])
def test_every_shell_gathers_the_same_of_this_machine(start: list[str]) -> None:
    said = subprocess.run([*start, "-c", sh(_SCRIPT, [])], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    facts = facts_in(said.stdout.decode())
    system = os.uname()
    assert sorted(facts) == sorted(FACTS)
    assert (facts["kernel"], facts["arch"], facts["hostname"]) == (system.release, system.machine, system.nodename)
    assert facts["cpus"] == os.cpu_count()
    assert facts["memory"] == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert abs(facts["uptime"] - time.clock_gettime(time.CLOCK_BOOTTIME)) < 120
    assert facts["boot_id"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert f"ID={facts['os']}\n" in Path("/etc/os-release").read_text().replace('"', "")
    (top,) = [disk for disk in facts["disks"] if disk["mount"] == "/"]
    assert top["size"] == pytest.approx(shutil.disk_usage("/").total, rel=0.01)
    assert said.stderr == b""


def test_a_session_gathers_them(session: Session, cancel: Cancel) -> None:
    facts = gather(session, cancel)
    assert facts["user"] != ""
    assert facts["python"].startswith("3")


def test_a_macos_is_understood_as_well() -> None:
    facts = facts_in(MACOS)
    assert (facts["os"], facts["os_version"], facts["os_name"]) == ("macos", "14.1", "macOS 14.1")
    assert (facts["cpus"], facts["memory"], facts["uptime"], facts["python"]) == (8, 16 * 1024**3, 100, "")
    assert [(disk["mount"], disk["used"], disk["free"]) for disk in facts["disks"]] == [
        ("/", 9500000 * 1024, 300000000 * 1024), ("/Volumes/With Blank", 400 * 1024, 0)
    ]  # fmt: skip


def test_what_a_system_cannot_tell_is_empty() -> None:
    facts = facts_in("facts\nend\n")
    assert facts == dict.fromkeys(FACTS, "") | {"cpus": 0, "memory": 0, "uptime": 0, "disks": []}


@settings(max_examples=50)
@given(lines=st.lists(LINES | st.text(max_size=30), max_size=8))
@example(lines=["release ID='\"", "disk  1 1 1 1% /"])
def test_a_hostile_answer_is_data_or_a_clear_failure(lines: list[str]) -> None:
    facts = facts_in("\n".join(["facts", *lines, "end", "more"]))
    assert {name: type(value) for name, value in facts.items()} == {
        name: {"cpus": int, "memory": int, "uptime": int, "disks": list}.get(name, str) for name in FACTS
    }


@pytest.mark.parametrize("answer", ["", "This account is not available.\n", "facts\nkernel 6", "end\nfacts\n"])
def test_no_answer_is_told_as_that(answer: str) -> None:
    with pytest.raises(StepFailed, match="the facts cannot be gathered"):
        facts_in(answer)
