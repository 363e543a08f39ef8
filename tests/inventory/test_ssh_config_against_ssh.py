"""What we read out of an ssh_config is what OpenSSH itself reads out of it: `ssh -G` is asked about the same files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetctl.inventory.ssh_config import Said, SshConfig, sources
from fleetctl.inventory.ssh_config.tokens import local_user

HOSTS = ("a", "ab", "b", "a.b", "b.example.com", "10.0.0.1", "AB")
PATTERNS = ("*", "a", "a*", "?", "?b", "*.b", "b", "!a", "!*.example.com", "*.example.com", "10.0.*", "A*", "a.b")
CRITERIA = (
    "all", "host a*", "host real,b", "originalhost a", "originalhost !a,*", "user joe", "!user joe", "user *,!ann",
    "localuser nobody", "exec true", "exec false", "!exec false host b*", "final", "final host real", "!final",
)  # fmt: skip
DIRECTIVES = (
    "HostName real", "HostName %h.example.com", "User joe", "User=ann", 'User "joe"  # who', "Port 1", "Port = 2",
    "IdentityFile /one", "IdentityFile /two", "identityfile none", "CertificateFile /cert", "HostKeyAlias alias",
    "ConnectTimeout 5", "connecttimeout 1m", "ServerAliveInterval 15", "ServerAliveCountMax 7", "AddressFamily inet",
    "BindAddress 192.0.2.1", "IdentitiesOnly yes", "IdentitiesOnly no", "ProxyJump hop", "ProxyJump me@hop:23,other",
    "ProxyCommand nc %h %p # x", "ProxyCommand none", "SetEnv A=b C=d", 'SetEnv "A=e f"', "UserKnownHostsFile /u /v",
    "GlobalKnownHostsFile /g", "StrictHostKeyChecking yes", "StrictHostKeyChecking accept-new", "ForwardAgent yes",
)  # fmt: skip

Told = dict[str, object]


@pytest.fixture(scope="module")
def ssh() -> str:
    found = shutil.which("ssh")
    if found is None:
        pytest.fail("OpenSSH's ssh is not installed: `sh .ci/need sshd` installs it or says how")
    return found


def asked_of_ssh(ssh: str, file: Path, host: str) -> Told:
    """What OpenSSH makes of a file."""
    ran = subprocess.run([ssh, "-G", "-F", file, host], capture_output=True, text=True, timeout=30, check=True)
    lines: dict[str, list[str]] = {}
    for line in ran.stdout.splitlines():
        keyword, _, value = line.partition(" ")
        lines.setdefault(keyword, []).append(value)

    def one(keyword: str, nothing: str = "") -> str:
        return lines.get(keyword, [nothing])[0]

    defaults = "id_" in one("identityfile")
    return {
        "user": one("user"),
        "address": one("hostname"),
        "port": one("port"),
        "keys": () if defaults else tuple(file for file in lines["identityfile"] if file != "none"),
        "certificates": tuple(lines.get("certificatefile", ())),
        "host_key_alias": one("hostkeyalias"),
        "connect_timeout": one("connecttimeout").replace("none", ""),
        "keepalive": re.sub("^0$", "", one("serveraliveinterval")),
        "keepalive_count": one("serveralivecountmax"),
        "address_family": one("addressfamily"),
        "bind_address": one("bindaddress"),
        "identities_only": one("identitiesonly"),
        "jump": one("proxyjump"),
        "proxy_command": one("proxycommand"),
        "send_env": sorted(lines.get("setenv", ())),
        "known_hosts": f"{re.sub('.*/.ssh/.*', '', one('userknownhostsfile'))} {one('globalknownhostsfile')}".strip(),
        "host_key_policy": one("stricthostkeychecking").replace("true", "strict").replace("ask", "strict"),
        "forward_agent": one("forwardagent"),
    }  # fmt: skip


def read_by_us(file: Path, host: str) -> Told:
    """The same out of our settings."""
    found = {key: one.value for key, one in SshConfig(sources(file)).settings(host, Said()).items()}

    def flag(name: str) -> str:
        return "yes" if found.get(name) else "no"

    known = [str(one) for one in found.get("known_hosts", ("/home/.ssh/", "/etc/ssh/ssh_known_hosts"))]
    everybodys = "/etc/ssh/ssh_known_hosts"
    spelled = [f"{everybodys} {everybodys}2" if one == everybodys else one for one in known if "/.ssh/" not in one]
    return {
        "user": found.get("user", local_user()),
        "address": found.get("address", host.lower()),
        "port": str(found.get("port", 22)),
        "keys": found.get("keys", ()),
        "certificates": found.get("certificates", ()),
        "host_key_alias": found.get("host_key_alias", ""),
        "connect_timeout": f"{found['connect_timeout']:g}" if "connect_timeout" in found else "",
        "keepalive": f"{found['keepalive']:g}" if "keepalive" in found else "",
        "keepalive_count": str(found.get("keepalive_count", 3)),
        "address_family": str(found.get("address_family", "any")),
        "bind_address": found.get("bind_address", ""),
        "identities_only": flag("identities_only"),
        "jump": ",".join(found.get("jump", ())),
        "proxy_command": found.get("proxy_command", ""),
        "send_env": sorted(f"{key[9:]}={value}" for key, value in found.items() if key.startswith("send_env.")),
        "known_hosts": " ".join(spelled),
        "host_key_policy": str(found.get("host_key_policy", "strict")),
        "forward_agent": flag("forward_agent"),
    }


directives = st.lists(st.sampled_from(DIRECTIVES), max_size=4)
blocks = st.one_of(
    directives.map(lambda lines: [*lines]),
    st.tuples(st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=3), directives).map(
        lambda pair: [f"Host {' '.join(pair[0])}", *(f"  {line}" for line in pair[1])]
    ),
    st.tuples(st.sampled_from(CRITERIA), directives).map(
        lambda pair: [f"Match {pair[0]}", *(f"\t{line}" for line in pair[1])]
    ),
)
files = st.lists(blocks, max_size=5).map(lambda some: [line for block in some for line in block])


@st.composite
def trees(draw: st.DrawFn) -> list[list[str]]:
    """A file, and two more that are included by the files before them."""
    found = [draw(files) for _ in range(3)]
    for number in (0, 1):
        for _ in range(draw(st.integers(0, 2))):
            place = draw(st.integers(0, len(found[number])))
            found[number].insert(place, f"Include DIRECTORY/{number + 1}*")
    return found


def write(directory: Path, tree: Sequence[Sequence[str]]) -> Path:
    for number, lines in enumerate(tree):
        path = directory / f"{number}.conf"
        path.write_text("".join(f"{line}\n" for line in lines).replace("DIRECTORY", str(directory)))
        path.chmod(0o600)
    return directory / "0.conf"


@settings(max_examples=80)
@given(tree=trees(), host=st.sampled_from(HOSTS))
def test_files_put_together_at_random_mean_to_us_what_they_mean_to_ssh(
    tmp_path_factory: pytest.TempPathFactory, ssh: str, tree: list[list[str]], host: str
) -> None:
    directory = tmp_path_factory.getbasetemp() / f"ssh-config-{os.getpid()}"
    directory.mkdir(exist_ok=True)
    file = write(directory, tree)
    assert read_by_us(file, host) == asked_of_ssh(ssh, file, host)


@pytest.mark.parametrize(
    "text",
    [
        "Host [a] a\n User one",
        "Host a,b\n User one\nHost b\n User two",
        "Host=a\nUser=me\nHost = b\n Port = 23",
        "Match host=b\n User one\nMatch host b # comment\n Port 7",
        'Match host "a,b" user "joe,*"\n Port 7\nHost "a"\n User \'one\'',
        "User a#b # c",
        "User a\\\\b",
        "ProxyJump u@h:22,z # c d",
        "ProxyJump ssh://u@h:23",
        "ProxyJump none\nProxyJump x",
        "Host a\n ProxyJump none\nHost *\n ProxyCommand nc",
        "Host a\n ProxyCommand none\nHost *\n ProxyJump x",
        "SetEnv A=1 A=2\nSetEnv B=3",
        "HostName x.%h\nMatch host x*\n Port 7",
        "Host *\n HostName real\nMatch final\n Port 7\nHost real\n User two",
        "Host b\nMatch user joe\nUser joe\nMatch user joe\nPort 7",
        "\n\n   # only\n\t\n",
        "ConnectTimeout 1h2m3s",
        "UserKnownHostsFile /a /b\nUserKnownHostsFile /c",
        "Host ?\n Port 1\nHost ??\n Port 2",
        "Host **b**\n Port 1",
        "CanonicalizeHostname yes\nMatch canonical\n Port 7",
    ],
)
@pytest.mark.parametrize("host", ["a", "b", "AB"])
def test_corner_cases_mean_to_us_what_they_mean_to_ssh(ssh: str, tmp_path: Path, text: str, host: str) -> None:
    file = write(tmp_path, [text.splitlines()])
    assert read_by_us(file, host) == asked_of_ssh(ssh, file, host)


@pytest.mark.parametrize(
    "line",
    [
        "Port", "Port x", "Port 0", "Port 1 2", 'User "joe', "Match", "Match host", "Match all host x", "ProxyJump a b",
        "AddressFamily inet7", "StrictHostKeyChecking maybe", "ConnectTimeout soon", "SetEnv A", "SendEnv A=b",
    ],
)  # fmt: skip
def test_what_ssh_refuses_we_refuse(ssh: str, tmp_path: Path, line: str) -> None:
    file = write(tmp_path, [[line]])
    asked = subprocess.run([ssh, "-G", "-F", file, "a"], capture_output=True, text=True, timeout=30, check=False)
    assert asked.returncode != 0
    with pytest.raises(Exception, match=r"0\.conf:1"):
        read_by_us(file, "a")
