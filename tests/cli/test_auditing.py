"""Lines of the audit where a file is full, or syslog takes them, and words that are no text."""

from __future__ import annotations

import json
import os
import syslog
from pathlib import Path

import pytest

from fleetctl.cancel import Cancel
from fleetctl.cli import auditing
from fleetctl.cli.auditing import Audit, put_down
from fleetctl.cli.settings import AuditSettings
from fleetctl.errors import UsageError
from fleetctl.events import RunFinished, RunStarted, Status
from fleetctl.fleet import Fleet
from fleetctl.history.masking import Masks
from fleetctl.history.records import Origin
from fleetctl.inventory import load
from fleetctl.operations.command import Command
from fleetctl.publishing import publish
from tests.support.secrecy import secret

TOKEN = secret("audited token")


@pytest.fixture
def origin() -> Origin:
    return Origin("run", ("run", "\udcff", "x" * 5000), user="ann", machine="here", targets=("@web",))


def begun(operation: str = "run true", hosts: int = 2) -> RunStarted:
    return RunStarted(run="r1", operation=operation, hosts=tuple(f"h{n}" for n in range(hosts)), fanout=1, started=0.5)


def test_a_run_whose_beginning_cannot_be_put_down_does_nothing(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    audit = Audit(AuditSettings(file=str(log)), origin, Masks(), dry=False)
    write = os.write
    with monkeypatch.context() as full, Cancel() as cancel, Fleet(load([]).with_hosts(["127.0.0.1:1"])) as fleet:
        full.setattr(os, "write", lambda to, data: write(to, data[:9]))
        result = publish(fleet.start(Command("true"), fleet.hosts("@*"), cancel), [audit], cancel)
    assert str(result.unwritten) == "[Errno 28] the audit: No space left on device"
    assert [outcome.status for outcome in result.outcomes.values()] == [Status.CANCELLED]
    assert log.read_text() == "before\n"

    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda to, data: write(to, data[:9]))
        assert put_down([audit], 0) == 1
    assert "the end of the run is not put down: No space left on device" in capsys.readouterr().err
    assert log.read_text() == "before\n"


def test_what_is_no_text_and_what_is_secret_are_written_so_that_all_can_read_it(origin: Origin, tmp_path: Path) -> None:
    audit = Audit(AuditSettings(file=str(tmp_path / "log")), origin, Masks([TOKEN]), dry=True)
    audit.show(begun(f"run login {TOKEN} \udce9"))
    audit.show(RunFinished(counts={Status.OK: 2}, at=1.25, stopped="1 host failed"))
    assert put_down([audit], 4) == 4
    began, ended = map(json.loads, (tmp_path / "log").read_text().splitlines())
    assert (began["argv"][1], began["operation"]) == ("\\xff", "run login *** \\xe9")
    assert (began["time"], began["dry_run"], began["names"]) == ("1970-01-01T00:00:00.500Z", True, "h[0-1]")
    assert (ended["counts"], ended["seconds"], ended["exit_code"]) == ({"ok": 2}, 1.25, 4)
    assert ended["why"] == "1 host failed"


def test_syslog_takes_lines_that_no_daemon_cuts(origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[int, str]] = []
    opened: list[tuple[object, ...]] = []
    monkeypatch.setattr(syslog, "syslog", lambda priority, line: said.append((priority, line)))
    monkeypatch.setattr(syslog, "openlog", lambda *words: opened.append(words))
    monkeypatch.setattr(auditing, "_SYSLOG_SOCKETS", (Path("/dev/null"),))
    audit = Audit(AuditSettings(syslog="local3"), origin, Masks(), dry=False)
    audit.show(begun())
    assert put_down([audit], 0) == 0
    assert opened == [("fleetctl", syslog.LOG_PID, syslog.LOG_LOCAL3)]
    (priority, began), (_, ended) = said
    assert priority == syslog.LOG_NOTICE
    assert json.loads(began)["argv"].startswith("run \\xff xxx")
    assert len(began) < 4000
    assert json.loads(ended)["event"] == "ended"

    monkeypatch.setattr(auditing, "_SYSLOG_SOCKETS", (Path("/dev/no/such"),))
    with pytest.raises(UsageError, match="nothing listens to syslog"):
        Audit(AuditSettings(syslog="local3"), origin, Masks(), dry=False)
