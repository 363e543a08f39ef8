"""A job file as a Job: every key checked, every mistake told with its file, its line and what stands there."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from fleetctl.errors import JobError
from fleetctl.inventory.document import Document, bare
from fleetctl.jobs.language import ACTIONS, Head, Job, Modifiers, Step
from fleetctl.jobs.texts import from_yaml


def load_job(path: Path) -> Job:
    """Raises: JobError with every problem of the file and those that it includes."""
    document = Document(path)
    if document.problems:
        raise JobError(document.problems)
    content = bare(document.value)
    head = msgspec.convert(
        {key: content[key] for key in content if key in Head.__struct_fields__}, Head, dec_hook=from_yaml
    )
    return Job(
        head=head,
        steps=tuple(
            _step(one, path, line) for one, line in zip(content["steps"], document.value["steps"].lines, strict=True)
        ),
        handlers=tuple(_step(one, path, 0) for one in content.get("handlers", [])),
        file=str(path),
        digest=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def _step(content: dict[str, Any], path: Path, line: int) -> Step:
    lists = ("when", "tags", "notify")
    given = {key: [value] if key in lists and not isinstance(value, list) else value for key, value in content.items()}
    how = msgspec.convert({key: one for key, one in given.items() if key not in ACTIONS}, Modifiers, dec_hook=from_yaml)
    action = None
    for key, kind in ACTIONS.items():
        if key in content:
            value = content[key] if isinstance(content[key], dict) and key != "set" else {kind.short: content[key]}
            if key in {"put", "get"}:
                value["src"] = value["src"] if isinstance(value["src"], list) else [value["src"]]
            if key == "assert" and not isinstance(value["that"], list):
                value["that"] = [value["that"]]
            action = msgspec.convert(value, kind, dec_hook=from_yaml)
    return Step(name=how.name or f"{line}", action=action, how=how, file=str(path), line=line)  # type: ignore[arg-type]
