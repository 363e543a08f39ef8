"""Peak memory: 250 hosts at once, and 1 GiB of output from one host, as lines and folded.

python -m tests.benchmarks.memory
"""

from __future__ import annotations

from tests.benchmarks.fleet import fleet
from tests.benchmarks.measure import cost
from tests.support.fleetctl import SCRIPT

HOSTS = 250
GIBIBYTE = "yes 0123456789012345678901234567890123456789012345678901234567890 | head -c 1073741824"


def main() -> None:
    with fleet(HOSTS) as served:
        run = (SCRIPT, "run", "-i", served.inventory)
        one = (*run, "-t", "h001")
        commands = {
            "250 hosts, 64 at once": (*run, "-f", "64", "df"),
            "250 hosts, 250 at once": (*run, "-f", "250", "df"),
            "250 hosts, folded": (*run, "-b", "df"),
            "1 GiB of lines": (*one, GIBIBYTE),
            "1 GiB, one line": (*one, "head -c 1073741824 /dev/zero"),
            "1 GiB, folded": (*one, "-b", GIBIBYTE),
            "1 GiB, json": (*one, "-o", "json", GIBIBYTE),
        }
        print(f"{'':<26}{'peak MiB':>9}{'CPU s':>8}{'wall s':>8}")
        for name, command in commands.items():
            done = cost(command)
            print(f"{name:<26}{done.peak:>9.0f}{done.cpu:>8.2f}{done.wall:>8.2f}")


if __name__ == "__main__":
    main()
