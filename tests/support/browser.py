"""A real Chromium without a window, that a test opens pages in, clicks, types, and hears every complaint of.

It is spoken to over a pair of pipes, in Chromium's own DevTools protocol: one JSON message after another, each
ended by a zero byte.
"""

from __future__ import annotations

import fcntl
import json
import os
import selectors
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_SECONDS = 60
_FRAMES = 4
"""As many in which nothing moves are rest: a page that scrolls draws what it comes to, and moves again."""
_FLAGS = (
    "--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--no-first-run", "--no-startup-window",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--disable-sync",
)  # fmt: skip


def why_no_browser() -> str:
    """Empty when there is one."""
    return "" if _program() else "there is no Chromium: apt-get install chromium"


def _program() -> str | None:
    return next(filter(None, map(shutil.which, _NAMES)), None)


class Page:
    """One tab. What its scripts and policies complain of, and what it asks the network for, is kept."""

    def __init__(self, browser: _Pipes, session: str) -> None:
        self._browser = browser
        self._session = session
        self.complaints: list[str] = []
        self.requests: list[str] = []
        browser.heard = self._hear
        for part in ("Page", "Runtime", "Log", "Network"):
            self._ask(f"{part}.enable")

    def open(self, file: Path) -> None:
        """Go there, and wait until all of it is loaded."""
        self.complaints.clear()
        self.requests.clear()
        self._loaded = False
        self._ask("Page.navigate", url=file.as_uri())
        while not self._loaded:
            self._browser.hear()

    def value(self, script: str) -> Any:
        """What an expression of JavaScript comes to; promises are waited for."""
        done = self._ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def texts(self, selector: str) -> list[str]:
        """The visible text of every element that is shown."""
        quoted = json.dumps(selector)
        shown: list[str] = self.value(
            f"[...document.querySelectorAll({quoted})].filter(e => e.checkVisibility()).map(e => e.textContent.trim())"
        )
        return shown

    def click(self, selector: str) -> None:
        """Press the mouse on the middle of the first such element, scrolled into view and come to rest there."""
        x, y = self.value(
            f"""new Promise(done => {{ const e = document.querySelector({json.dumps(selector)}); const seen = [];
            const look = () => {{ e.scrollIntoView({{block: "center"}}); const r = e.getBoundingClientRect();
            const place = [r.x + r.width / 2, r.y + r.height / 2]; seen.push(String(place) + scrollY);
            if (seen.length > {_FRAMES} && seen.slice(-{_FRAMES}).every(one => one === seen.at(-1))) done(place);
            else requestAnimationFrame(look) }}; look() }})"""
        )
        for kind in ("mousePressed", "mouseReleased"):
            self._ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key: str) -> None:
        """A key: `/`, `Escape`, `Tab`, `Enter`."""
        code = {"Escape": 27, "Tab": 9, "Enter": 13}.get(key, 0)
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        for kind in ("keyDown", "keyUp"):
            self._ask("Input.dispatchKeyEvent", type=kind, key=key, text=text, windowsVirtualKeyCode=code)

    def type(self, text: str) -> None:
        """Into whatever has the focus."""
        self._ask("Input.insertText", text=text)

    def wait_for(self, selector: str, *texts: str) -> None:
        """Until the elements that are shown have these texts, and no others are. Raises: AssertionError."""
        wanted, quoted = json.dumps(texts), json.dumps(selector)
        met = self.value(
            f"""new Promise(done => {{ const end = performance.now() + 10000; const look = () => {{
            const shown = JSON.stringify([...document.querySelectorAll({quoted})].filter(e => e.checkVisibility())
            .map(e => e.textContent.trim()));
            if (shown === JSON.stringify({wanted}) || performance.now() > end) done(shown);
            else setTimeout(look, 10) }};
            look() }})"""
        )
        assert json.loads(met) == list(texts)

    def prefer(self, scheme: str, width: int = 1280, media: str = "") -> None:
        """Have it shown dark or light, as wide as that, on the screen or as `print`."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._ask("Emulation.setEmulatedMedia", media=media, features=features)
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._browser.ask(method, self._session, **parameters)

    def _hear(self, message: dict[str, Any]) -> None:
        told = message.get("params", {})
        match message["method"]:
            case "Page.loadEventFired":
                self._loaded = True
            case "Network.requestWillBeSent":
                self.requests.append(told["request"]["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(told["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if told["type"] in {"error", "warning", "assert"}:
                self.complaints.append(json.dumps(told["args"]))
            case "Log.entryAdded":
                self.complaints.append(told["entry"]["text"])


class _Pipes:
    """Sends one message at a time and waits for its answer; what comes between is handed to `heard`."""

    def __init__(self, sending: int, receiving: int) -> None:
        self._sending = sending
        self._receiving = receiving
        self._rest = b""
        self._number = 0
        self._waiting = selectors.DefaultSelector()
        self._waiting.register(receiving, selectors.EVENT_READ)
        self.heard: Any = lambda message: None

    def ask(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        _write_all(self._sending, json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        while True:
            answer = self.hear()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result

    def hear(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            assert self._waiting.select(_SECONDS), "Chromium says nothing"
            piece = os.read(self._receiving, 1 << 20)
            assert piece, "Chromium has gone"
            self._rest += piece
        whole, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(whole)
        if "method" in message:
            self.heard(message)
        return message

    def close(self) -> None:
        self._waiting.close()


@contextmanager
def open_page(profile: Path) -> Iterator[Page]:
    """A browser with one empty page; it is gone with all its processes in the end.

    Args:
        profile: a directory for what it keeps.
    """
    program = _program()
    assert program is not None, why_no_browser()
    reading, sending = os.pipe()
    receiving, writing = os.pipe()
    # Chromium reads from descriptor 3 and writes to 4; neither may be in the way while they are put there.
    theirs = tuple(fcntl.fcntl(descriptor, fcntl.F_DUPFD, 10) for descriptor in (reading, writing))
    process = subprocess.Popen(
        ["/bin/bash", "-c", f'exec "$0" "$@" 3<&{theirs[0]} 4>&{theirs[1]}', program, *_FLAGS,
         f"--user-data-dir={profile}"],
        pass_fds=theirs, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "HOME": str(profile)},
    )  # fmt: skip
    for descriptor in (reading, writing, *theirs):
        os.close(descriptor)
    pipes = _Pipes(sending, receiving)
    try:
        target = pipes.ask("Target.createTarget", url="about:blank")["targetId"]
        yield Page(pipes, pipes.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
        pipes.ask("Browser.close")
    finally:
        pipes.close()
        os.close(sending)  # which ends it, too
        os.close(receiving)
        try:
            process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
