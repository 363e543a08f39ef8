"""Why a host is not ok, in a few words that are the same for all hosts with the same trouble."""

from __future__ import annotations

from fleetctl.events import Outcome, Status


def reason(outcome: Outcome) -> str:
    """`exit 3`, `unreachable: connection refused by …`, of a job `restart nginx: exit 1`.

    Returns: "" for a host that is ok or was skipped on purpose.
    """
    if outcome.status is Status.OK or (outcome.error is not None and outcome.error.code == "dry-run"):
        return ""
    step = f"{outcome.step}: " if outcome.step else ""
    if outcome.status is Status.FAILED and outcome.exit_code is not None:
        code = f"exit {outcome.exit_code}" if outcome.exit_code or outcome.error is None else ""
        return step + ": ".join(filter(None, (code, outcome.error.message if outcome.error else "")))
    if outcome.signalled:
        return step + (outcome.error.message if outcome.error else "killed by a signal")
    words = ": ".join(filter(None, (outcome.status, outcome.step, outcome.error.message if outcome.error else "")))
    return words + _what_became_of_it(outcome)


def _what_became_of_it(outcome: Outcome) -> str:
    """Of what was begun on the host, where we would not wait for its end."""
    if outcome.killed:
        return "; killed"
    if outcome.status in {Status.TIMEOUT, Status.CANCELLED} and not outcome.remote_ended:
        return "; may still run there"
    return ""
