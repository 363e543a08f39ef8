"""The packet layer under paramiko's Transport: AES-GCM without detours, and two races closed.

paramiko's Packetizer serves every cipher by one path, with two reads and several copies per packet. Here
the two GCM ciphers (RFC 5647) have a path of their own at half the CPU; everything before the first key
exchange, and every other cipher, goes through paramiko's.

The races are between paramiko's threads (channel.py: `shutdown_write`, `_handle_close`):
an end of file that is sent after the close of its channel makes OpenSSH drop the whole connection, and a
close that arrives while we wait for new keys is answered by the only thread that could receive them.
"""

from __future__ import annotations

import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from paramiko import Channel, Message, SSHException
from paramiko.packet import NeedRekeyException, Packetizer

from fleetctl.ssh.stream.outbox import BLOCK_SIZE, PACKETS, TAG_SIZE, Outbox, Packet, padding
from fleetctl.ssh.stream.pieces import Piece, cut, fill
from fleetctl.ssh.ways.way import Way

_MAX_PACKET_SIZE = 1024 * 1024
_MAX_HELD_BYTES = 64 * 1024 * 1024
_MSG_IGNORE = 2
_MSG_DEBUG = 4
_MSG_KEXINIT = 20
_FIRST_OF_CHANNELS = 80
_MSG_CHANNEL_DATA = 94
_MSG_CHANNEL_OPEN = 90
_MSG_CHANNEL_OPEN_CONFIRMATION = 91
_MSG_CHANNEL_WINDOW_ADJUST = 93
_MSG_CHANNEL_CLOSE = 97
_FOR_SINKS = frozenset({_MSG_CHANNEL_DATA, _MSG_CHANNEL_WINDOW_ADJUST})
_DATA_START = 10
"""Behind the length of the padding, the kind, the number of the channel and the size of its data."""
_length = struct.Struct(">I")
_counter = struct.Struct(">Q")
_channel_and_size = struct.Struct(">II")


class ChannelMessage(Message):
    """A message for a channel. It is dropped when that was closed meanwhile: its number may be another's by then."""

    def __init__(self, kind: int, channel: Channel, content: bytes = b"") -> None:
        super().__init__(b"%c%b%b" % (kind, _length.pack(channel.remote_chanid), content))
        self.channel = channel


class WindowAdjust(ChannelMessage):
    """Lets the other side send so many bytes more."""

    def __init__(self, channel: Channel, size: int) -> None:
        super().__init__(_MSG_CHANNEL_WINDOW_ADJUST, channel, _length.pack(size))


class ChannelData(ChannelMessage):
    """Bytes for a channel that go out as many packets at once.

    Args:
        pieces: the bytes; no more than the window allows.
        most: bytes in one packet.
    """

    def __init__(self, channel: Channel, pieces: Sequence[Piece], most: int) -> None:
        super().__init__(_MSG_CHANNEL_DATA, channel)
        self._pieces = pieces
        self.most = most

    @property
    def size(self) -> int:
        return sum(map(len, self._pieces))

    def parts(self, size: int) -> Iterator[tuple[int, Sequence[Piece]]]:
        """The pieces in portions of `size` bytes, and of what remains."""
        rest = self._pieces
        left = self.size
        while left:
            now = min(size, left)
            part, rest = cut(rest, now)
            yield now, part
            left -= now


class Sink(msgspec.Struct, frozen=True):
    """Takes what arrives for a channel, in the thread that reads; raising ends the connection.

    Args:
        data: bytes, as they come.
        window: how many bytes more may be sent (RFC 4254, 5.2).
    """

    data: Callable[[memoryview], None]
    window: Callable[[int], None]


class _Direction:
    """One direction of the connection under one key: cipher, nonce (RFC 5647, 7.1) and what it has carried."""

    def __init__(self, cipher: AESGCM, nonce: bytes) -> None:
        self.cipher = cipher
        self._fixed = nonce[:4]
        (self._invocations,) = _counter.unpack(nonce[4:])
        self.bytes = 0

    def next_nonce(self, size: int) -> bytes:
        """The nonce for the next packet, of `size` bytes."""
        nonce = self._fixed + _counter.pack(self._invocations)
        self._invocations = (self._invocations + 1) & 0xFFFF_FFFF_FFFF_FFFF
        self.bytes += size
        return nonce

    def seal(self, packets: Sequence[Packet]) -> None:
        """Encrypt packets, whose lengths are sent as they are."""
        encrypt = self.cipher.encrypt_into
        for plain, length, room in packets:
            encrypt(self.next_nonce(len(plain)), plain, length, room)

    @property
    def worn(self) -> bool:
        return self.bytes >= PacketLayer.REKEY_BYTES

    @property
    def worn_out(self) -> bool:
        """Past all patience with a peer that does not answer a request for new keys."""
        return self.bytes >= 2 * PacketLayer.REKEY_BYTES


