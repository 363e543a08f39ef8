"""The shortest asyncssh script that does what `fleetctl run df` does: strict host keys, one key, bounded fan-out.

    asyncssh_df.py ADDRESSES PORT USER KEY KNOWN_HOSTS FANOUT

Shared things are read once, as somebody who knows the library would write it.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import asyncssh


async def main() -> int:
    addresses, port, user, key_file, known_hosts_file, fanout = sys.argv[1:]
    key = asyncssh.read_private_key(key_file)
    known_hosts = asyncssh.read_known_hosts(known_hosts_file)
    begin = asyncio.Semaphore(int(fanout))

    async def df(address: str) -> int:
        async with (
            begin,
            asyncssh.connect(
                address,
                int(port),
                username=user,
                client_keys=[key],
                known_hosts=known_hosts,
                agent_path=None,
                config=None,
            ) as connection,
        ):
            done = await connection.run("df")
        for line in str(done.stdout).splitlines():
            print(f"{address}: {line}")
        return done.exit_status or 0

    codes = await asyncio.gather(*map(df, Path(addresses).read_text().split()))
    return max(codes)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
