"""Every failure a user can meet, as one tree.

FleetError                        code, message, hint, facts
├── UsageError                    the request itself is wrong; nothing was contacted (exit 2)
│   ├── InventoryError            the inventory file(s), with every problem found
│   ├── SshConfigError            the ssh_config file(s), with every problem found
│   ├── TargetError               a target expression that selects nothing or cannot be read
│   ├── SecretError               a password or passphrase reference that cannot be resolved
│   ├── HistoryError              no such run, or a history that cannot be read
│   ├── JobError                  the job file(s), with every problem found
│   └── LockHeld                  another run has the lock
├── HostError                     one host could not do its part
│   ├── UnreachableError          no SSH conversation could be had
│   │   ├── NameUnknown           the address does not resolve
│   │   ├── ConnectionRefused     nothing listens there
│   │   ├── ConnectTimeout        the network or the server did not answer in time
│   │   ├── NotConnected          any other failure to open the TCP connection
│   │   ├── TurnedAway            closed or reset before the SSH banner: worth another try
│   │   ├── ProtocolFailure       something answered, but the SSH handshake failed
│   │   ├── NoCommonAlgorithm     both ends speak SSH and share no algorithm
│   │   └── ConnectionLost        the connection ended under a running operation
│   ├── DeniedError               the server did not accept any login
│   │   ├── KeyUnusable           a private key of ours cannot be read or decoded
│   │   └── ElevationDenied       logged in, but sudo, su or doas does not let us become the other user
│   ├── Withheld                  not tried, because a secret was rejected elsewhere
│   ├── UntrustedError            the server's identity is not established
│   │   ├── HostKeyUnknown
│   │   ├── HostKeyChanged
│   │   ├── HostKeyRevoked
│   │   └── HostCertificateRefused   it is shown, and does not vouch for the key
│   ├── ChannelRefused            logged in, but the server opens no (further) channel
│   ├── RequestRefused            the channel is open, but the command was not accepted
│   ├── TimedOut                  the operation did not end within its time
│   ├── StepFailed                a step of a job did not come to what it should
│   │   ├── TemplateFailed        a template or an expression cannot be worked out on this host
│   │   ├── AssertionFailed       what the job asserts is not true
│   │   └── OnceFailed            it was done on another host for all of the batch, and failed there
│   ├── Stopped                   it met the other hosts, and the run goes no further
│   ├── TransferError             a file could not be moved
│   │   ├── NoSuchFile            it, or the directory that it should go to, is not there
│   │   ├── AccessDenied          the user there, or here, may not
│   │   ├── NoSpace               the disk is full, or the quota used up
│   │   ├── WrongKind             a directory where a file is needed, or the other way round
│   │   ├── NameRefused           a name from a server that could lead out of the directory, or cannot be kept here
│   │   ├── TooMuch               a tree deeper or larger than anything sensible
│   │   ├── SourceChanged         it grew, shrank or was replaced while it was read
│   │   ├── DigestMismatch        what arrived is not what was sent
│   │   ├── ToolMissing           the host has no tar or digest command, where it is needed
│   │   │   └── SftpMissing       the server has no SFTP
│   │   └── ServerFailure         the server says no, and not why
│   └── Fault                     a mistake of fleetctl itself
└── Cancelled                     the run was called off
    └── Overdue                   because the time for all of it was over

A message says what happened; the hint says what to do next; facts are for programs. Text from a
server may stand in a message, so whoever prints one neutralises control characters first.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import msgspec

from fleetctl.events import Totals


class FleetError(Exception):
    """The root of all our errors.

    Args:
        message: what happened, one line, without the host's name (`host` carries it).
        host: the inventory name of the host it happened to, or "".
        hint: what the user can do about it, one line, or "".
        facts: what a program may want to read: fingerprints, paths, what was offered.

    Whoever was moving files when it arose adds `totals`, what had become of them until then; whoever was running a
    command and tried to end it adds `killed`, whether that is known to have worked.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, host: str = "", hint: str = "", **facts: object) -> None:
        super().__init__(message)
        self.message = message
        self.host = host
        self.hint = hint
        self.facts = facts
        self.totals: Totals | None = None
        self.killed: bool | None = None


