"""What a `wait_for` waits for, in words."""

from __future__ import annotations

from collections.abc import Callable

from fleetctl.jobs.language import WaitFor


def awaited(action: WaitFor, text: Callable[[str], str]) -> str:
    """As in `port 80 of 127.0.0.1` or `success of make test`. `text` works templates out, as far as they can be."""
    if action.port is not None:
        return f"port {text(action.port)} of {text(action.address)}"
    if action.file is not None:
        return f"file {text(action.file)}"
    if action.url is not None:
        return f"answer of {text(action.url)}"
    return f"success of {text(action.command or '')}"


def wanted(action: WaitFor, text: Callable[[str], str]) -> str:
    """The same, with what has to become of it."""
    return f"{awaited(action, text)} to be gone" if action.gone else awaited(action, text)
