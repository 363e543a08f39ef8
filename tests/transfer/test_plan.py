"""What is decided for each entry, the same for put and get."""

from __future__ import annotations

from fleetctl.transfer.choices import Choices
from fleetctl.transfer.plan import Present, plan
from fleetctl.transfer.tree import Entry


def test_a_replaced_file_passes_no_set_user_id_on() -> None:
    """It may belong to somebody else from now on."""
    entry = Entry("a", "file", 1, mode=0o644)
    (step,) = plan([entry], {"a": Present("file", mode=0o6755)}, Choices(), None, lambda _: False, str)
    assert (step.mode, step.exact) == (0o755, True)
