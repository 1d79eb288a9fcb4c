"""`python -m tests.simulators.wiping_runner JOURNAL`: wipes that a test may kill at any instant.

For each line of standard input a child is made, which stops itself so that `strace` can attach,
then goes on with the wipe whose intent the journal holds. It prints the child's number, and, when
the child has ended, how. What takes long to load is loaded once, here.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from appliance.alerts.sheet import Sheet
from appliance.clock import SystemClock
from appliance.errors import OsteonError
from appliance.provision.identity import open_signer
from appliance.provision.keyseal import PlainSeal
from appliance.signing import DeviceSigner
from appliance.wipe.certificate import Status
from appliance.wipe.journal import Intent, Journal
from appliance.wipe.phases import Tools, go_through
from appliance.wipe.processes import BoxProcesses
from appliance.wipe.programs import SystemPrograms


def resume(journal: Journal) -> Status:
    """As `osteon wipe --resume` does it, without its words."""
    with journal.locked():
        intent = journal.intent()
        assert intent is not None
        return go_through(journal, intent, tools_of(intent))


def tools_of(intent: Intent) -> Tools:
    """The machine's own programs, and the identity in clear."""

    def opened() -> DeviceSigner | None:
        try:
            return open_signer(Path(intent.plan.identity), (PlainSeal(),))
        except OsteonError:
            return None

    programs, clock = SystemPrograms(), SystemClock()
    units = BoxProcesses(intent.plan.folders, programs, clock, has_units=False)
    return Tools(programs, clock, units, opened, {}, lambda _words: None)


def main() -> None:
    """Serve."""
    journal = Journal(Path(sys.argv[1]))
    Sheet()  # loads the font
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            os.kill(os.getpid(), signal.SIGSTOP)
            os._exit(0 if resume(journal) is not Status.FAILED else 3)
        _tell(child)
        _, status = os.waitpid(child, 0)
        _tell(os.waitstatus_to_exitcode(status))


def _tell(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
