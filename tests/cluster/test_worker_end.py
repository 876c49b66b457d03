"""How the programs of workers end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import os, sys, threading
from orchestrator.cluster.worker.worker_end import end
scratch = sys.argv[1]
for number in range(300):
    os.makedirs(f"{scratch}/{number}/a/b")
for _ in range(3):
    threading.Thread(target=end, args=(scratch,), daemon=True).start()
end(scratch)
"""


def test_a_worker_that_several_threads_end_at_once_leaves_nothing(tmp_path: Path) -> None:
    for number in range(5):
        scratch = tmp_path / str(number)
        assert subprocess.run([sys.executable, "-c", _PROGRAM, scratch], timeout=60).returncode == 0
        assert not scratch.exists()


_CANNOT_CLOSE = """
import sys, types
from orchestrator.cluster.worker import worker_end
sys.modules[worker_end._SERVICE] = types.SimpleNamespace(close_all=lambda: 1 / 0)
worker_end.end(sys.argv[1])
"""


def test_a_worker_that_cannot_end_its_attempts_says_so_and_leaves_no_directory(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    (scratch / "a").mkdir(parents=True)
    assert subprocess.run([sys.executable, "-c", _CANNOT_CLOSE, scratch], timeout=60).returncode == 1
    assert not scratch.exists()
