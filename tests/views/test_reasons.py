"""Why a host is not ok, in a few words."""

from __future__ import annotations

from fleetctl.events import ErrorFacts, Outcome, Status
from fleetctl.views.reasons import reason


def test_an_exit_code_is_told_unless_it_is_0_and_the_step_failed_by_its_own_condition() -> None:
    unmet = ErrorFacts("condition-unmet", "until: result.stdout == 'ready'")
    assert reason(Outcome(Status.FAILED, exit_code=0, error=unmet, step="wait")) == f"wait: {unmet.message}"
    assert reason(Outcome(Status.FAILED, exit_code=3, error=unmet, step="wait")) == f"wait: exit 3: {unmet.message}"
    assert reason(Outcome(Status.FAILED, exit_code=3)) == "exit 3"
