"""`fleetctl job run`: what is said before any host is contacted, and what wins over what the file says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from fleetctl.cli.app import app
from fleetctl.cli.jobs.perils import perils_in
from fleetctl.cli.jobs.running import orders_for
from fleetctl.cli.options import Access, Output, Pace, Privilege, Selection, ViewName
from fleetctl.cli.orders import Orders
from fleetctl.cli.rollout_options import Batches, CheckOn, Limits
from fleetctl.jobs.language import Head, Job, Local, Manner, Modifiers, Reboot, Run, Script, Step
from fleetctl.jobs.texts import Line, LocalPath, PauseText, Seconds, Shares, ShareText
from tests.support.fleetctl import Fleetctl

JOB = Job(
    head=Head(
        targets=("@web", "db01"),
        policy=Manner(
            batch=Shares("1,50%"), max_failures=ShareText("2"), ignore_unreachable=True, pause=PauseText("30"),
            check="curl localhost", check_on="local", check_timeout=Seconds(5), deadline=Seconds(3600), fanout=7,
            retries=0, connect_timeout=Seconds(3),
        ),
    ),
    steps=(),
)  # fmt: skip


def _orders(*words: str, job: Job = JOB, **changed: Any) -> Orders:
    """What is carried out when these words follow `job run FILE`."""
    argv = ["job", "run", "file.yaml", *words]
    group: Any = typer.main.get_group(app(argv)).commands["job"]
    command = group.commands["run"]
    context: Any = command.make_context("run", argv[2:])
    context.params |= changed
    kinds = {"selection": Selection, "access": Access, "pace": Pace, "output": Output, "privilege": Privilege}
    kinds |= {"limits": Limits, "batches": Batches}
    groups: dict[str, Any] = {
        name: kind(**{field: context.params[field] for field in kind.__struct_fields__}) for name, kind in kinds.items()
    }
    return orders_for(job, Orders("job run", **groups), context)


def test_what_the_file_says_holds_where_nothing_was_typed() -> None:
    orders = _orders()
    assert orders.selection.target == ["@web", "db01"]
    assert (orders.pace.fanout, orders.pace.retries, orders.pace.connect_timeout) == (7, 0, 3.0)
    assert (orders.limits.max_failures, orders.limits.deadline) == ("2", 3600.0)
    assert orders.limits.ignore_unreachable
    batches = orders.batches
    assert (batches.batch, batches.pause) == ("1,50%", "30")
    assert (batches.check, batches.check_on, batches.check_timeout) == ("curl localhost", CheckOn.LOCAL, 5.0)


def test_what_was_typed_wins_even_where_it_is_the_default() -> None:
    orders = _orders("-t", "web01", "-f", "64", "--retries", "2", "--serial", "--check", "true", "--deadline", "1m")
    assert list(orders.selection.target) == ["web01"]
    assert (orders.pace.fanout, orders.pace.retries, orders.pace.connect_timeout) == (64, 2, 3.0)
    assert (orders.limits.max_failures, orders.limits.deadline) == ("2", 60.0)
    batches = orders.batches
    assert (batches.batch, batches.serial, batches.pause) == (None, True, "30")
    assert (batches.check, batches.check_on, batches.check_timeout) == ("true", CheckOn.HOSTS, 60.0)
    assert not _orders("-H", "root@elsewhere").selection.target


def test_what_was_typed_for_a_rerun_wins_as_well() -> None:
    assert _orders(fanout=3).pace.fanout == 3


def test_diff_is_about_files_and_not_about_what_hosts_say() -> None:
    usual = ViewName.STEPS
    assert _orders("--diff").output.view(usual) is _orders().output.view(usual)


def test_a_file_that_says_nothing_changes_nothing() -> None:
    orders = _orders(job=Job(head=Head(), steps=()))
    assert (orders.pace, orders.limits, orders.batches) == (Pace(), Limits(), Batches())
    assert not orders.selection.target


def test_perils_are_told_with_the_step_that_they_are_in(tmp_path: Path) -> None:
    (tmp_path / "wipe.sh").write_text("#!/bin/sh\n# rm -r is below\nrm -rf /var/cache/app && mkfs.ext4 /dev/sdb\n")
    here = str(tmp_path / "job.yaml")
    steps = (
        Step(name="look", action=Run(Line("echo rm -r")), file=here),
        Step(name="clean", action=Run(Line("cd /x && rm -rf {{ vars.old | quote }}")), file=here),
        Step(name="wipe", action=Script(LocalPath("wipe.sh")), file=here),
        Step(name="gone", action=Script(LocalPath("{{ vars.x }}.sh")), file=here),
        Step(name="here", action=Local(Line("drain {{ host.name }}")), file=here),
        Step(name="meet", action=None, how=Modifiers(barrier=True), file=here),
    )
    job = Job(head=Head(), steps=steps, handlers=(Step(name="restart", action=Reboot()),))
    built_in = ['rm in "clean"', 'rm, mkfs in "wipe"', 'reboot in "restart"']
    assert perils_in(job) == built_in
    drain = [re.compile("^drain ")]
    assert perils_in(job, drain) == [*built_in[:2], '^drain  in "here"', built_in[2]]
    assert perils_in(job, drain, built_in=False) == ['^drain  in "here"']


PLAN = """
name: deploy
targets: web[01-03]
vars: {version: "1.0"}
policy: {batch: "1,100%", check: "false", pause: 1h}
steps:
  - name: install
    run: apt-get install -y app={{ vars.version | quote }} {{ facts.os | quote }}
    sudo: true
    notify: restart
  - name: first
    run: echo {{ host.name | quote }}
    when: host.name == 'web01'
