"""Every command that README and docs show is run, and answers what they say it answers.

They are typed on a fleet of the lab whose hosts go by the names of the documents. `make test` is the one that is
not run in earnest: it is what runs this.
"""

from __future__ import annotations

import subprocess

import pytest

from tests.support.documents import ON_A_FLEET, ROOT, check, needs_past_runs, needs_real_servers, shown
from tests.support.markdown import Example
from tests.support.stage import Stage

ON_THE_LAB = [
    one for one in shown(ON_A_FLEET) if not needs_real_servers(one.values[1]) and not needs_past_runs(one.values[1])
]
ON_THE_EXAMPLE = ("docs/inventory.md", "docs/targeting.md")
CONNECTING = ("fleetctl run", "fleetctl ping", "fleetctl trust")
"""What the documents that show the example inventory would do to its hosts; the fleet of the lab stands in."""

EXIT_CODES = dict.fromkeys(
    [
        "fleetctl ping",
        "fleetctl run -b -f 200 uname -r",
        "fleetctl run -o json systemctl is-active nginx",
        "fleetctl run df",
        "fleetctl run -b df",
        "fleetctl run -b --diff df",
        "fleetctl run -o both df",
        "fleetctl run -o table df",
        "fleetctl run -o json df",
        "fleetctl run -o ndjson df",
        "fleetctl run --save out df",
    ],
    3,  # they go to all hosts, and so to the dead one
) | {"fleetctl job rehearse deploy.yaml --seed 7": 4}
"""Of commands that are shown without their answer; of those that are not named here it is 0."""


@pytest.mark.parametrize(("document", "example"), ON_THE_LAB)
def test_what_is_shown_of_a_fleet_works(stage: Stage, document: str, example: Example) -> None:
    if example.command.startswith("make"):
        done = stage.type(example.command.replace("make test", "make -n test"), ROOT)
        assert done.returncode == 0, done.stdout
    else:
        stage.set_up()
        compare(stage, stage.type(example.command, stage.fleet), example)


@pytest.mark.parametrize(
    ("document", "example"), [one for one in shown(ON_THE_EXAMPLE) if not needs_past_runs(one.values[1])]
)
def test_what_is_shown_of_inventories_and_targets_works(stage: Stage, document: str, example: Example) -> None:
    directory = stage.fleet if example.command.startswith(CONNECTING) else stage.example
    compare(stage, stage.type(example.command, directory), example)


def compare(stage: Stage, done: subprocess.CompletedProcess[str], example: Example) -> None:
    check(done.stdout, done.returncode, example, EXIT_CODES.get(example.command, 0), {str(stage.home): "~"})
