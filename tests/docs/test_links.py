"""Documents point at what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = ["README.md", "CHANGELOG.md", *(str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("docs/*.md")))]
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")
_ANCHOR = re.compile(r"\]\((?!https?:)([^)#]*)#([^)]+)\)")
_FILE = re.compile(r"`((?:fleetctl|tests)/[\w/.]+)`")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_a_document_names_exists(document: str) -> None:
    text = (ROOT / document).read_text()
    linked = [(ROOT / document).parent / link for link in _LINK.findall(text)]
    named = [ROOT / name for name in _FILE.findall(text)]
    assert [str(path) for path in linked + named if not path.exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_heading_that_a_document_points_to_exists(document: str) -> None:
    place = ROOT / document
    wrong = [
        f"{file}#{anchor}"
        for file, anchor in _ANCHOR.findall(place.read_text())
        if anchor not in anchors(place.parent / file if file else place)
    ]
    assert wrong == []


def anchors(document: Path) -> set[str]:
    """Of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_architecture_has_a_row_for_every_room() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    rooms = [path.parent.name for path in ROOT.glob("fleetctl/*/__init__.py")]
    assert [room for room in rooms if f"| `{room}/` |" not in text] == []
    assert [path.name for path in ROOT.glob("fleetctl/[a-z]*.py") if f"`{path.name}`" not in text] == []
