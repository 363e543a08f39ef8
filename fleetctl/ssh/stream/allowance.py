"""How much may be sent to a channel now: the window that the other side has granted (RFC 4254, 5.2)."""

from __future__ import annotations

from paramiko import Channel

_LOOK_SECONDS = 0.5
_LARGEST_PORTION = 256 * 1024


class Allowance:
    """Takes of a channel's window in portions that are worth a wake-up. One thread takes, one widens.

    A server gives back its window in small portions: to send each at once would be a wake-up and a call of the
    kernel for every third packet. Who waits for more than there will be goes on with what there is.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        # Under channel.lock: how much of the window somebody waits for, and what is worth waiting for.
        self._enough = 0
        self._largest_portion = 0
        self._portion = 0

    def take(self, wanted: int) -> int:
        """Some of the bytes wanted; 0 when the channel has ended. Raises: TimeoutError when none are to be had."""
        channel = self._channel
        with channel.lock:
            if not self._portion:
                self._portion = self._largest_portion = max(1, min(_LARGEST_PORTION, channel.out_window_size // 4))
            self._enough = min(wanted, self._portion)
            if channel.out_window_size < self._enough and not channel.closed:
                channel.out_buffer_cv.wait(_LOOK_SECONDS)
                enough = channel.out_window_size >= self._enough
                self._portion = min(2 * self._portion, self._largest_portion) if enough else max(1, self._portion // 2)
            self._enough = 0
            if not channel.out_window_size and not (channel.closed or channel.eof_sent):
                raise TimeoutError
            if channel.closed or channel.eof_sent:
                return 0
            size = min(wanted, channel.out_window_size)
            channel.out_window_size -= size
            return int(size)

    def widen(self, size: int) -> None:
        """Called by the thread that reads."""
        channel = self._channel
        with channel.lock:
            channel.out_window_size += size
            if 0 < self._enough <= channel.out_window_size:
                channel.out_buffer_cv.notify_all()
