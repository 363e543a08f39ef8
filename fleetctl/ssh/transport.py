"""paramiko's Transport as we use it: our algorithms, our packet layer, and waits that do not poll every 0.1 s."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any, cast

from paramiko import Channel, ChannelException, Message, SSHException, Transport

from fleetctl import __version__
from fleetctl.model import Algorithms
from fleetctl.ssh.algorithms import chosen
from fleetctl.ssh.checkup.offers import Offer
from fleetctl.ssh.notes import ServerNotes
from fleetctl.ssh.stream.packets import ChannelData, PacketLayer, Sink, WindowAdjust
from fleetctl.ssh.stream.pieces import Piece
from fleetctl.ssh.translate import FOREIGN
from fleetctl.ssh.ways.way import Way

_LOOK_SECONDS = 2.0
_CHANNEL_OVERHEAD = 64
"""What paramiko keeps free in a packet besides its data (channel.py: `_wait_for_send_window`)."""
_LARGEST_PACKET = 64 * 1024
"""Whatever a server says that it takes: OpenSSH takes half of it, and 32 KiB is what everyone must (RFC 4253, 6.1)."""
_CHANNEL_OPEN = bytes([90])
_PACKET_SIZE = 32 * 1024
_ORIGIN = ("127.0.0.1", 0)
"""From where the connection is wanted, for the server's log."""
_UNBOUNDED_SECONDS = 86_400.0

_KEX = (
    "mlkem768x25519-sha256",
    "curve25519-sha256@libssh.org",
    "curve25519-sha256",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group14-sha256",
)
# AES-GCM first: it needs no HMAC, and paramiko compares MACs in a Python loop. No CBC, no MD5.
_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
_DIGESTS = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-sha1",
)
_KEY_TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
_SIGNED_BY = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}


def new_transport(wire: Way, notes: ServerNotes, known_kinds: list[str], wanted: Algorithms) -> LeanTransport:
    """A transport that has not begun.

    Args:
        known_kinds: the host key types to ask for first.
        wanted: what the user says of algorithms.

    Raises: NoCommonAlgorithm when there is code for none of those wanted.
    """
    transport = LeanTransport(wire, notes)
    transport.banner_timeout = _UNBOUNDED_SECONDS
    transport.auth_timeout = _UNBOUNDED_SECONDS
    options = transport.get_security_options()
    available = [name for name in options.kex if name in _KEX]
    options.kex = chosen(wanted.key_exchanges, available, options.kex, "key exchanges")
    options.ciphers = chosen(wanted.ciphers, _CIPHERS, options.ciphers, "ciphers")
    options.digests = chosen(wanted.macs, _DIGESTS, options.digests, "MACs")
    key_types = chosen(wanted.host_keys, _KEY_TYPES, _KEY_TYPES, "host key types")
    kinds = [kind for held in known_kinds for kind in _SIGNED_BY.get(held, (held,))]
    known = [kind for kind in kinds if kind.removesuffix("-cert-v01@openssh.com") in key_types]
    options.key_types = tuple(dict.fromkeys([*known, *key_types]))
    accepted = chosen(wanted.public_keys, _KEY_TYPES, _KEY_TYPES, "public key algorithms")
    transport.disabled_algorithms = {"pubkeys": [name for name in _KEY_TYPES if name not in accepted]}
    return transport


def possible() -> Offer:
    """All that paramiko has code for."""
    of: Any = Transport
    return Offer(of._preferred_kex, of._preferred_keys, of._preferred_ciphers, of._preferred_macs, True)  # noqa: SLF001


def shake_hands(transport: Transport) -> None:
    """Exchange banners and keys. Ends when the wire is aborted. Raises: paramiko's exceptions."""
    done = threading.Event()
    transport.start_client(event=done)
    wait(transport, done)
    if not lives(transport):
        raise transport.get_exception() or SSHException("Negotiation failed.")


def wait(transport: Transport, done: threading.Event) -> None:
    """Until the transport's thread sets the event, or is over."""
    while lives(transport) and not done.wait(_LOOK_SECONDS):
        pass


def lives(transport: Transport) -> bool:
    """Whether it is active, and its thread still there to be it: one that died of an exception is not."""
    return transport.is_active() and transport.is_alive()


