"""The page as a person meets it: a real Chromium opens it, searches, sorts, clicks, and prints."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetctl.views.html.report import HtmlReport
from tests.support.browser import Page, open_page, why_no_browser
from tests.support.told_runs import told

HOSTILE = (
    b"</pre><script>document.title = 'taken'</script><img src=https://evil.example/x onerror=alert(1)>\x1b[2J\x07\n"
)
SHOWN = "</pre><script>document.title = 'taken'</script><img src=https://evil.example/x onerror=alert(1)>^G"
CARDS = ".card > summary"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    reason = why_no_browser()
    if reason and os.environ.get("CI") == "true" and os.geteuid() == 0:
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    with open_page(tmp_path / "profile") as page:
        yield page


def test_a_person_finds_their_way_about_the_page_of_a_thousand_hosts(page: Page, tmp_path: Path) -> None:
    file = write_report(tmp_path / "report.html", 1000)
    page.prefer("light")
    page.open(file)
    assert page.texts("h1") == ["940 of 1,000 hosts are ok"]
    assert page.texts("#shown") == ["1,000 hosts"]
    assert page.value("document.querySelectorAll('tbody tr .time rect').length") == 3 * 980 + 20
    for plot in ("#status-plot rect", "#duration-plot rect", "#progress-plot polyline"):
        assert page.value(f"[...document.querySelectorAll('{plot}')].some(e => e.getBBox().width > 0)"), plot

    searches(page)
    filters_and_sorts(page)
    opens_outputs(page)
    keeps_hostile_output_text(page)
    suits_the_dark_the_phone_and_paper(page)

    assert page.complaints == []
    assert page.requests == [file.as_uri()]
    refuses_what_is_not_ours(page)


def write_report(file: Path, hosts: int) -> Path:
    with file.open("w") as page:
        report = HtmlReport(page.write, [("By", "anna on control"), ("Command", "fleetctl run '<b>' df")])
        for event in told(hosts, shout=HOSTILE):
            report.show(event)
        report.close()
    return file


def searches(page: Page) -> None:
    """The slash takes one there; a word is looked for in names, errors and outputs."""
    page.press("/")
    for typed, rows in [
        ("web0042", 1),
        ("refused", 20),
        ("sad", 40),
        ("94%", 100),
        ("refused web00", 2),
        ("no such", 0),
    ]:
        page.type(typed)
        page.wait_for("#shown", f"{rows} of 1,000 hosts")
        assert len(page.texts("tbody tr")) == rows
        assert page.texts("#nothing") == ["No host is like that."] * (not rows)
        assert bool(page.texts(CARDS)) is (typed not in {"refused", "refused web00", "no such"})
        page.press("Escape")
        page.wait_for("#shown", "1,000 hosts")


def filters_and_sorts(page: Page) -> None:
    page.click(".chip[data-status=failed]")
    assert set(page.texts("tbody .outcome")) == {"failed"}
    page.click(".chip[data-status=unreachable]")
    page.wait_for("#shown", "60 of 1,000 hosts")
    assert page.texts("tbody .why span")[:2] == ["connection refused by 10.0.0.7:22", "→ is sshd running there?"]
    page.click("[data-sort=seconds]")
    page.click("[data-sort=seconds]")
    seconds = [float(text) for text in page.texts("tbody td:nth-child(4)")]
    assert len(seconds) == 60
    assert seconds == sorted(seconds, reverse=True)
    page.click("[data-sort=seconds]")
    for status in ("failed", "unreachable"):
        page.click(f".chip[data-status={status}]")
    page.wait_for("#shown", "1,000 hosts")
    assert page.texts("tbody .host")[:3] == ["web0001", "web0002", "web0003"]


def opens_outputs(page: Page) -> None:
    """A host leads to what it said, by mouse and by keyboard; the others are told by what differs."""
    assert len(page.texts(CARDS)) == 42
    assert page.texts(".card[open] > summary .count") == ["840"]
    page.click("tbody tr:nth-child(4) a")
    page.wait_for(".card[open] > summary .count", "840", "100")
    (diff,) = page.texts("#output-2 .diff")
    assert diff.splitlines()[1:4] == [
        " Filesystem  Size  Used Avail Use% Mounted on",
        "-/dev/sda1    40G   12G   26G  32% /",
        "+/dev/sda1    40G   12G   26G  94% /",
    ]
    page.press("Enter")  # the card has the focus now
    assert page.texts(".card[open] > summary .count") == ["840"]
    page.value("document.querySelector('tbody tr:nth-child(5) a').focus()")
    page.press("Enter")
    page.wait_for(".card[open] > summary .outcome", "exit 1")
    assert page.texts(".card[open] .stderr") == ["df: /: web0005 is sad"]
    page.click("#open-all")
    assert len(page.texts(".card[open] > summary")) == 42
    page.click("#open-all")
    assert page.texts(".card[open] > summary") == []


def keeps_hostile_output_text(page: Page) -> None:
    page.click("#output-2 > summary")
    page.click("#output-2 details > summary")
    assert SHOWN in page.texts("#output-2 details pre")[0]
    assert page.value("document.querySelectorAll('img, b:not(.chip b), script').length") == 1
    assert page.value("document.title") == "940 of 1,000 hosts are ok · run df -h /"
    assert "fleetctl run '<b>' df" in page.texts("dd")


def suits_the_dark_the_phone_and_paper(page: Page) -> None:
    light = page.value("getComputedStyle(document.body).backgroundColor")
    page.prefer("dark", width=375)
    dark = page.value("getComputedStyle(document.body).backgroundColor")
    assert brightness(light) > 200 > 60 > brightness(dark)
    assert page.value("document.documentElement.scrollWidth") <= 375
    page.prefer("light", media="print")
    assert page.texts("#find") == []
    page.value("dispatchEvent(new Event('beforeprint'))")
    assert len(page.texts(".card[open] > summary")) == 42
    page.value("dispatchEvent(new Event('afterprint'))")
    assert len(page.texts(".card[open] > summary")) == 1


def refuses_what_is_not_ours(page: Page) -> None:
    """Even markup that got in would neither run nor fetch anything."""
    page.value(
        "new Promise(done => { const s = document.createElement('div');"
        's.innerHTML = \'<img src="https://evil.example/x" onerror="document.title = 1">\';'
        "document.body.append(s); const t = document.createElement('script'); t.textContent = 'document.title = 2';"
        "document.body.append(t); fetch('https://evil.example/y').catch(() => setTimeout(done, 50)) })"
    )
    assert page.value("document.title") == "940 of 1,000 hosts are ok · run df -h /"
    assert len([line for line in page.complaints if "Content Security Policy" in line]) >= 3


def brightness(colour: str) -> float:
    numbers = [int(number) for number in re.findall(r"\d+", colour)[:3]]
    return sum(numbers) / 3
