"""The entry point of the program. It imports only what every command needs: pexec is run by hooks and in loops."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> int:
    """Run the command line of this process and return its exit code."""
    if sys.argv[1:] in (["--version"], ["-V"]) and (code := _print_version()) is not None:
        return code
    try:
        completes = "_ARGCOMPLETE" in os.environ and "COMP_LINE" in os.environ  # a shell wants to know what to complete
        if not completes:  # it reads a descriptor that would be closed
            from orchestrator import inherited

            inherited.reset()
        from orchestrator.cli.startup import start_quickly

        start_quickly()
        if completes:
            from orchestrator.cli.completion.answer import answer

            answer()
        from orchestrator.cli.main import run

        return run(sys.argv[1:])
    except KeyboardInterrupt:  # before the handlers of the program are installed
        from orchestrator.interrupts import exit_code_of_signal

        exec("")  # see `interrupted` in cli/main.py
        return exit_code_of_signal()


def _print_version() -> int | None:
    """Print the version without importing the rest of pexec, which takes three times as long as starting Python. None
    if stdout does not take it at once, which the rest of pexec handles."""
    from orchestrator import __version__

    try:
        os.write(1, f"pexec {__version__}\n".encode())
    except BlockingIOError:
        return None
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
    if interrupts is not None:
        try:
            interrupts.note_only()
        except KeyboardInterrupt:  # it came just before
            code = interrupts.exit_code_of_signal()
        code = interrupts.exit_code(code)
    os._exit(code)


if __name__ == "__main__":
    program()
