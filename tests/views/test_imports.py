"""A view costs its user only what it needs: rich is for tables on a terminal."""

from __future__ import annotations

import subprocess
import sys

import pytest

from fleetctl.cli.options import ViewName

_SHOW = """
import sys
from tests.support.showing import run_of, show
show(sys.argv[1], run_of({"web01": "x\\n"}), terminal=sys.argv[2] == "terminal")
print("rich" in sys.modules)
"""


def imports_rich(view: str, where: str) -> bool:
    # hypothesis, which the helper imports, must not bring rich in by itself: the piped cases would show it
    done = subprocess.run([sys.executable, "-c", _SHOW, view, where], capture_output=True, text=True, check=True)
    return done.stdout.strip() == "True"


@pytest.mark.parametrize("view", ViewName)
def test_no_piped_view_imports_rich(view: str) -> None:
    assert not imports_rich(view, "piped")


def test_a_table_on_a_terminal_does() -> None:
    assert imports_rich("table", "terminal")
