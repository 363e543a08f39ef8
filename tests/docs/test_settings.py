"""The documents name every setting that there is, and every directive of ssh_config that means something here."""

from __future__ import annotations

import re

import pytest

from fleetctl.inventory.ssh_config.unfollowed import UNFOLLOWED
from fleetctl.inventory.ssh_config.values import LAST, READERS
from fleetctl.inventory.types import HostSettings
from tests.support.documents import ROOT

INVENTORY = (ROOT / "docs/inventory.md").read_text()
ACCESS = (ROOT / "docs/access.md").read_text().lower()


@pytest.mark.parametrize("setting", HostSettings.__struct_fields__)
def test_every_setting_has_its_place_in_the_table(setting: str) -> None:
    assert re.search(rf"^\| [^|]*`{setting}`[^|]* \|", INVENTORY, re.MULTILINE)


@pytest.mark.parametrize("keyword", sorted(READERS.keys() | LAST.keys() | UNFOLLOWED.keys()))
def test_every_directive_is_said_to_be_honoured_or_not(keyword: str) -> None:
    assert re.search(rf"\b{'gssapi' if keyword.startswith('gssapi') else keyword}\b", ACCESS)
