"""The entry point of the program. It imports only what every command needs: pexec is run by hooks and in loops."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> int:
    """Run the command line of this process and return its exit code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        return _print_version()
    try:
        from orchestrator import inherited

        inherited.reset()
        from orchestrator.cli.startup import start_quickly

        start_quickly()
        from orchestrator.cli.main import run

        return run(sys.argv[1:])
    except KeyboardInterrupt:  # before the handlers of the program are installed
        from orchestrator.interrupts import exit_code_of_signal

        exec("")  # see `interrupted` in cli/main.py
        return exit_code_of_signal()


def _print_version() -> int:
    """Print the version without importing the rest of pexec, which takes three times as long as starting Python."""
    from orchestrator import __version__

    try:
        os.write(1, f"pexec {__version__}\n".encode())
    except BrokenPipeError:
        return 0
    except OSError:
        return 5
    return 0


def program() -> NoReturn:
    """The program `pexec`. All output is flushed at the end, so the process exits without tearing down the interpreter,
    which takes 10 ms."""
    code = main()
    interrupts = sys.modules.get("orchestrator.interrupts")
    os._exit(code if interrupts is None else interrupts.exit_code(code))


if __name__ == "__main__":
    program()
