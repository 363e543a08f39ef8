"""The documents name every setting that there is, and every directive of ssh_config that means something here.

Settings of hosts are those of the inventory; those of the user are in a file of their own.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from fleetctl.cli.settings import ConfirmSettings, Settings, load_settings
from fleetctl.history.records import Retention
from fleetctl.inventory.ssh_config.unfollowed import UNFOLLOWED
from fleetctl.inventory.ssh_config.values import LAST, READERS
from fleetctl.inventory.types import HostSettings
from tests.support.documents import ROOT
from tests.support.markdown import blocks

INVENTORY = (ROOT / "docs/inventory.md").read_text()
ACCESS = (ROOT / "docs/access.md").read_text().lower()


@pytest.mark.parametrize("setting", HostSettings.__struct_fields__)
def test_every_setting_has_its_place_in_the_table(setting: str) -> None:
    assert re.search(rf"^\| [^|]*`{setting}`[^|]* \|", INVENTORY, re.MULTILINE)


@pytest.mark.parametrize("keyword", sorted(READERS.keys() | LAST.keys() | UNFOLLOWED.keys()))
def test_every_directive_is_said_to_be_honoured_or_not(keyword: str) -> None:
    assert re.search(rf"\b{'gssapi' if keyword.startswith('gssapi') else keyword}\b", ACCESS)


def test_the_settings_file_that_is_shown_has_every_key_and_says_what_holds_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (text,) = blocks(ROOT / "docs/runs.md", "yaml")
    (tmp_path / "config.yaml").write_text(text)
    monkeypatch.setenv("FLEETCTL_CONFIG", str(tmp_path / "config.yaml"))
    said = load_settings()
    parts = {part: type(getattr(said, part)).__struct_fields__ for part in Settings.__struct_fields__}
    for part, keys in parts.items():
        written = re.search(rf"^{part}:\n((?: .*\n)+)", text, re.MULTILINE)
        assert written
        assert set(keys) == set(re.findall(r"^  (?:# )?(\w+):", written[1], re.MULTILINE))
    assert said.confirm.above == ConfirmSettings().above
    kept = (said.history.keep_days, said.history.keep_runs, said.history.keep_size)
    assert kept == msgspec.structs.astuple(Retention())
