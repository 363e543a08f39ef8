"""A fleet of SSH servers on this machine, for demonstration, rehearsal and tests.

`up`, `status` and `down` keep one in the background; `Lab` runs one inside this process. Importing this
room is cheap: asyncssh is loaded when servers are really started.
"""

from fleetctl.lab.background import default_directory, down, status, up
from fleetctl.lab.faults import NONE, Fault
from fleetctl.lab.inside import Lab
from fleetctl.lab.replies import Replies, Reply
from fleetctl.lab.state import LabState

__all__ = ["NONE", "Fault", "Lab", "LabState", "Replies", "Reply", "default_directory", "down", "status", "up"]
