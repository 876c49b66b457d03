"""How the programs of workers end: with all of its attempts, and its scratch directory."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import traceback
from collections.abc import Coroutine
from typing import Any

from orchestrator.cluster.worker.removal import remove_directory

_SERVICE = "orchestrator.cluster.worker.worker_service"
_ending = threading.Lock()


def run_to_the_end(serve: Coroutine[Any, Any, None], scratch: str) -> None:
    """Run the worker, and end this process. Why it failed is the last line on stderr, which pexec reads."""
    try:
        asyncio.run(serve)
    except Exception as error:
        traceback.print_exception(error.__cause__ or error)
        sys.stderr.flush()
    finally:
        end(scratch)


def end(scratch: str) -> None:
    """End all attempts, and this process, without asking Dask, which may wait for the network. Its exit code is 0 only
    if nothing of it is left."""
    with _ending:  # several threads see that the end has come, and the first that is done ends the others
        module = sys.modules.get(_SERVICE)
        code = 1
        try:
            getattr(module, "close_all", lambda: None)()
            code = 0
        finally:
            try:
                remove_directory(scratch)
            finally:
                os._exit(code)


def evict_and_end(scratch: str) -> None:
    """The same, when someone else ends this worker, a queue or a user: its attempts are evicted. Returns at once."""

    def evict() -> None:
        module = sys.modules.get(_SERVICE)
        try:
            getattr(module, "evict_all", lambda: None)()
        finally:
            end(scratch)

    threading.Thread(target=evict, daemon=True).start()
