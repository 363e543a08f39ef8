"""What we do not do though ssh would: which directives change the way to a host or who we are there, and what we tell.

Those that concern neither (forwardings, terminals, multiplexing, logging) are passed over without a word.
"""

from __future__ import annotations

from collections.abc import Callable

from fleetctl.inventory.ssh_config.gathered import Gathered
from fleetctl.inventory.ssh_config.lines import Line

_NO = {"no", "false"}
_NOTHING = {"none", *_NO}

_PASSED_OVER = """
addkeystoagent afstokenpassing batchmode canonicaldomains canonicalizefallbacklocal canonicalizemaxdots
canonicalizepermittedcnames channeltimeout checkhostip cipher clearallforwardings compression compressionlevel
connectionattempts controlmaster controlpath controlpersist dynamicforward enableescapecommandline enablesshkeysign
escapechar exitonforwardfailure fallbacktorsh fingerprinthash forkafterauthentication forwardx11 forwardx11timeout
forwardx11trusted gatewayports globalknownhostsfile2 gssapiclientidentity gssapikexalgorithms
gssapirenewalforcesrekey gssapiserveridentity gssapitrustdns hashknownhosts hostbasedacceptedalgorithms
ignoreunknown ipqos kbdinteractivedevices kerberosauthentication kerberostgtpassing localforward loglevel logverbose
numberofpasswordprompts obscurekeystroketiming passwordauthentication permitlocalcommand permitremoteopen protocol
rekeylimit remotecommand remoteforward requesttty rhostsauthentication rhostsrsaauthentication rsaauthentication
sessiontype setuptimeout stdinnull streamlocalbindmask streamlocalbindunlink syslogfacility tag tcpkeepalive tunnel
tunneldevice updatehostkeys usekeychain useprivilegedport userknownhostsfile2 useroaming usersh versionaddendum
visualhostkey warnweakcrypto xauthlocation
"""
PASSED_OVER = frozenset(_PASSED_OVER.split())


def complaint(line: Line, gathered: Gathered) -> str:
    """What to tell of a line that is not honoured; "" for nothing."""
    if line.keyword in PASSED_OVER:
        return ""
    if line.keyword in UNFOLLOWED:
        matters, told = UNFOLLOWED[line.keyword]
        return f"fleetctl {told}" if matters(line, gathered) else ""
    if gathered.ignores(line.keyword):
        return ""
    return "unknown to fleetctl, and ignored"


def _says(line: Line) -> str:
    return line.words[0].lower() if line.words else ""


def _is_on(line: Line, _: Gathered) -> bool:
    return _says(line) not in _NOTHING


def _is_users_own(line: Line, _: Gathered) -> bool:
    # Debian's system-wide file turns it on for everybody, and next to nobody has it.
    return line.own and _says(line) not in _NO


def _has_domains(line: Line, gathered: Gathered) -> bool:
    domains = gathered.first.get("canonicaldomains")
    return _says(line) not in _NO and domains is not None and _says(domains) != "none"


_Matters = Callable[[Line, Gathered], bool]
_GSSAPI = "has no GSSAPI: Kerberos tickets are not used"
UNFOLLOWED: dict[str, tuple[_Matters, str]] = {
    "bindinterface": (_is_on, "does not bind to an interface: BindAddress names an address"),
    "canonicalizehostname": (_has_domains, "does not try CanonicalDomains: the name is dialled as it stands"),
    "casignaturealgorithms": (lambda *_: True, "does not limit the algorithms of certificate authorities"),
    "gssapiauthentication": (_is_users_own, _GSSAPI),
    "gssapidelegatecredentials": (_is_users_own, _GSSAPI),
    "gssapikeyexchange": (_is_users_own, _GSSAPI),
    "hostbasedauthentication": (_is_on, "has no host-based authentication"),
    "include": (lambda *_: True, "does not include files whose names depend on the host, or on unset variables"),
    "kbdinteractiveauthentication": (
        lambda line, _: _says(line) in _NO, "answers all the same when a server asks questions at login"
    ),
    "knownhostscommand": (_is_on, "does not ask a command for host keys: known_hosts files alone count"),
    "localcommand": (
        lambda _, gathered: "permitlocalcommand" in gathered.first
        and _says(gathered.first["permitlocalcommand"]) not in _NO,
        "runs no local command once it is connected",
    ),
    "nohostauthenticationforlocalhost": (_is_on, "checks the host keys of localhost, too"),
    "pkcs11provider": (_is_on, "has no PKCS#11: add the token's keys to an ssh-agent"),
    "proxyusefdpass": (
        lambda line, gathered: _says(line) not in _NO and "proxycommand" in gathered.first,
        "cannot take a connection from a ProxyCommand: the command must pass the data on",
    ),
    "refuseconnection": (lambda *_: True, "connects though ssh would refuse to"),
    "requiredrsasize": (lambda *_: True, "does not ask for a size of RSA keys"),
    "revokedhostkeys": (_is_on, "does not read revoked keys from there: put them into known_hosts as @revoked"),
    "securitykeyprovider": (
        lambda line, _: _says(line) not in {"internal", *_NOTHING},
        "has no FIDO keys of its own: add them to an ssh-agent",
    ),
    "verifyhostkeydns": (lambda line, _: _says(line) in {"yes", "true"}, "does not look for host keys in the DNS"),
}  # fmt: skip
