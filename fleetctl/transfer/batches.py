"""Files in portions: what is moved, brought to disk or checked, and put in place together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fleetctl.transfer.plan import Step

SMALL = 256 * 1024
"""Files up to this size travel side by side; larger ones one after the other, each in many requests."""
_MOST_FILES = 1000
_MOST_BYTES = 64 * 1024 * 1024


def batches(steps: Iterable[Step]) -> Iterator[list[Step]]:
    """The steps that move a file: small files in portions, each large one by itself."""
    batch: list[Step] = []
    size = 0
    for step in steps:
        if step.act != "move":
            continue
        if step.entry.size > SMALL:
            yield [step]
            continue
        batch.append(step)
        size += step.entry.size
        if len(batch) >= _MOST_FILES or size >= _MOST_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
