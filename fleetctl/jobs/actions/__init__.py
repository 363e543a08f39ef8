"""What each action does on a host: one module for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fleetctl.jobs import language
from fleetctl.jobs.actions.assert_ import perform_assert
from fleetctl.jobs.actions.get import perform_get
from fleetctl.jobs.actions.local import perform_local
from fleetctl.jobs.actions.pause import perform_pause
from fleetctl.jobs.actions.put import perform_put
from fleetctl.jobs.actions.reboot import perform_reboot
from fleetctl.jobs.actions.run import perform_run
from fleetctl.jobs.actions.script import perform_script
from fleetctl.jobs.actions.set_ import perform_set
from fleetctl.jobs.actions.template import perform_template
from fleetctl.jobs.actions.told import perform_told
from fleetctl.jobs.actions.wait_for import perform_wait_for
from fleetctl.jobs.scene import Done, Scene

PERFORM: dict[type[language.Action], Callable[[Any, Scene], Done]] = {
    language.Run: perform_run,
    language.Script: perform_script,
    language.WaitFor: perform_wait_for,
    language.Reboot: perform_reboot,
    language.Local: perform_local,
    language.Put: perform_put,
    language.Get: perform_get,
    language.TemplateFile: perform_template,
    language.Pause: perform_pause,
    language.Assert: perform_assert,
    language.Set: perform_set,
    language.Told: perform_told,
}
"""Each takes its action and the scene. Raises: FleetError and its kinds when it cannot be done."""