handlers:
  - name: restart
    reboot: {}
"""
PLANNED = """\
job deploy on 3 hosts: web[01-03]
  batch 1: web01
  batch 2: web[02-03]
  1  install   (as root, notifies restart)
       run: apt-get install -y app=2.0 {{ facts.os | quote }}
  2  first
     web[02-03]
         skipped: when: host.name == 'web01'
     web01
         run: echo web01
at the end, where a step that changed something has notified them:
  3  restart   (if notified by install)
       reboot
"""


def test_a_plan_tells_what_would_be_done_and_connects_to_nobody(fleetctl: Fleetctl, tmp_path: Path) -> None:
    (tmp_path / "deploy.yaml").write_text(PLAN)
    (tmp_path / "inventory.yaml").write_text("groups: {web: {hosts: 'web[01-03]', password: {prompt: Password}}}\n")
    words = (tmp_path / "deploy.yaml", "-i", tmp_path / "inventory.yaml", "-e", "version=2.0")
    for command in (("job", "plan", *words), ("job", "run", "--dry-run", *words)):
        ran = fleetctl(*command)
        assert (ran.exit_code, ran.stdout, ran.stderr) == (0, PLANNED, "")
    ran = fleetctl("job", "plan", *words, "-o", "ndjson", "-t", "web01")
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [one["step"] for one in events if one["type"] == "step_finished"] == ["install", "first", "restart"]
    (tmp_path / "deploy.yaml").write_text(PLAN.replace("vars.version", "vars.verison"))
    ran = fleetctl("job", "plan", *words)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "did you mean" in ran.stderr


@pytest.mark.parametrize("words", [["run", "true"], ["put", "/etc/hostname", "x"]])
def test_what_is_no_job_loads_nothing_of_jobs(words: list[str]) -> None:
    code = (
        "import sys, os; sys.argv = ['fleetctl', *sys.argv[1:]]\n"
        "os._exit = lambda code: print(*sorted(sys.modules), file=sys.stderr)\n"
        "from fleetctl.cli import main; main()"
    )
    words = [words[0], "-H", "127.0.0.1:1", "--no-history", "-F", "none", *words[1:]]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=60, check=True)
    modules = set(done.stderr.split())
    assert "paramiko" in modules
    assert {name for name in modules if name.startswith("fleetctl.jobs.")} == {"fleetctl.jobs.sequence"}
    assert "jinja2" not in modules
