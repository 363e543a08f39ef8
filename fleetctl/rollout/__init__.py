"""From a task to a whole run: batch by batch, with a budget of failures, pauses, health checks and a deadline.

A plain run is a rollout of one batch. Knows nothing of screens: what asks a person comes in as a callable.
"""

from __future__ import annotations

from fleetctl.rollout.plan import Check, Rollout
from fleetctl.rollout.run import Means, roll_out

__all__ = ["Check", "Means", "Rollout", "roll_out"]
