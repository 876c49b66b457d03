"""The program's start. Only what every start needs is imported here: pexec lives in hooks and loops."""

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
        from orchestrator.cli.startup import start_quickly

        start_quickly()
        from orchestrator.cli.main import run

        return run(sys.argv[1:])
    except KeyboardInterrupt:  # while it was still being imported
        exec("")  # see `interrupted` in cli/main.py
        return 130


def _print_version() -> int:
    """Without the rest of pexec, which takes three times as long to import as Python takes to start."""
    from orchestrator import __version__

    try:
        os.write(1, f"pexec {__version__}\n".encode())
    except BrokenPipeError:
        return 0
    except OSError:
        return 5
    return 0


def program() -> NoReturn:
    """Be the program `pexec`: what it prints is printed by now, so leave without tearing everything down, which takes
    10 ms."""
    code = main()
    os._exit(code)


if __name__ == "__main__":
    program()