class UsageError(FleetError):
    code = "usage"


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong in a file: where (file, 1-based line, path of keys) and what."""

    file: Path
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else str(self.file)
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class InventoryError(UsageError):
    """The inventory cannot be used; `problems` lists everything found, in file order."""

    code = "inventory"

    def __init__(self, problems: list[Problem], *, hint: str = "") -> None:
        super().__init__("\n".join(map(str, problems)), hint=hint)
        self.problems = problems


class SshConfigError(UsageError):
    """ssh_config cannot be used; `problems` lists what was found, in file order."""

    code = "ssh-config"

    def __init__(self, problems: list[Problem], *, hint: str = "") -> None:
        super().__init__("\n".join(map(str, problems)), hint=hint)
        self.problems = problems


class TargetError(UsageError):
    code = "target"


class SecretError(UsageError):
    code = "secret"


class HistoryError(UsageError):
    code = "history"


class LockHeld(UsageError):
    code = "lock-held"


class JobError(UsageError):
    """The job cannot be played; `problems` lists what was found, in file order."""

    code = "job"

    def __init__(self, problems: list[Problem], *, hint: str = "") -> None:
        super().__init__("\n".join(map(str, problems)), hint=hint)
        self.problems = problems


class HostError(FleetError):
    code = "host-error"


class UnreachableError(HostError):
    code = "unreachable"


class NameUnknown(UnreachableError):
    code = "name-unknown"


class ConnectionRefused(UnreachableError):
    code = "connection-refused"


class ConnectTimeout(UnreachableError):
    code = "connect-timeout"


class NotConnected(UnreachableError):
    code = "not-connected"


class TurnedAway(UnreachableError):
    code = "turned-away"


class ProtocolFailure(UnreachableError):
    code = "protocol-failure"


class NoCommonAlgorithm(UnreachableError):
    code = "no-common-algorithm"


class ConnectionLost(UnreachableError):
    code = "connection-lost"


class DeniedError(HostError):
    code = "denied"


class KeyUnusable(DeniedError):
    code = "key-unusable"


class ElevationDenied(DeniedError):
    code = "elevation-denied"


class Withheld(HostError):
    code = "withheld"


class UntrustedError(HostError):
    code = "untrusted"


class HostKeyUnknown(UntrustedError):
    code = "host-key-unknown"


class HostKeyChanged(UntrustedError):
    code = "host-key-changed"


class HostKeyRevoked(UntrustedError):
    code = "host-key-revoked"


class HostCertificateRefused(UntrustedError):
    code = "host-certificate-refused"


class ChannelRefused(HostError):
    code = "channel-refused"


class RequestRefused(HostError):
    code = "request-refused"


class TimedOut(HostError):
    code = "timed-out"


class StepFailed(HostError):
    code = "step-failed"


class TemplateFailed(StepFailed):
    code = "template"


class AssertionFailed(StepFailed):
    code = "assertion"


class OnceFailed(StepFailed):
    code = "once-failed"


class Stopped(HostError):
    code = "stopped"


class TransferError(HostError):
    code = "transfer"


class NoSuchFile(TransferError):
    code = "no-such-file"


class AccessDenied(TransferError):
    code = "access-denied"


class NoSpace(TransferError):
    code = "no-space"


class WrongKind(TransferError):
    code = "wrong-kind"


class NameRefused(TransferError):
    code = "name-refused"


class TooMuch(TransferError):
    code = "too-much"


class SourceChanged(TransferError):
    code = "source-changed"


class DigestMismatch(TransferError):
    code = "digest-mismatch"


class ToolMissing(TransferError):
    code = "tool-missing"


class SftpMissing(ToolMissing):
    code = "no-sftp"


class ServerFailure(TransferError):
    code = "server-failure"


class Fault(HostError):
    """An exception that nobody foresaw: the other hosts go on all the same."""

    code = "internal"

    def __init__(self, unforeseen: Exception) -> None:
        super().__init__(
            f"{type(unforeseen).__name__}: {unforeseen}", hint="this is a fault of fleetctl: please report it"
        )


class Cancelled(FleetError):
    code = "cancelled"


class Overdue(Cancelled):
    code = "overdue"