class TunnelRequest:
    """A connection that a server was asked to make for us: set `answered` means opened, refused or never."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.answered = threading.Event()
        self.refusal: ChannelException | None = None
        self.abandoned = False


class LeanTransport(Transport):
    """With a short way for much data, connections through the server, and exceptions of known kinds."""

    packetizer: PacketLayer
    _CLIENT_ID = f"fleetctl_{__version__}"

    def __init__(self, wire: Way, notes: ServerNotes) -> None:
        super().__init__(cast("socket.socket", wire), packetizer_class=PacketLayer)
        self.logger = cast("logging.Logger", notes)
        self._notes = notes
        # Under self.lock: those without an answer yet, by the number of their channel.
        self._requests: dict[int, TunnelRequest] = {}

    def ask_for_tunnel(
        self, place: tuple[str, int], window_size: int, prepare: Callable[[Channel], None]
    ) -> TunnelRequest:
        """Ask the server to connect to a place for us (RFC 4254, 7.2).

        Unlike paramiko's `open_channel` it keeps the answers to several requests apart, and the server's reason.

        Args:
            prepare: is given the channel before it is asked for: what is at that place speaks first.
        """
        with self.lock:
            number = self._next_channel()  # type: ignore[attr-defined]  # missing in types-paramiko, as what follows
            channel = Channel(number)
            request = self._requests[number] = TunnelRequest(channel)
            self._channels.put(number, channel)  # type: ignore[attr-defined]
            self.channel_events[number] = request.answered
            self.channels_seen[number] = True
            channel._set_transport(self)  # type: ignore[attr-defined]  # noqa: SLF001 - as `open_channel` does
            channel._set_window(window_size, _PACKET_SIZE)  # type: ignore[attr-defined]  # noqa: SLF001
        prepare(channel)
        message = Message()
        message.add_byte(_CHANNEL_OPEN)
        message.add_string("direct-tcpip")
        for size in (number, window_size, _PACKET_SIZE):
            message.add_int(size)
        for name, port in (place, _ORIGIN):
            message.add_string(name)
            message.add_int(port)
        self._send_user_message(message)  # type: ignore[attr-defined]
        return request

    def abandon(self, request: TunnelRequest) -> None:
        """Close what was asked for, now or as soon as it is opened."""
        with self.lock:
            request.abandoned = True
        request.channel.close()

    def _parse_channel_open_success(self, m: Message) -> None:
        super()._parse_channel_open_success(m)  # type: ignore[misc]  # missing in types-paramiko
        m.rewind()
        with self.lock:
            request = self._requests.pop(m.get_int(), None)
        if request is not None and request.abandoned:
            request.channel.close()

    def _parse_channel_open_failure(self, m: Message) -> None:
        number, code, reason = m.get_int(), m.get_int(), m.get_text()
        with self.lock:
            request = self._requests.pop(number, None)
            if request is not None:
                request.refusal = ChannelException(code, reason)
        m.rewind()
        super()._parse_channel_open_failure(m)  # type: ignore[misc]

    def send_data(self, channel: Channel, pieces: Sequence[Piece]) -> None:
        """Send to a channel, no more than its window allows. Waits while keys are exchanged."""
        most = max(1, min(channel.out_max_packet_size, _LARGEST_PACKET) - _CHANNEL_OVERHEAD)
        self._send_user_message(ChannelData(channel, pieces, most))  # type: ignore[attr-defined]

    def grant(self, channel: Channel, size: int) -> None:
        """Let the server send so much more (RFC 4254, 5.2)."""
        self._send_user_message(WindowAdjust(channel, size))  # type: ignore[attr-defined]  # missing in types-paramiko

    def deliver(self, channel: Channel, sink: Sink | None) -> None:
        """Give what arrives for a channel to `sink`; None leaves it to the channel again."""
        if sink is None:
            self.packetizer.sinks.pop(channel.get_id(), None)
        else:
            self.packetizer.sinks[channel.get_id()] = sink

    @property
    def offer(self) -> Offer:
        """What we offer."""
        options = self.get_security_options()
        return Offer(tuple(options.kex), tuple(options.key_types), tuple(options.ciphers), tuple(options.digests), True)

    @property
    def strict(self) -> bool:
        """Whether the key exchange took place as its strict form wants it."""
        return bool(self.agreed_on_strict_kex)  # type: ignore[attr-defined]  # missing in types-paramiko

    def _check_banner(self) -> None:
        super()._check_banner()  # type: ignore[misc]  # missing in types-paramiko, as what follows
        self._notes.note_banner(self.remote_version)

    def _really_parse_kex_init(self, m: Message, ignore_first_byte: bool = False) -> Any:
        lists = super()._really_parse_kex_init(m, ignore_first_byte)  # type: ignore[misc]
        if not ignore_first_byte:  # it is the server's, and not our own once more
            self._notes.note_offer(Offer.parsed(lists))
        return lists

    def get_exception(self) -> Exception | None:
        """What its thread met, as one of the kinds that we translate, whatever a server made of it.

        A key exchange with a point that is none, for one, ends in a ValueError of the cipher library.
        """
        error = super().get_exception()
        if error is None or isinstance(error, FOREIGN):
            return error
        return SSHException(f"{type(error).__name__}: {error}")
