"""A project whose job is cached, without pexec: what a run does around the job, on real files."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from orchestrator.cache.cache import Cache, open_cache
from orchestrator.cache.fingerprint import Fingerprint
from orchestrator.cache.model import (
    Entry,
    Kept,
    Listing,
    NotRestored,
    NotSaved,
    OutputPath,
    PathInput,
    Place,
    RemoteSettings,
    Restored,
    Saved,
    SecretSearch,
)
from orchestrator.cache.save import Success

KEY = b"k" * 32
LONG_AGO = 1_600_000_000


def go_on() -> bool:
    """Never stop."""
    return False


class CachedJob:
    """A job `build` of the project in `folder`, whose inputs are `src` and whose output is `dist`."""

    def __init__(
        self,
        folder: Path,
        *,
        inputs: Sequence[str] = ("src",),
        outputs: Sequence[OutputPath] = (OutputPath("dist"),),
        directory: Path | None = None,
        key: bytes = KEY,
        max_size: int = 1 << 30,
        remote: RemoteSettings | None = None,
    ) -> None:
        self.folder = folder
        self.warnings: list[str] = []
        self.inputs = tuple(map(PathInput, inputs))
        self.outputs = tuple(outputs)
        folder.mkdir(exist_ok=True)
        self.place = Place(str(folder), str(folder))
        self.directory = directory or folder / ".pexec/cache"
        self.cache: Cache = open_cache(
            str(self.directory), warn=self.warnings.append, max_size=max_size, key=key, remote=remote
        )

    def write(self, path: str, text: str, *, executable: bool = False) -> None:
        """Write a file of the project."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755 if executable else 0o644)

    def listing(self) -> Listing:
        """Its inputs as they are."""
        own = [one.path for one in self.outputs]
        return self.cache.list_inputs(self.place, self.inputs, own_outputs=own, should_stop=go_on)

    def fingerprint(self, listing: Listing, env: Mapping[str, str] | None = None) -> Fingerprint:
        """What it depends on."""
        return Fingerprint(job="build", run="make", env=env or {}, outputs=self.outputs, inputs=listing.digest)

    def found(self) -> Entry | None:
        """The stored success, if its inputs are as they were."""
        return self.cache.look_up(self.fingerprint(self.listing()).digest)

    def save(
        self,
        listing: Listing | None = None,
        *,
        log: bytes | None = b"done\n",
        values: Mapping[str, str] | None = None,
        search: Callable[[], SecretSearch] | None = None,
        should_stop: Callable[[], bool] = go_on,
        run_id: str = "run1",
    ) -> Saved | NotSaved:
        """Store what is there now."""
        listing = self.listing() if listing is None else listing

        def opened() -> BinaryIO:
            return _file_with(log or b"")

        return self.cache.save(
            Success(self.fingerprint(listing), run_id, 1.5, values or {}, None if log is None else opened),
            self.place,
            project="project",
            listing=listing,
            inputs=self.inputs,
            outputs=self.outputs,
            search=search,
            should_stop=should_stop,
        )

    def bring(
        self, *, umask: int = 0o022, should_stop: Callable[[], bool] = go_on
    ) -> Kept | Restored | NotRestored | None:
        """Bring back the stored success; None if there is none."""
        listing = self.listing()
        fingerprint = self.fingerprint(listing)
        entry = self.cache.look_up(fingerprint.digest)
        if entry is None:
            return None
        return self.cache.bring(
            entry,
            self.place,
            project="project",
            fingerprint=fingerprint,
            outputs=self.outputs,
            umask=umask,
            should_stop=should_stop,
        )

    def tree(self, below: str = "") -> dict[str, tuple[str, str]]:
        """What is in the project, or in a directory of it: path -> kind, content."""
        found: dict[str, tuple[str, str]] = {}
        for directory, folders, names in os.walk(self.folder / below):
            folders[:] = [name for name in folders if name not in (".pexec", ".git")]
            for name in (*names, *(one for one in folders if os.path.islink(os.path.join(directory, one)))):
                path = Path(directory, name)
                shown = path.relative_to(self.folder).as_posix()
                if path.is_symlink():
                    found[shown] = ("link", os.readlink(path))
                elif path.is_file():
                    kind = "executable" if path.stat().st_mode & 0o100 else "file"
                    found[shown] = (kind, path.read_bytes().hex())
        return found

    def objects(self) -> list[Path]:
        """The files with stored content."""
        return [path for path in self.directory.glob("*/objects/*/*") if path.is_file()]

    def entries(self) -> list[Path]:
        """The files with entries."""
        return [path for path in self.directory.glob("*/entries/*/*") if path.is_file()]


def settle(folder: Path) -> None:
    """Let all files be old enough for what was read from them to be believed: only their metadata can be new."""
    for path in folder.rglob("*"):
        if not path.is_symlink():
            os.utime(path, (LONG_AGO, LONG_AGO))


def wait_until_settled(path: Path) -> None:
    """Wait until a reading of the file is believed."""
    while time.time() < path.stat().st_ctime + 2.1:
        time.sleep(0.05)


def _file_with(data: bytes) -> BinaryIO:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - who gets it closes it
    file.write(data)
    file.flush()
    return cast(BinaryIO, file)
