"""A connection that a bastion makes for us (RFC 4254, 7.2), in the shape of a Wire."""

from __future__ import annotations

import threading

from paramiko import Channel, ChannelException

from fleetctl.cancel import Cancel
from fleetctl.errors import ConnectionRefused, ConnectTimeout, HostError, NameUnknown, NotConnected
from fleetctl.ssh.stream.allowance import Allowance
from fleetctl.ssh.stream.bulk import Inbox
from fleetctl.ssh.stream.packets import Sink
from fleetctl.ssh.translate import FOREIGN
from fleetctl.ssh.transport import LeanTransport, lives
from fleetctl.ssh.ways.wire import ROUND_THE_WORLD, place_of

_WINDOW_SIZE = 1024 * 1024
_LOOK_SECONDS = 10.0
_PROHIBITED = 1
_CONNECT_FAILED = 2


class Tunnel:
    """The bytes of a direct-tcpip channel. One thread reads; any thread may send, abort or close."""

    def __init__(self, transport: LeanTransport, bastion: str) -> None:
        self._transport = transport
        self._bastion = bastion
        self._inbox = Inbox(2 * _WINDOW_SIZE)
        self._ahead = memoryview(b"")
        self._ungranted = 0
        self._aborted = False
        self._sending_lock = threading.Lock()

    def open(self, address: str, port: int, seconds: float, cancel: Cancel) -> None:
        """Ask for the connection and wait for it.

        Raises: UnreachableError and its kinds; Cancelled.
        """
        place = place_of(address, port)
        try:
            self._request = self._transport.ask_for_tunnel((address, port), _WINDOW_SIZE, self._prepare)
        except FOREIGN as error:
            raise self._gone() from error
        try:
            self._answered(place, seconds, cancel)
        except BaseException:
            self.close()
            raise

    def _answered(self, place: str, seconds: float, cancel: Cancel) -> None:
        with cancel.guard(seconds, self._request.answered.set) as guard:
            self._request.answered.wait()
        if self._channel.active and not self._channel.closed:
            return
        cancel.check()
        if self._request.refusal is not None:
            raise _refused(self._request.refusal, self._bastion, place)
        if not lives(self._transport) or not guard.expired:
            raise self._gone()
        raise ConnectTimeout(
            f"no answer from {place} within {seconds:g} s, asked by {self._bastion}",
            hint="is the host up, the address right as seen from there, and no firewall between?",
        )

    @property
    def ended(self) -> str:
        """Why there is no connection any more, as far as it is known here; else ""."""
        return "" if lives(self._transport) else f"the bastion {self._bastion} went away"

    @property
    def standing(self) -> str:
        """Nothing is known of what is behind the bastion."""
        return ""

    @property
    def _closed(self) -> bool:
        """Read by paramiko's transport.py: `stop_thread`."""
        return self._aborted

    @property
    def pending(self) -> int:
        return len(self._ahead)

    @property
    def round_trip(self) -> float:
        """Nothing is known of the way beyond the bastion."""
        return ROUND_THE_WORLD

    def recv(self, size: int) -> bytes:
        """See `Wire.recv`."""
        try:
            ahead = self.ahead(1)
        except EOFError:
            return b""
        taken = bytes(ahead[:size])
        self.skip(len(taken))
        return taken

    def ahead(self, size: int) -> memoryview:
        """See `Wire.ahead`."""
        while len(self._ahead) < size:
            pieces, arrived = self._inbox.take(1, _LOOK_SECONDS)
            if not pieces:
                raise EOFError
            self._ahead = (
                pieces[0] if len(pieces) == 1 and not self._ahead else memoryview(b"".join([self._ahead, *pieces]))
            )
            self._grant(arrived)
        return self._ahead

    def skip(self, size: int) -> None:
        self._ahead = self._ahead[size:]

    def send(self, data: bytes) -> int:
        self.send_all(memoryview(data))
        return len(data)

    def send_all(self, data: memoryview) -> None:
        """Raises: BrokenPipeError when the connection has ended."""
        with self._sending_lock:
            while data:
                size = self._allowed(len(data))
                self._transport.send_data(self._channel, [data[:size]])
                data = data[size:]

    def settimeout(self, seconds: float | None) -> None:
        """Ignored, as by a Wire."""

    def abort(self) -> None:
        """End the conversation from any thread; whoever reads or writes is woken with its end. Nothing is sent."""
        self._aborted = True
        self._inbox.close()
        with self._channel.lock:
            self._channel.out_buffer_cv.notify_all()

    def close(self) -> None:
        self.abort()
        self._transport.deliver(self._channel, None)
        try:
            self._transport.abandon(self._request)
        except FOREIGN:
            return  # the bastion is gone, and the channel with it

    def _prepare(self, channel: Channel) -> None:
        self._channel = channel
        self._allowance = Allowance(channel)
        channel.in_buffer = self._inbox
        self._transport.deliver(channel, Sink(self._inbox.put, self._allowance.widen))

    def _allowed(self, wanted: int) -> int:
        while not self._aborted:
            try:
                size = self._allowance.take(wanted)
            except TimeoutError:
                continue
            if size:
                return size
            break
        raise BrokenPipeError(self.ended or "the connection has ended")

    def _grant(self, size: int) -> None:
        self._ungranted += size
        if self._ungranted >= _WINDOW_SIZE // 8 and not self._channel.eof_received:
            self._transport.grant(self._channel, self._ungranted)
            self._ungranted = 0

    def _gone(self) -> NotConnected:
        return NotConnected(self.ended or f"the bastion {self._bastion} opens no connection", hint="see its log")


def _refused(refusal: ChannelException, bastion: str, place: str) -> HostError:
    """What the bastion's answer means. sshd gives strerror(3) or gai_strerror(3) of its own attempt."""
    text = refusal.text
    if refusal.code == _PROHIBITED:
        return NotConnected(
            f"{bastion} does not let us connect to {place}: {text}",
            hint="AllowTcpForwarding and PermitOpen in its sshd_config, `restrict` in authorized_keys there, forbid it",
        )
    if "refused" in text.lower():
        return ConnectionRefused(
            f"connection refused by {place}, asked by {bastion}", hint="is sshd running there, and on this port?"
        )
    if "timed out" in text.lower():
        return ConnectTimeout(
            f"no answer from {place}, asked by {bastion}", hint="is the host up and no firewall between?"
        )
    if refusal.code == _CONNECT_FAILED and ("known" in text.lower() or "name" in text.lower()):
        return NameUnknown(f"{bastion} cannot resolve {place}: {text}", hint="the name is looked up on the bastion")
    return NotConnected(f"{bastion} cannot connect to {place}: {text}", hint="try it from there")
