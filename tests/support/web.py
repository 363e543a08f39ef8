"""Small servers for what jobs look at: a page of health, and a certificate on the wire."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, TCPServer, ThreadingTCPServer


class _Health(BaseHTTPRequestHandler):
    def __init__(self, well: Callable[[str], bool], *words: object) -> None:
        self._well = well
        super().__init__(*words)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.send_response(200 if self._well(self.path.strip("/")) else 503)
        self.end_headers()

    def log_message(self, *_words: object) -> None:
        """Nobody reads it."""


@contextmanager
def health(well: Callable[[str], bool]) -> Iterator[str]:
    """The address of a server whose page NAME is there while `well(NAME)`."""
    with _served(ThreadingHTTPServer(("127.0.0.1", 0), partial(_Health, well))) as port:
        yield f"http://127.0.0.1:{port}"


class _Greeting(BaseRequestHandler):
    def __init__(self, place: Callable[[str], Path], *words: object) -> None:
        self._place = place
        super().__init__(*words)  # type: ignore[arg-type]

    def handle(self) -> None:
        serving = self._place(self.request.getsockname()[0])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(serving / "chain.pem", serving / "key.pem")
        try:
            with context.wrap_socket(self.request, server_side=True) as greeted:
                greeted.recv(1)
        except OSError:
            return  # the client has seen what it came for


@contextmanager
def certificates(place: Callable[[str], Path]) -> Iterator[int]:
    """The port of a server on all of loopback that shows what lies in `place(ADDRESS)` when somebody comes."""
    with _served(ThreadingTCPServer(("0.0.0.0", 0), partial(_Greeting, place))) as port:
        yield port


@contextmanager
def _served(server: TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, name="web", kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
