"""No host is forgotten: one pure function closes the account of every host, whatever became of its worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from fleetctl.events import Event, HostFinished, HostStarted, Output, Progress, StepFinished, StepStarted, Transferred


def settle(
    hosts: Iterable[str], events: Iterable[Event], missing: Callable[[str, bool], HostFinished]
) -> Iterator[Event]:
    """Pass events on so that each host has at most one HostStarted and exactly one HostFinished, last.

    What speaks of a host after its end, of a host begun already, or of one that is not in `hosts`, is
    dropped. When the stream ends or breaks, each host still open is ended by `missing(host, begun)`.

    Raises: what the stream raised, after every account is closed.
    """
    accounts = dict.fromkeys(hosts, False)
    failure: BaseException | None = None
    try:
        for event in events:
            if _counts(event, accounts):
                yield event
    except GeneratorExit:
        raise
    except BaseException as error:  # noqa: BLE001 - raised again below, when the accounts are closed
        failure = error
    for host in sorted(accounts, key=lambda name: not accounts[name]):
        yield missing(host, accounts[host])
    if failure is not None:
        raise failure


def _counts(event: Event, accounts: dict[str, bool]) -> bool:
    """Whether the event is in order; `accounts` holds the open hosts and whether each has begun."""
    match event:
        case HostStarted(host=host) if accounts.get(host) is False:
            accounts[host] = True
            return True
        case HostStarted():
            return False
        case (
            Output(host=host)
            | Transferred(host=host)
            | Progress(host=host)
            | StepStarted(host=host)
            | StepFinished(host=host)
        ):
            return accounts.get(host, False)
        case HostFinished(host=host):
            return accounts.pop(host, None) is not None
        case _:
            return True
