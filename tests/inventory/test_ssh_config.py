"""What ssh_config says of a host: syntax, patterns, Match, Include, tokens, keywords, and what is told of the rest."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleetctl.errors import SshConfigError, UsageError
from fleetctl.inventory.ssh_config import Said, SshConfig, sources
from fleetctl.inventory.ssh_config.lines import split
from fleetctl.inventory.ssh_config.tokens import local_user
from fleetctl.model import AddressFamily, HostKeyPolicy

Settings = dict[str, Any]
ME = local_user()


class Written:
    """A home with a `.ssh/config`, and what is read from it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.warnings: list[str] = []
        (home / ".ssh").mkdir(mode=0o700)

    def __call__(self, text: str, name: str = "config") -> SshConfig:
        self.file(name, text)
        return SshConfig(sources(None)[:1], frozenset({"HIDDEN"}), self.warnings.append)

    def file(self, name: str, text: str, mode: int = 0o600) -> Path:
        path = self.home / ".ssh" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def settings(self, text: str, host: str = "web", **said: Any) -> Settings:
        found = self(text).settings(host, Said(**said))
        return {key: given.value for key, given in found.items()}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("SSH_AUTH_SOCK", "LANG"):
        monkeypatch.delenv(name, raising=False)
    return Written(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a b\tc", ("a", "b", "c")),
        ('"a b" c', ("a b", "c")),
        ("'a \"b' c", ('a "b', "c")),
        (r"a\ b c\\d \"e", ("a b", r"c\d", '"e')),
        (r"a\n", (r"a\n",)),
        ("a # b", ("a",)),
        ("a#b", ("a#b",)),
        ('a "# b"', ("a", "# b")),
        ('a"b c"d', ("ab cd",)),
        ('""', ("",)),
    ],
)
def test_arguments_are_parted_as_ssh_parts_them(text: str, words: tuple[str, ...]) -> None:
    assert split(text) == words


@pytest.mark.parametrize(
    "line", ["Port 7", "port=7", "PORT = 7", "\tPort\t7 # why", 'Port "7"', "Port   =7", "Port 7\r", "  =Port 7"]
)
def test_a_line_may_be_written_in_many_ways(config: Written, line: str) -> None:
    assert config.settings(f"# comment\n\n{line}\n") == {"port": 7}


@pytest.mark.parametrize(
    ("pattern", "host", "about"),
    [
        ("web", "web", True),
        ("web", "Web", False),
        ("w*", "web", True),
        ("*", "web", True),
        ("w?b", "web", True),
        ("w?b", "weeb", False),
        ("*.example.com", "web.example.com", True),
        ("*.example.com", "example.com", False),
        ("web[1]", "web1", False),
        ("web db", "db", True),
        ("* !web", "web", False),
        ("!web", "db", False),
        ("!w* * web", "web", False),
        ("!db *", "web", True),
        ("w.b", "web", False),
        ("w*e*b", "wxexb", True),
        ('"w*" db', "web", True),
    ],
)
def test_host_patterns(config: Written, pattern: str, host: str, about: bool) -> None:
    assert bool(config.settings(f"Host {pattern}\n Port 7\n", host)) is about


def test_the_first_value_wins_and_key_files_add_up(config: Written) -> None:
    text = """
Host web
  Port 1
  IdentityFile ~/a
Host w*
  Port 2
  User two
  IdentityFile ~/b
  IdentityFile ~/a
Host *
  User three
"""
    keys = (f"{config.home}/a", f"{config.home}/b")
    assert config.settings(text) == {"port": 1, "user": "two", "keys": keys}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("all", True),
        ("!all", False),
        ("host real", True),
        ("host REAL", True),
        ("host web", False),
        ("originalhost web", True),
        ("Host real User joe", True),
        ("user joe,ann", True),
        ("user *,!joe", False),
        ("user=joe", True),
        ("!user joe", False),
        (f"localuser {ME}", True),
        ("localuser you", False),
        ("tagged blue", True),
        ("tagged red", False),
        ("exec true", True),
        ("exec false", False),
        ("!exec false", True),
        ('exec "test %h = real -a %n = web -a %r = joe -a %p = 77 -a %u = ' + ME + '"', True),
        ('exec "test %% = %% && test $(echo hi) = hi"', True),
        ("final", True),
        ("final host real", True),
        ("canonical", False),
        ("localnetwork 127.0.0.0/8", False),
        ("!localnetwork 10.0.0.0/8", False),
        ("version OpenSSH_*", False),
        ("!sessiontype shell", False),
        ("moonphase full", False),
    ],
)
def test_match_criteria(config: Written, condition: str, holds: bool) -> None:
    text = f"HostName real\nUser joe\nPort 77\nTag blue\nMatch {condition}\n  HostKeyAlias met\n"
    assert ("host_key_alias" in config.settings(text)) is holds


