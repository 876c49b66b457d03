"""`python stored_work.py WHAT DIRECTORY`: one piece of work of the cache, measured; run in the environment of pexec.

Writes `measured.json` into the directory.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from orchestrator.cache.cache import Cache, open_cache
from orchestrator.cache.fingerprint import Fingerprint
from orchestrator.cache.hash_file import hash_path
from orchestrator.cache.hash_memory import HashMemory
from orchestrator.cache.model import OutputPath, PathInput, Place, never
from orchestrator.cache.save import Success

OUTPUTS = (OutputPath("dist"),)
FINGERPRINT = Fingerprint(job="build")


def main(what: str, directory: Path) -> None:
    """Do it, and write what it took."""
    tree = directory / "tree"
    place = Place(str(tree), str(tree))
    cache = open_cache(str(tree / ".pexec/cache"), warn=print, max_size=1 << 40, key=b"k" * 32)
    if what == "one changed":
        changed = tree / "src/d0/e0/file_0.c"
        changed.write_text(changed.read_text() + "int more;\n")
    work: dict[str, Callable[[], object]] = {
        "first": lambda: _listed(cache, place),
        "unchanged": lambda: _listed(cache, place),
        "one changed": lambda: _listed(cache, place),
        "store": lambda: _stored(cache, place),
        "restore": lambda: _restored(cache, place),
        "hash": lambda: hash_path(str(tree / "dist/large"), HashMemory(None), never, follow=False),
    }
    if what == "store":
        for path in (tree / ".pexec/cache").glob("*/objects/*/*"):
            path.unlink()
    if what == "restore":
        (tree / "dist/large").unlink()
    wall, cpu = time.perf_counter(), time.process_time()
    work[what]()
    found = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    cache.close()
    (directory / "measured.json").write_text(json.dumps(found))


def _listed(cache: Cache, place: Place) -> None:
    listing = cache.list_inputs(place, [PathInput("src/**/*.c")], should_stop=never)
    if listing.problems:
        raise SystemExit(listing.problems[0].text)


def _stored(cache: Cache, place: Place) -> None:
    listing = cache.list_inputs(place, [], should_stop=never)
    success = Success(FINGERPRINT, "run", 1.0)
    cache.save(success, place, project="p", listing=listing, inputs=(), outputs=OUTPUTS, should_stop=never)


def _restored(cache: Cache, place: Place) -> None:
    entry = cache.look_up(FINGERPRINT.digest)
    if entry is None:
        raise SystemExit("nothing is stored")
    cache.bring(entry, place, project="p", fingerprint=FINGERPRINT, outputs=OUTPUTS, umask=0o022, should_stop=never)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
