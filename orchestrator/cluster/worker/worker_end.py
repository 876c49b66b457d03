"""How the programs of workers end: with all of its attempts, and its scratch directory."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import traceback
from collections.abc import Coroutine
from typing import Any


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
    """End all attempts, and this process, without asking Dask, which may wait for the network."""
    module = sys.modules.get("orchestrator.cluster.worker.worker_service")
    try:
        getattr(module, "close_all", lambda: None)()
        shutil.rmtree(scratch, ignore_errors=True)
    finally:
        os._exit(0)
