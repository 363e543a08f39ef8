"""All that the options of a command say, in one record that travels to where it is carried out."""

from __future__ import annotations

import msgspec

from fleetctl.cli.guard_options import Guards
from fleetctl.cli.options import Access, Output, Pace, Privilege, Selection
from fleetctl.cli.rollout_options import Batches, Limits


class Orders(msgspec.Struct, frozen=True):
    """What each group of options says; a command without some of them has their defaults.

    Args:
        command: the subcommand: `run`, `put`.
        privilege: whose rights it is done with; None leaves it to the inventory.
    """

    command: str
    selection: Selection
    access: Access = Access()
    pace: Pace = Pace()
    output: Output = Output()
    privilege: Privilege | None = None
    guards: Guards = Guards()
    limits: Limits = Limits()
    batches: Batches = Batches()

    @property
    def is_show(self) -> bool:
        """It is played on a lab, and nothing to remember."""
        return self.command in {"demo", "job rehearse"}
