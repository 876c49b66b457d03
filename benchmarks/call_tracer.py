"""What `calls` runs in place of pexec: the program itself, with its calls and those of its warden counted.

Started with the arguments of a command line, it is pexec; with `-I -S` before it, it is the warden: pexec's start of
that is rewritten on its way. Each process writes what it counted into a file in the directory `PEXEC_CALLS`.
Standard library only, and nothing but what both processes have imported anyhow.
"""

from __future__ import annotations

import os
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType
    from typing import Any

_PRODUCT = "orchestrator"


class Tracer:
    """Counts calls, and notes the stack at each call of the built-in function `watched`, from function `outermost`.

    Calls count while the function with the qualified name `loop` runs: those of its own thread, and those of others.
    """

    def __init__(self, watched: str, outermost: str, loop: str) -> None:
        self._watched = watched
        self._outermost = outermost
        self._loop = loop
        self._in_loop = False
        self._calls: dict[CodeType, int] = {}
        self._beside: dict[CodeType, int] = {}  # calls of other threads
        self._stacks: dict[tuple[str, ...], int] = {}

    def start(self) -> None:
        """Trace this thread, and those that are started from now on."""
        threading.setprofile(self._on_event_elsewhere)
        sys.setprofile(self._on_event)

    def _on_event_elsewhere(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and self._in_loop:
            self._beside[frame.f_code] = self._beside.get(frame.f_code, 0) + 1

    def _on_event(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            code = frame.f_code
            if self._in_loop:
                self._calls[code] = self._calls.get(code, 0) + 1
            elif code.co_qualname == self._loop:
                self._in_loop = True
        elif event == "c_call":
            if self._in_loop and argument.__name__ == self._watched:
                stack = _stack(frame, self._outermost)
                self._stacks[stack] = self._stacks.get(stack, 0) + 1
        elif event == "return" and frame.f_code.co_qualname == self._loop:
            self._in_loop = False

    def write(self, path: str) -> None:
        """Stop in this thread, and write what was counted."""
        sys.setprofile(None)
        import json

        stack = max(self._stacks, key=self._stacks.__getitem__, default=())
        with open(path, "w") as file:
            json.dump({"calls": _named(self._calls), "beside": _named(self._beside), "stack": stack}, file)


def _named(calls: dict[CodeType, int]) -> dict[str, int]:
    named: dict[str, int] = {}
    for code, count in list(calls.items()):
        name = f"{_short(code.co_filename)}:{code.co_firstlineno} {code.co_qualname}"
        named[name] = named.get(name, 0) + count
    return named


def _short(path: str) -> str:
    """A path from the product's package on, or the last two parts of another."""
    parts = path.split("/")
    if _PRODUCT in parts:
        return "/".join(parts[parts.index(_PRODUCT) + 1 :])
    return "/".join(parts[-2:])


def _stack(frame: FrameType | None, outermost: str) -> tuple[str, ...]:
    """The product's functions on the stack, outermost first, from the last that is called `outermost` on."""
    names: list[str] = []
    while frame is not None:
        if _PRODUCT in frame.f_code.co_filename and not frame.f_code.co_name.startswith("<"):
            names.append(frame.f_code.co_qualname)
            if frame.f_code.co_name == outermost:
                break
        frame = frame.f_back
    return tuple(reversed(names))


def _run_pexec(directory: str) -> None:
    spawn = os.posix_spawn

    def spawn_traced(path: str, argv: list[str], *rest: Any, **more: Any) -> int:
        if "-S" in argv:
            place = next(index for index, word in enumerate(argv) if word.endswith("__main__.py"))
            argv = [*argv[:place], os.path.abspath(__file__), *argv[place:]]
        return spawn(path, argv, *rest, **more)

    os.posix_spawn = spawn_traced  # type: ignore[assignment]
    from orchestrator.__main__ import main

    tracer = Tracer("send", "main", "Driver.run")
    tracer.start()
    code = main()
    tracer.write(os.path.join(directory, "pexec.json"))
    os._exit(code)


def _run_warden(directory: str) -> None:
    tracer = Tracer("posix_spawn", "serve", "Warden.serve")
    leave: Callable[[int], None] = os._exit

    def write_and_leave(code: int) -> None:
        tracer.write(os.path.join(directory, "warden.json"))
        leave(code)

    os._exit = write_and_leave  # type: ignore[assignment]
    import runpy

    del sys.argv[0]
    tracer.start()
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    (_run_warden if sys.flags.no_site else _run_pexec)(os.environ["PEXEC_CALLS"])
