"""The script of docs/python.md does what the page says that it does."""

from __future__ import annotations

import subprocess
import sys

from tests.support.documents import ROOT, check, environment, plant
from tests.support.markdown import blocks, examples
from tests.support.stage import Stage

PAGE = ROOT / "docs/python.md"


def test_the_scripts_of_the_page_work(stage: Stage) -> None:
    stage.set_up()
    short, whole = blocks(PAGE, "python")
    (job,) = blocks(PAGE, "yaml")
    plant(stage.fleet, {"short.py": short, "rollout.py": whole, "restart.yaml": job})
    (example,) = examples(PAGE)
    for command, shown in (("python short.py", None), (example.command, example)):
        done = subprocess.run(
            [sys.executable, *command.split()[1:]], cwd=stage.fleet, env=environment(stage.home), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False,
        )  # fmt: skip
        if shown is None:
            assert (done.returncode, done.stdout) == (0, "True 2.4.1\n\n")
        else:
            check(done.stdout, done.returncode, shown, 0, {})
            assert done.returncode == 0
    assert (stage.host_homes["web03"] / "app/VERSION").read_text() == "2.4.1\n"
    assert (stage.fleet / "before/web03/VERSION").read_text() == "2.4.0\n"
