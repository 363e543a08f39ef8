"""The reference of the language of jobs says what its types say."""

from __future__ import annotations

from tests.docs.reference import page
from tests.support.documents import ROOT


def test_the_reference_is_what_the_types_make_of_it() -> None:
    written = (ROOT / "docs/jobs-reference.md").read_text()
    assert written == page(), "write it anew: python -m tests.docs.reference > docs/jobs-reference.md"
