from fleetctl.engine.task import Policy as Policy
from fleetctl.fleet import Fleet as Fleet
from fleetctl.inventory import Overrides as Overrides
from fleetctl.model import Secret as Secret
from fleetctl.operations.command import Command as Command
from fleetctl.rollout import Check as Check
from fleetctl.rollout import Rollout as Rollout
from fleetctl.runs import HostResult as HostResult
from fleetctl.runs import Run as Run
from fleetctl.runs import RunResult as RunResult
from fleetctl.transfer.choices import Choices as Choices

__version__: str