@pytest.mark.parametrize("criterion", ["localnetwork", "version", "moonphase"])
def test_a_criterion_that_cannot_be_judged_is_named_where_all_else_holds(config: Written, criterion: str) -> None:
    text = f"Match {criterion} x host web\n Port 7\nMatch {criterion} x host db\n Port 8\n"
    assert config.settings(text) == {}
    (warning,) = config.warnings
    assert warning.startswith(f"~/.ssh/config:1: Match: fleetctl cannot judge `Match {criterion}`")


def test_a_command_of_match_is_run_once_without_secrets_and_only_where_it_matters(
    config: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIDDEN", "s3cret")
    log = config.home / "log"
    text = f"""
Match host nobody exec "echo no >> {log}"
Match exec "echo ran $HIDDEN >> {log}"
  Port 7
Match exec "echo ran $HIDDEN >> {log}"
  User joe
"""
    read = config(text)
    for host in ("a", "b", "c"):
        assert {key: given.value for key, given in read.settings(host, Said()).items()} == {"port": 7, "user": "joe"}
    assert log.read_text() == "ran\n"


def test_a_command_of_match_without_an_end_is_ended_and_told(config: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleetctl.inventory.ssh_config.commands._SECONDS", 0.2)
    assert config.settings('Match exec "sleep 60"\n Port 7\n') == {}
    assert config.warnings == [
        "~/.ssh/config:1: Match: Match exec: did not end within 0.2 s: what follows does not count"
    ]


def test_a_command_of_match_is_run_by_the_users_shell(config: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = config.home / "shell"
    shell.write_text('#!/bin/sh\necho "$2" > "$0.log"\n')
    shell.chmod(0o700)
    monkeypatch.setenv("SHELL", str(shell))
    assert config.settings('Match exec "test -d %d/.ssh"\n Port 7\n') == {"port": 7}
    assert (config.home / "shell.log").read_text() == f"test -d {config.home}/.ssh\n"


@pytest.mark.parametrize("user", ["a;id", "$(id)", "-x", "a b", "a\nb"])
def test_what_a_shell_would_take_for_more_is_never_put_into_a_command(config: Written, user: str) -> None:
    log = config.home / "log"
    assert config.settings(f'Match exec "echo %r > {log}"\n Port 7\n', user=user) == {}
    assert not log.exists()
    assert "which a shell would take for more than a word" in config.warnings[0]


def test_a_name_learnt_in_the_first_reading_counts_in_the_second(config: Written) -> None:
    text = "Host web\n HostName db\n User one\nMatch final\n Port 7\n User two\nHost db\n IdentitiesOnly yes\n"
    assert config.settings(text) == {"address": "db", "user": "one", "port": 7, "identities_only": True}
    assert "identities_only" not in config.settings(text.replace("Match final", "Match user nobody"))


def test_included_files_hold_where_the_line_stands(config: Written) -> None:
    config.file("conf.d/10-b", "Port 10\nHost web\n Port 11\n User in\n")
    config.file("conf.d/20-c", "Port 20\n")
    config.file("conf.d/.hidden", "Port 30\n")
    text = "Host web\n Include conf.d/*\n BindAddress ::1\nHost *\n Port 40\n"
    assert config.settings(text) == {"port": 10, "user": "in", "bind_address": "::1"}
    assert config.settings(text, "db") == {"port": 40}
    assert config.settings("Match user joe\n Include conf.d/20-c\nMatch all\n Port 5\n", user="joe") == {"port": 20}
    assert config.settings("Match user joe\n Include conf.d/20-c\nMatch all\n Port 5\n", user="ann") == {"port": 5}


@pytest.mark.parametrize(
    "name", ["conf.d/one", "~/.ssh/conf.d/one", "{home}/.ssh/conf.d/one", "${{HOME}}/.ssh/conf.d/o*"]
)
def test_included_names_may_be_relative_or_begin_at_a_home(config: Written, name: str) -> None:
    config.file("conf.d/one", "Port 7\n")
    assert config.settings(f"Include nothing/* {name.format(home=config.home)}\n") == {"port": 7}


def test_files_that_include_each_other_are_told(config: Written) -> None:
    with pytest.raises(SshConfigError, match="more than 16 files deep: do they include each other"):
        config.settings("Include config\n")


def test_a_file_that_others_can_write_to_is_refused(config: Written) -> None:
    read = config("Port 7\n")
    path = config.home / ".ssh" / "config"
    path.chmod(0o606)
    with pytest.raises(SshConfigError, match=r"^~/.ssh/config: bad owner or permissions"):
        read.settings("web", Said())
    path.chmod(0o600)
    included = config.file("open", "Port 8\n", mode=0o622)
    with pytest.raises(SshConfigError, match=r"^~/.ssh/open: bad owner or permissions.*chmod go-w"):
        config.settings("Include open\n")
    included.chmod(0o644)
    assert config.settings("Include open\n") == {"port": 8}


def test_a_file_of_another_user_is_refused(config: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    read = config("Port 7\n")
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    if (config.home / ".ssh" / "config").stat().st_uid == 0:  # root's files are everybody's
        assert read.settings("web", Said())
        shutil.chown(config.home / ".ssh" / "config", 4712)
        read = SshConfig(sources(None)[:1])
    with pytest.raises(SshConfigError, match="bad owner or permissions"):
        read.settings("web", Said())


def test_files_by_default_and_by_name(config: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    own, system = sources(None)
    assert own.path == config.home / ".ssh" / "config"
    assert system.path == Path("/etc/ssh/ssh_config")
    assert sources(Path("none")) == ()
    named = config.file("other", "Port 9\n", mode=0o666)  # named on purpose, as with ssh -F
    assert SshConfig(sources(named)).settings("web", Said())["port"].value == 9
    with pytest.raises(UsageError, match="there is no such file"):
        sources(config.home / "missing")


def test_without_files_nothing_is_said(config: Written) -> None:
    assert SshConfig(sources(None)[:1]).settings("web", Said()) == {}


@pytest.mark.parametrize(
    ("line", "settings"),
    [
        ("HostName Real.example.com", {"address": "real.example.com"}),
        ("HostName %h.example.com", {"address": "web.example.com"}),
        ("HostName fe80::1%%eth0", {"address": "fe80::1%eth0"}),
        ("User joe", {"user": "joe"}),
        ("User DOMAIN\\joe", {"user": "DOMAIN\\joe"}),
        ("User %u-%n", {"user": f"{ME}-web"}),
        ("Port 2222", {"port": 2222}),
        ("IdentityFile none", {"keys": ()}),
        ("IdentityFile ~/keys/%n_%h_%r_%p", {"keys": ("{home}/keys/web_web_{me}_22",)}),
        ("IdentityFile %d/a%%b", {"keys": ("{home}/a%b",)}),
        ("IdentityFile ${HOME}/key", {"keys": ("{home}/key",)}),
        ("IdentitiesOnly yes", {"identities_only": True}),
        ("IdentityAgent none", {"agent": False}),
        ("IdentityAgent SSH_AUTH_SOCK", {"agent": False}),
        (
            'IdentityAgent "~/Group Containers/%r.sock"',
            {"agent": True, "agent_socket": "{home}/Group Containers/{me}.sock"},
        ),
        ("IdentityAgent ${HOME}/agent", {"agent": True, "agent_socket": "{home}/agent"}),
        ("IdentityAgent $HOME", {"agent": True, "agent_socket": "{home}"}),
        ("CertificateFile ~/c-cert.pub", {"certificates": ("{home}/c-cert.pub",)}),
        ("ProxyJump bastion", {"jump": ("bastion",)}),
        ("ProxyJump me@a:22,ssh://b:23/ # both", {"jump": ("me@a:22", "b:23")}),
        ("ProxyJump none", {"jump": ()}),
        ("ProxyCommand nc -X %h %p # x", {"proxy_command": "nc -X %h %p # x"}),
        ("ProxyCommand none", {"proxy_command": ""}),
        ("UserKnownHostsFile ~/a %d/b", {"known_hosts": ("{home}/a", "{home}/b", "/etc/ssh/ssh_known_hosts")}),
        ("UserKnownHostsFile none", {"known_hosts": ("/dev/null", "/etc/ssh/ssh_known_hosts")}),
        ("GlobalKnownHostsFile /g", {"known_hosts": ("{home}/.ssh/known_hosts", "/g")}),
        ("GlobalKnownHostsFile none", {"known_hosts": ("{home}/.ssh/known_hosts",)}),
        ("StrictHostKeyChecking yes", {"host_key_policy": HostKeyPolicy.STRICT}),
        ("StrictHostKeyChecking ask", {"host_key_policy": HostKeyPolicy.STRICT}),
        ("StrictHostKeyChecking accept-new", {"host_key_policy": HostKeyPolicy.ACCEPT_NEW}),
        ("HostKeyAlias other", {"host_key_alias": "other"}),
        ("ConnectTimeout 1m30", {"connect_timeout": 90.0}),
        ("ConnectTimeout 0", {}),
        ("ServerAliveInterval 15", {"keepalive": 15.0}),
        ("ServerAliveInterval 0", {}),
        ("ServerAliveCountMax 5", {"keepalive_count": 5}),
        ("ServerAliveCountMax 5000", {"keepalive_count": 100}),
        ("AddressFamily inet6", {"address_family": AddressFamily.INET6}),
        ("BindAddress 192.0.2.1", {"bind_address": "192.0.2.1"}),
        ("Ciphers aes128-ctr,aes256-ctr", {"ciphers": ("aes128-ctr", "aes256-ctr")}),
        ("KexAlgorithms +a,b", {"key_exchanges": ("+a", "b")}),
        ("MACs -hmac*", {"macs": ("-hmac*",)}),
        ("HostKeyAlgorithms ^ssh-ed25519", {"host_keys": ("^ssh-ed25519",)}),
        ("PubkeyAcceptedKeyTypes ssh-ed25519", {"public_keys": ("ssh-ed25519",)}),
        ('SetEnv A=b "C=d e" A=z', {"send_env.A": "b", "send_env.C": "d e"}),
        ("ForwardAgent yes", {"forward_agent": True}),
        ("PubkeyAuthentication no", {"keys": (), "certificates": (), "agent": False}),
        ("PreferredAuthentications password", {"keys": (), "certificates": (), "agent": False}),
        ("PreferredAuthentications publickey,password", {}),
        ("PasswordAuthentication no", {}),
        (f"Match user {ME}\n Port 7", {"port": 7}),
    ],
)
def test_what_each_keyword_means(config: Written, line: str, settings: Settings) -> None:
    def whole(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(whole, value))
        return value.format(home=config.home, me=ME) if isinstance(value, str) and "{home}" in value else value

    assert config.settings(line) == {key: whole(value) for key, value in settings.items()}
    assert config.warnings == []


def test_public_keys_that_are_turned_off_take_away_key_files(config: Written) -> None:
    assert config.settings("PubkeyAuthentication no\nIdentityFile ~/a\n")["keys"] == ()


def test_variables_are_sent_by_pattern_but_for_secrets(config: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_TIME", "XA", "XB", "HIDDEN"):
        monkeypatch.setenv(name, name.lower())
    text = "SendEnv LC_* X?\nSendEnv -X*\nSendEnv XB H*DDEN\nSetEnv LC_TIME=set\n"
    assert config.settings(text) == {"send_env.LC_ALL": "lc_all", "send_env.LC_TIME": "set", "send_env.XB": "xb"}


@pytest.mark.parametrize(
    ("lines", "settings"),
    [
        ("ProxyJump a\nProxyCommand b", {"jump": ("a",)}),
        ("ProxyCommand b\nProxyJump a", {"proxy_command": "b"}),
        ("ProxyCommand none\nProxyJump a", {"proxy_command": ""}),
        ("ProxyJump none\nProxyJump a", {"jump": ()}),
    ],
)
def test_of_proxy_jump_and_proxy_command_the_first_wins(config: Written, lines: str, settings: Settings) -> None:
    assert config.settings(lines) == settings


def test_what_is_said_nearer_is_what_match_and_tokens_see(config: Written) -> None:
    text = "HostName real\nUser joe\nPort 1\nMatch user ann host 192.0.2.1\n IdentityFile /k_%r_%h_%p\n"
    settings = config.settings(text, user="ann", address="192.0.2.1", port=7)
    assert settings["keys"] == ("/k_ann_192.0.2.1_7",)
    assert "keys" not in config.settings(text)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("Port", "has no argument"),
        ("Port x", "Port: 'x' is no port"),
        ("Port 70000", "Port: '70000' is no port"),
        ("Port 1 2", "Port: takes one argument"),
        ("User -oProxyCommand=x", "User: '-oProxyCommand=x' cannot be a user's name"),
        ("User a;b", "User: 'a;b' cannot be a user's name"),
        ("HostName -x", "HostName: '-x' is no name or address"),
        ("HostName a;b", "HostName: 'a;b' is no name or address"),
        ("HostName $(id)", "HostName: '$(id)' is no name or address"),
        ("HostName %n", "HostName: %n cannot stand here"),
        ("ProxyJump -x", "ProxyJump: '-x' is no host"),
        ("ProxyJump a b", "ProxyJump: 'a b' is no host"),
        ("ProxyCommand nc %T", "ProxyCommand: %T cannot stand here"),
        ("IdentityFile ${NOT_SET}", "IdentityFile: the variable NOT_SET is not set"),
        ("IdentityFile %q", "IdentityFile: %q cannot stand here"),
        ("IdentityFile ~nobody-here/x", "IdentityFile: ~nobody-here/x: there is no such user's home"),
        ("IdentitiesOnly maybe", "IdentitiesOnly: must be yes or no, not 'maybe'"),
        ("StrictHostKeyChecking maybe", "StrictHostKeyChecking: must be one of"),
        ("ConnectTimeout soon", "ConnectTimeout: 'soon' is no time"),
        ("ServerAliveCountMax many", "ServerAliveCountMax: 'many' is no number"),
        ("AddressFamily inet7", "AddressFamily: must be one of any, inet, inet6"),
        ("BindAddress a;b", "BindAddress: 'a;b' is no address"),
        ("SetEnv A", "SetEnv: 'A' is no NAME=value"),
        ("SendEnv A=b", "SendEnv: 'A=b' is no variable's name"),
        ('User "joe', "has a quote without its end"),
        ("Match", "has no argument"),
        ("Match host", "Match: host needs an argument"),
        ("Match all host x", "Match: `all` stands alone"),
        ('"#', "cannot be read"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(config: Written, line: str, told: str) -> None:
    with pytest.raises(SshConfigError) as raised:
        config.settings(f"\n{line}\nPort 5\n")
    assert raised.value.message.startswith("~/.ssh/config:2: ")
    assert told in raised.value.message


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("StrictHostKeyChecking no", "fleetctl takes it for accept-new"),
        ("ForwardAgent $OTHER_AGENT", "it forwards none here"),
        ("GSSAPIAuthentication yes", "has no GSSAPI"),
        ("PKCS11Provider /lib/p11.so", "has no PKCS#11"),
        ("SmartcardDevice /lib/p11.so", "has no PKCS#11"),
        ("SecurityKeyProvider /lib/sk.so", "has no FIDO keys"),
        ("CanonicalizeHostname yes\nCanonicalDomains example.com", "does not try CanonicalDomains"),
        ("BindInterface eth0", "does not bind to an interface"),
        ("KnownHostsCommand /bin/keys %H", "does not ask a command"),
        ("VerifyHostKeyDNS yes", "DNS"),
        ("RevokedHostKeys /etc/revoked", "does not read revoked keys"),
        ("HostbasedAuthentication yes", "host-based"),
        ("ProxyUseFdpass yes\nProxyCommand x", "cannot take a connection"),
        ("NoHostAuthenticationForLocalhost yes", "localhost"),
        ("KbdInteractiveAuthentication no", "answers all the same"),
        ("PreferredAuthentications keyboard-interactive,publickey", "tries keys first"),
        ("LocalCommand knock\nPermitLocalCommand yes", "runs no local command"),
        ("Include conf.d/%h", "does not include"),
        ("ProxyJmp bastion", "unknown to fleetctl, and ignored"),
    ],
)
def test_what_is_not_honoured_is_told_once_for_all_hosts(config: Written, line: str, told: str) -> None:
    read = config(f"Host a b\n{line}\n")
    for host in ("a", "b", "c"):
        read.settings(host, Said())
    (warning,) = config.warnings
    assert warning.startswith("~/.ssh/config:2: ")
    assert told in warning


@pytest.mark.parametrize(
    "line",
    [
        "GSSAPIAuthentication no", "PKCS11Provider none", "SecurityKeyProvider internal", "CanonicalizeHostname yes",
        "KnownHostsCommand none", "VerifyHostKeyDNS no", "HostbasedAuthentication no", "ProxyUseFdpass yes",
        "ControlMaster auto", "ControlPath ~/%C", "Compression yes", "RequestTTY yes", "LocalForward 1 a:2",
        "RemoteCommand x", "HashKnownHosts yes", "Tag x", "LocalCommand x", "ForwardX11 yes",
        "IgnoreUnknown Use*,Moon\nUseMoon yes\nMoon full", "UseKeychain yes", "Protocol 2",
    ],
)  # fmt: skip
def test_what_does_not_change_the_way_is_passed_over_in_silence(config: Written, line: str) -> None:
    assert config.settings(f"{line}\n") == {}
    assert config.warnings == []


def test_what_does_not_concern_a_host_asked_for_is_not_told(config: Written) -> None:
    assert config.settings("Host db\n BindInterface eth0\n Port x\n") == {}
    assert config.warnings == []


def test_debians_system_wide_file_warns_of_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleetctl.inventory.ssh_config.files.SYSTEM", tmp_path)
    (tmp_path / "ssh_config").write_text(
        "Include ssh_config.d/*.conf\nHost *\n SendEnv LANG LC_*\n HashKnownHosts yes\n GSSAPIAuthentication yes\n"
    )
    (tmp_path / "ssh_config.d").mkdir()
    (tmp_path / "ssh_config.d" / "one.conf").write_text("Port 7\n")
    (tmp_path / "ssh_config.d" / "one.conf").chmod(0o644)
    monkeypatch.setenv("LANG", "C.UTF-8")
    warnings: list[str] = []
    found = SshConfig(sources(None)[1:], warn=warnings.append).settings("web", Said())
    assert {key: given.value for key, given in found.items() if "LC_" not in key} == {
        "port": 7,
        "send_env.LANG": "C.UTF-8",
    }
    assert warnings == []


def test_names_that_a_host_line_is_about(config: Written) -> None:
    read: Callable[[str], bool] = config("Host web w?b !wob\nHost *\n").names
    assert [read(name) for name in ("web", "wab", "wob", "db")] == [True, True, False, False]
