"""The shortest paramiko script that runs lines on hosts: what fleetctl would cost without its ssh room.

    paramiko_lines.py ADDRESSES PORT USER KEY KNOWN_HOSTS FANOUT LINES

LINES is a file with one command line a line. One Transport is open per host, on a pool of threads, with one channel
per line; the next line begins when the one before has ended with exit code 0. The key is decoded once and AES-GCM
preferred; host keys are compared with a table that is read once.
"""

from __future__ import annotations

import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import paramiko

_GCM = "aes128-gcm@openssh.com"


def main() -> int:
    addresses, port, user, key_file, known_hosts_file, fanout, lines_file = sys.argv[1:]
    key = paramiko.RSAKey.from_private_key_file(key_file)
    known = set(Path(known_hosts_file).read_text().splitlines())
    lines = Path(lines_file).read_text().splitlines()

    def play(address: str) -> int:
        sock = socket.create_connection((address, int(port)), 10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport = paramiko.Transport(sock)
        options = transport.get_security_options()
        options.ciphers = (_GCM, *(name for name in options.ciphers if name != _GCM))
        try:
            transport.start_client(timeout=30)
            shown = transport.get_remote_server_key()
            if f"[{address}]:{port} {shown.get_name()} {shown.get_base64()}" not in known:
                raise RuntimeError(f"{address} is not known")
            transport.auth_publickey(user, key)
            return next((code for line in lines if (code := run(transport, address, line))), 0)
        finally:
            transport.close()

    def run(transport: paramiko.Transport, address: str, line: str) -> int:
        with transport.open_session(timeout=30) as channel:
            channel.exec_command(line)
            with channel.makefile("r") as said:
                for row in said:
                    sys.stdout.write(f"{address}: {row}")
            return channel.recv_exit_status()

    with ThreadPoolExecutor(int(fanout)) as threads:
        return max(threads.map(play, Path(addresses).read_text().split()))


if __name__ == "__main__":
    sys.exit(main())
