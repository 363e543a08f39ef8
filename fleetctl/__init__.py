"""Run commands, move files and play scripted jobs on many machines over SSH."""

__version__ = "0.1.0"

_ROOMS = {
    "Fleet": "fleet",
    "Run": "runs",
    "RunResult": "runs",
    "HostResult": "runs",
    "Overrides": "inventory",
    "Policy": "engine.task",
    "Rollout": "rollout",
    "Check": "rollout",
    "Command": "operations.command",
    "Choices": "transfer.choices",
    "Secret": "model",
}
"""What scripts import from here, and where it is. The stub beside this file says the same to type checkers."""

__all__ = tuple(_ROOMS)


def __getattr__(name: str) -> object:
    """Loads it when it is asked for: paramiko alone takes longer than all that `fleetctl --version` needs."""
    if name not in _ROOMS:
        raise AttributeError(f"module 'fleetctl' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - `fleetctl --version` need not spend it

    return getattr(import_module(f"fleetctl.{_ROOMS[name]}"), name)