class PacketLayer(Packetizer):
    """Reads and writes packets of one connection. One thread reads, any thread writes.

    Both ends keep the order of ciphers they offered, so new keys never bring another cipher than GCM.
    """

    # A quarter of what RFC 4344, 3.2, and OpenSSH allow a cipher with blocks of 16 bytes; paramiko's own limit,
    # made for older ones, would stop the stream for a key exchange every 512 MiB. A packet is 16 bytes at least, so
    # these are 2**30 packets at most, of the 2**31 after which RFC 4344, 3.1, wants other keys.
    REKEY_BYTES = 1 << 34

    def __init__(self, wire: Way) -> None:
        super().__init__(wire)  # type: ignore[arg-type]  # a socket in all that Packetizer asks of it
        self._wire = wire
        self._inward: _Direction | None = None
        self._outward: _Direction | None = None
        self._received = 0
        self._exchanging = False
        self._held: deque[tuple[int, Message]] = deque()
        self._held_bytes = 0
        self._sending_lock = threading.Lock()
        self._closed_channels: set[bytes] = set()
        self._outbox: Outbox | None = None
        self.sinks: dict[int, Sink] = {}
        """By the number of the channel on our side."""

    def start_handshake(self, timeout: float) -> None:
        """No timer: its thread can hold up the exit for 15 s, and our own deadline covers the handshake."""

    def reset_seqno_in(self) -> None:
        super().reset_seqno_in()
        self._received = 0

    def set_inbound_cipher(self, *args: Any, **settings: Any) -> None:
        super().set_inbound_cipher(*args, **settings)
        self._inward = _direction(settings, "iv_in")
        self._exchanging = False

    def set_outbound_cipher(self, *args: Any, **settings: Any) -> None:
        super().set_outbound_cipher(*args, **settings)
        self._outward = _direction(settings, "iv_out")

    def need_rekey(self) -> bool:
        if self._inward is None or self._outward is None:
            return super().need_rekey()
        return self._inward.worn or self._outward.worn

    def read_message(self) -> tuple[int, Message]:
        """Message number and content. Raises: EOFError, OSError, SSHException, NeedRekeyException.

        What belongs to channels waits until a key exchange that we began is over.
        """
        while not self._held or self._exchanging:
            kind, message = self._next_message()
            if not self._exchanging or kind < _FIRST_OF_CHANNELS:
                return kind, message
            self._held_bytes += len(message.asbytes())
            if self._held_bytes > _MAX_HELD_BYTES:
                raise SSHException("the server goes on sending and does not answer to a key exchange")
            self._held.append((kind, message))
        kind, message = self._held.popleft()
        self._held_bytes -= len(message.asbytes())
        return kind, message

    def send_message(self, data: Message) -> None:
        """Send, unless it is for a channel that was closed by us (RFC 4254, 5.3)."""
        payload = data.asbytes()
        with self._sending_lock:
            if payload[0] == _MSG_KEXINIT:
                self._exchanging = True
            elif payload[0] >= _MSG_CHANNEL_WINDOW_ADJUST and not self._is_open(payload):
                return
            if isinstance(data, ChannelMessage) and data.channel.closed:
                return  # it is closed first, and its number given up when the other side has heard of that
            if isinstance(data, ChannelData):
                self._send_data(data)
            elif self._outward is None:
                super().send_message(data)
            else:
                self._seal(payload, self._outward)

    def _next_message(self) -> tuple[int, Message]:
        kind, message = super().read_message() if self._inward is None else self._open_message(self._inward)
        self._received = (message.seqno + 1) & 0xFFFF_FFFF
        if kind == _MSG_DEBUG:
            # Servers explain a login in these, and paramiko formats them for a log that nobody keeps.
            # Strict key exchange refuses both kinds alike.
            return _MSG_IGNORE, message
        if kind == _MSG_CHANNEL_OPEN_CONFIRMATION:
            self._note_open(message.asbytes()[4:8])
        elif kind == _MSG_CHANNEL_OPEN:  # by the server, for a forwarded agent
            content = message.asbytes()
            start = 4 + _length.unpack_from(content)[0]  # behind what kind it is to be
            self._note_open(content[start : start + 4])
        return kind, message

    def _note_open(self, channel: bytes) -> None:
        with self._sending_lock:
            self._closed_channels.discard(channel)

    def _is_open(self, payload: bytes) -> bool:
        """Whether the channel that the message is for has not been closed; notes its closing."""
        channel = payload[1:5]
        if channel in self._closed_channels:
            return False
        if payload[0] == _MSG_CHANNEL_CLOSE:
            self._closed_channels.add(channel)
        return True

    def _send_data(self, data: ChannelData) -> None:
        head, outward = data.asbytes(), self._outward
        if outward is None:
            for size, part in data.parts(data.most):
                plain = memoryview(bytearray(size))
                fill([plain], part)
                super().send_message(Message(head + _length.pack(size) + plain))
            return
        outbox = self._outbox
        wanted = min(data.size, PACKETS * data.most)
        if outbox is None or (outbox.head, outbox.most) != (head, data.most) or outbox.size < wanted:
            # Requests for files to come are small, and half a megabyte for each host is much.
            outbox = self._outbox = Outbox(head, data.most, 1 if wanted <= data.most else PACKETS)
        for size, part in data.parts(outbox.size):
            self._wire.send_all(outbox.sealed(part, size, outward.seal))

    def _seal(self, payload: bytes, outward: _Direction) -> None:
        needed = padding(len(payload))
        head = _length.pack(len(payload) + 1 + needed)
        # Zeros will do: under an authenticated cipher random padding hides nothing more.
        plain = b"%c%b%b" % (needed, payload, bytes(needed))
        self.write_all(head + outward.cipher.encrypt(outward.next_nonce(len(plain)), plain, head))

    def _open_message(self, inward: _Direction) -> tuple[int, Message]:
        """The next message that is not for one of the sinks."""
        while True:
            for plain, end in self._opened(inward):
                if not self._delivered(plain, end):
                    message = Message(plain[2:end])
                    message.seqno = self._received
                    return plain[1], message
            if self.need_rekey():
                raise NeedRekeyException

    def _opened(self, inward: _Direction) -> Iterator[tuple[bytes, int]]:
        """The packets that are whole in what was read, at least one; more is read only for the first.

        Yields: its bytes, from the length of its padding on, and where that padding begins.
        """
        ahead = self._ahead(_length.size)
        total = _total_size(ahead)
        if len(ahead) < total:
            ahead = self._ahead(total)
        while len(ahead) >= total:
            self._wire.skip(total)
            if inward.worn_out:
                raise SSHException("Remote transport is ignoring rekey requests")
            size = total - _length.size - TAG_SIZE
            try:
                plain = inward.cipher.decrypt(
                    inward.next_nonce(size), ahead[_length.size : total], ahead[: _length.size]
                )
            except InvalidTag as error:
                raise SSHException("Mismatched MAC") from error
            end = size - plain[0]
            if end < 2:
                raise SSHException("Invalid packet padding")
            yield plain, end
            ahead = ahead[total:]
            if len(ahead) < _length.size:
                return
            total = _total_size(ahead)

    def _delivered(self, plain: bytes, end: int) -> bool:
        """Whether it was for someone who takes it as it comes. While keys are exchanged it has to wait."""
        kind = plain[1]
        if kind not in _FOR_SINKS or self._exchanging or self._held or not self.sinks or end < _DATA_START:
            return False
        channel, size = _channel_and_size.unpack_from(plain, 2)
        sink = self.sinks.get(channel)
        if sink is None:
            return False
        if kind == _MSG_CHANNEL_WINDOW_ADJUST:
            sink.window(size)
        elif size != end - _DATA_START:
            raise SSHException("Invalid packet: it is not as long as its data")
        else:
            sink.data(memoryview(plain)[_DATA_START : _DATA_START + size])
        self._received = (self._received + 1) & 0xFFFF_FFFF
        return True

    def _ahead(self, size: int) -> memoryview:
        """`size` bytes or more, that are still to be skipped; between packets a wait may end in a request for keys."""
        while True:
            try:
                return self._wire.ahead(size)
            except TimeoutError:
                if not self._wire.pending and self.need_rekey():
                    raise NeedRekeyException from None


def _total_size(packet: memoryview) -> int:
    """Of a packet that begins there, with its length and its tag. Raises: SSHException for what is none."""
    (size,) = _length.unpack_from(packet)
    if not BLOCK_SIZE <= size <= _MAX_PACKET_SIZE or size % BLOCK_SIZE:
        raise SSHException("Invalid packet blocking")
    return int(_length.size + size + TAG_SIZE)


def _direction(settings: dict[str, Any], nonce: str) -> _Direction | None:
    return _Direction(settings["block_engine"], settings[nonce]) if settings["aead"] else None
