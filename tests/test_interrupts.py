"""The signals of the program, outside of a run: each ends it with its own exit code."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

CODE = """
import os, signal, sys
from orchestrator import interrupts

class Swallows:
    def __del__(self):
        signal.raise_signal(number)

number = signal.Signals(int(sys.argv[2]))
interrupts.install()
def end():
    print("complete", flush=True)
    os._exit(interrupts.exit_code(0))
match sys.argv[1]:
    case "at once":
        signal.raise_signal(number)
    case "never swallowed":
        swallows = Swallows()
        del swallows
    case "in a command":
        interrupts.raise_in_command()
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            os._exit(interrupts.exit_code_of_signal())
    case "swallowed in a command":
        interrupts.raise_in_command()
        swallows = Swallows()
        del swallows
    case "until a run":
        interrupts.raise_in_command()
        interrupts.exit_until_run()
        swallows = Swallows()
        del swallows
    case "after a run":
        interrupts.note_only()
        for _ in range(3):
            signal.raise_signal(number)
    case "long after a run":
        interrupts.note_only()
        signal.raise_signal(number)
        interrupts._program.first_at -= 6
        signal.raise_signal(number)
end()
"""
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGQUIT: 131}
COMPLETES = {"swallowed in a command", "after a run"}


@pytest.mark.parametrize("number", CODES)
@pytest.mark.parametrize(
    "moment",
    [
        "at once",
        "never swallowed",
        "in a command",
        "swallowed in a command",
        "until a run",
        "after a run",
        "long after a run",
    ],
)
def test_a_signal_leads_to_its_exit_code_at_every_moment(moment: str, number: signal.Signals) -> None:
    done = subprocess.run([sys.executable, "-c", CODE, moment, str(int(number))], capture_output=True, timeout=60)
    assert done.returncode == CODES[number], done.stderr
    assert bool(done.stdout) == (moment in COMPLETES and number is not signal.SIGQUIT)


@pytest.mark.parametrize("moment", ["at once", "in a command", "after a run"])
def test_a_request_for_the_progress_does_nothing_where_no_run_is(moment: str) -> None:
    done = subprocess.run([sys.executable, "-c", CODE, moment, str(int(signal.SIGUSR1))], capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"complete\n"), done.stderr
