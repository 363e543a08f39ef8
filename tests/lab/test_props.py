"""The programs that make lab hosts look like a fleet."""

from __future__ import annotations

import subprocess

from hypothesis import given
from hypothesis import strategies as st

from fleetctl.lab import Lab
from fleetctl.lab.layout import host_names, role_of
from tests.support.lab_client import run


def df(lab: Lab, name: str, options: str = "") -> list[list[str]]:
    done = run(lab, name, f"df {options}")
    assert done.status == 0
    return [line.split() for line in done.stdout.decode().splitlines()]


def test_a_host_tells_its_own_name(lab: Lab) -> None:
    assert [run(lab, name, "hostname").stdout.decode().strip() for name in lab.hosts] == list(lab.hosts)


def test_hosts_of_a_role_have_the_same_disks_but_for_one_nearly_full(lab: Lab) -> None:
    tables = [df(lab, name) for name in lab.hosts]
    assert tables[0] == tables[1] == tables[2]
    assert tables[3] != tables[0]
    assert tables[3][1] == tables[4][1]
    assert tables[4][2][4] == "97%"


def test_df_understands_human_sizes_and_a_mount_point(lab: Lab) -> None:
    assert df(lab, "lab01", "-h /") == [
        ["Filesystem", "Size", "Used", "Avail", "Use%", "Mounted", "on"],
        ["/dev/vda1", "40G", "12.4G", "27.6G", "31%", "/"],
    ]


def test_sizes_of_df_add_up(lab: Lab) -> None:
    for name in ("lab01", "lab05"):
        for _, size, used, available, *_ in df(lab, name)[1:]:
            assert abs(int(used) + int(available) - int(size)) <= 1


def test_what_df_does_not_understand_goes_to_the_real_one(lab: Lab) -> None:
    real = subprocess.run(["df", "--version"], capture_output=True, check=False)
    done = run(lab, "lab01", "df --version")
    assert (done.stdout, done.status) == (real.stdout, real.returncode)


@given(st.integers(1, 2000))
def test_names_have_one_width_and_sort_as_they_count(count: int) -> None:
    names = host_names(count)
    assert len(set(names)) == count
    assert len({len(name) for name in names}) == 1
    assert sorted(names) == list(names)


@given(st.integers(1, 2000))
def test_there_is_always_a_web_host_and_web_comes_first(count: int) -> None:
    roles = [role_of(place, count) for place in range(count)]
    assert roles[0] == "web"
    assert roles == sorted(roles, reverse=True)
