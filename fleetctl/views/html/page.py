"""The page as text: the template with its style and its script, which a policy lets run and nothing else."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from fleetctl import __version__
from fleetctl.durations import elapsed
from fleetctl.views.html import charts
from fleetctl.views.html.outputs import Section
from fleetctl.views.html.rows import Row

_HERE = Path(__file__).parent
_PIECE = 256


class Report(msgspec.Struct, frozen=True):
    """The page in numbers and words.

    Args:
        run: its id.
        title: what was done, as the run says it.
        verdict: how it went, in one sentence.
        good: whether every host is ok.
        remarks: what else is to be known of how it ended.
        about: who, where, when, with what words: pairs of a name and what it is.
        span: seconds that the timelines are wide.
    """

    run: str
    title: str
    verdict: str
    good: bool
    remarks: tuple[str, ...]
    about: tuple[tuple[str, str], ...]
    hosts: int
    shares: tuple[charts.Share, ...]
    ticks: tuple[charts.Tick, ...]
    durations: charts.Durations | None
    progress: charts.Progress
    span: float
    rows: tuple[Row, ...]
    sections: tuple[Section, ...]


def render(report: Report) -> Iterator[str]:
    """The page in pieces. Everything from outside is escaped; nothing is fetched, and no script but ours can run."""
    style, script = _text("page.css"), _text("page.js")
    stream = _template().stream(
        report=report,
        policy=_policy(style, script),
        style=style,
        script=script,
        version=__version__,
        width=charts.WIDTH,
        height=charts.HEIGHT,
    )
    stream.enable_buffering(_PIECE)
    yield from stream


@functools.cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["elapsed"] = elapsed
    return environment.get_template("page.html")


@functools.cache
def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
