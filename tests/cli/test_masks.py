"""What is not kept of a job: all that hosts may be told by it, and that a name calls a secret."""

from __future__ import annotations

from fleetctl.jobs.language import Head, Job, Modifiers, Run, Step
from fleetctl.jobs.sequence import Sequence
from fleetctl.jobs.texts import Line, Template
from fleetctl.model import Elevation, Host, Login, Secret
from fleetctl.remembering import masks_of


def test_a_job_keeps_no_secret_of_its_variables_its_environment_the_inventory_or_the_rights_of_its_steps() -> None:
    env = {"PGPASSWORD": Template("of the step"), "LANG": Template("C.UTF-8")}
    step = Step(name="s", action=Run(Line("true")), how=Modifiers(env=env))
    head = Head(
        vars={"db": {"password": "of the job", "name": "customers"}, "tokens": ["first one", {"x": "second one"}]}
    )
    job = Sequence(Job(head=head, steps=(step,)), {"api_key": "given with -e", "version": "1.2.3.4"})
    rights = Elevation(password=Secret("of sudo in steps"))
    hosts = [
        Host(
            name="a", address="a", login=Login("ada"), vars={"secret": "of host a", "role": "frontend"}, rights=rights
        ),
        Host(name="b", address="b", login=Login("ada")),
    ]
    masks = masks_of(job, hosts)
    hidden = ["of the step", "of the job", "first one", "second one", "given with -e"]
    shown = ["C.UTF-8", "customers", "1.2.3.4", "frontend"]
    for host in hosts:
        assert [masks.of(host.name).known(text) for text in hidden] == ["***"] * 5
        assert [masks.of(host.name).known(text) for text in shown] == shown
    assert masks.of("a").known("of host a, of sudo in steps") == "***, ***"
    assert masks.of("b").known("of host a") == "of host a"
