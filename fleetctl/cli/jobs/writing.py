"""What `fleetctl job new` and `job schema` write."""

from __future__ import annotations

import json
import re
from pathlib import Path

from fleetctl.errors import UsageError
from fleetctl.jobs.reading.schema import schema

_ENDINGS = {".yaml", ".yml"}
_NAME = re.compile(r"\w[\w.-]*")
_STARTER = """\
# Written by `fleetctl job new`. See what it does, and change it:
#   fleetctl job check {file}     every mistake, without connecting
#   fleetctl job plan {file}      what each host would do
#   fleetctl job run {file}       do it
name: "{name}"

# Which hosts; -t wins over it. Without it: the default target of the inventory, or all hosts.
# targets: "@web"

# Variables: vars.NAME in templates. The inventory wins over these, and -e NAME=VALUE over both.
vars:
  directory: /tmp/{name}

# Batch by batch, and stop when more than a tenth of the hosts fail.
# policy:
#   batch: 1,10%,50%
#   max_failures: 10%
#   timeout: 5m

steps:
  # A command line, for the login shell. What goes into it wants `| quote`, so that it stays one word.
  - name: make the directory
    run: mkdir -p {{{{ vars.directory | quote }}}}
    creates: "{{{{ vars.directory }}}}"

  # What a step came to is steps.NAME from here on: stdout, stderr, exit, changed, failed.
  - name: look at the disk
    run: df -P {{{{ vars.directory | quote }}}} | awk 'NR == 2 {{ print $5 }}'
    register: disk
    changed_when: false

  - name: there is room
    assert:
      that: steps.disk.stdout | replace("%", "") | int < 95
      message: "{{{{ host.name }}}} is full: {{{{ steps.disk.stdout }}}}"

  # `when` decides for each host, `notify` asks for a handler if this changed something.
  - name: leave a note
    run: date > {{{{ vars.directory | quote }}}}/note
    when: "'nothing' not in host.tags"
    notify: tell

  # Done on the way out also when a step has failed.
  - name: clean up
    run: rm -f {{{{ vars.directory | quote }}}}/*.tmp
    always: true
    changed_when: false

handlers:
  - name: tell
    run: echo there is a new note
"""


def schema_text() -> str:
    return json.dumps(schema(), indent=2)


def write_starter(name: str) -> str:
    """Returns: a line on what was written. Raises: UsageError when something is there already, or cannot be written."""
    path = Path(name)
    if not _NAME.fullmatch(path.name):
        hint = "letters, digits and . _ - are fine, as in `fleetctl job new deploy`"
        raise UsageError(f"{name!r} cannot be the name of a job", hint=hint)
    path = path if path.suffix in _ENDINGS else path.with_name(f"{path.name}.yaml")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(_STARTER.format(name=path.stem, file=path))
    except FileExistsError:
        raise UsageError(f"{path} is there already", hint="give another name, or move it away") from None
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}", hint="name a directory that you can write"
        ) from error
    return f"{path} is written: see it, and `fleetctl job check {path}`"
