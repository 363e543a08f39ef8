"""The settings file: what it may say, what is said of mistakes, and whose word counts."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from fleetctl.cli import settings
from fleetctl.cli.settings import Settings, load_settings
from fleetctl.errors import InventoryError, UsageError


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own file, not there yet, beside that of the system."""
    monkeypatch.setattr(settings, "SYSTEM_FILE", tmp_path / "system.yaml")
    monkeypatch.setattr(platformdirs, "user_config_path", lambda _name: tmp_path)
    monkeypatch.delenv("FLEETCTL_CONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / "config.yaml"


def test_without_a_file_everything_is_as_always(own: Path) -> None:
    assert load_settings() == Settings()
    own.write_text("")
    assert load_settings() == Settings()
    own.write_text("history:\nconfirm: {above: }\n")
    assert load_settings() == Settings()


def test_every_key_is_read(own: Path) -> None:
    own.write_text(
        "history: {enabled: false, keep_days: 7, keep_runs: 20, keep_size: 2GiB, directory: ~/past}\n"
        "confirm: {above: 5, commands: ['^drain'], built_in: no}\n"
        "audit: {file: log/audit.jsonl, syslog: local3}\n"
        "locks: {directory: /run/locks}\n"
    )
    found = load_settings()
    assert found.history.directory == f"{own.parent}/past"
    assert (found.history.enabled, found.history.keep_days, found.history.keep_runs) == (False, 7, 20)
    assert found.history.keep_size == 2 * 1024**3
    assert (found.confirm.above, found.confirm.commands, found.confirm.built_in) == (5, ["^drain"], False)
    assert (found.audit.file, found.audit.syslog) == (f"{own.parent}/log/audit.jsonl", "local3")
    assert found.locks.directory == "/run/locks"


def test_every_mistake_is_told_with_its_place(own: Path) -> None:
    own.write_text(
        "history: {keep_dayz: 7, keep_size: much, keep_runs: -1}\n"
        "confrim: {}\n"
        "confirm:\n"
        "  above: many\n"
        "  commands: ['(']\n"
        "audit: {syslog: kern}\n"
        "locks: here\n"
    )
    with pytest.raises(InventoryError) as caught:
        load_settings()
    assert [str(problem).removeprefix(f"{own}:") for problem in caught.value.problems] == [
        "1: history.keep_dayz: unknown key; did you mean keep_days?",
        "1: history.keep_size: 'much' is no amount of bytes: write 10MB/s, 512k or 1GiB",
        "1: history.keep_runs: must not be less than nothing",
        "2: confrim: unknown key; did you mean confirm?",
        "4: confirm.above: must be a whole number, not a word",
        "5: confirm.commands: '(' is no regular expression: missing ), unterminated subpattern at position 0",
        f"6: audit.syslog: 'kern' is no facility of syslog: write one of {', '.join(settings.FACILITIES)}",
        "7: locks: must be a mapping, not a word",
    ]
    own.write_text("history: [\n")
    with pytest.raises(InventoryError, match="is no YAML"):
        load_settings()


def test_the_users_own_word_counts_but_for_audit_and_for_what_else_is_asked(own: Path) -> None:
    (own.parent / "system.yaml").write_text(
        "confirm: {above: 5, commands: [drain]}\naudit: {syslog: auth}\nhistory: {keep_runs: 5, keep_days: 5}\n"
    )
    own.write_text(
        "confirm: {above: 9, commands: [cordon]}\naudit: {syslog: user, file: /a}\nhistory: {keep_runs: 9}\n"
    )
    found = load_settings()
    assert (found.confirm.above, found.confirm.commands) == (9, ["drain", "cordon"])
    assert (found.audit.syslog, found.audit.file) == ("auth", "/a")
    assert (found.history.keep_runs, found.history.keep_days) == (9, 5)


def test_a_file_that_others_can_write_is_not_used(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own.write_text("confirm: {above: 5}\n")
    own.chmod(0o620)
    with pytest.raises(UsageError, match=r"can be written by others \(mode 0620\)"):
        load_settings()
    monkeypatch.setenv("FLEETCTL_CONFIG", str(own.parent / "other.yaml"))
    with pytest.raises(UsageError, match="No such file"):
        load_settings()
    (own.parent / "other.yaml").write_text("confirm: {above: 6}\n")
    assert load_settings().confirm.above == 6
    monkeypatch.setenv("FLEETCTL_CONFIG", str(own.parent))
    with pytest.raises(UsageError, match="is no file"):
        load_settings()
