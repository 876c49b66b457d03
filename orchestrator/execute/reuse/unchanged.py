"""Jobs of which nothing has changed since they were last up to date: found out in the driver's thread, by a look at
each of their files and at nothing else.

Only the simplest jobs, which most are: what they read and make is files with names, without wildcards, and what else
their fingerprint follows from is their spec and their needs. Every other job is checked the whole way, and every job of
which something has changed. See `orchestrator.cache.sightings`.
"""

from __future__ import annotations

import os
import posixpath
import time
from collections.abc import Mapping, Sequence

import msgspec

from orchestrator import __version__
from orchestrator.cache.cache import Cache
from orchestrator.cache.fingerprint import FORMAT, Fingerprint
from orchestrator.cache.host import this_host
from orchestrator.cache.model import EXECUTABLE, FILE, Entry, Place, listing_of
from orchestrator.cache.sightings import Seen, Sighting, is_inside
from orchestrator.execute.reuse.declared import is_wild
from orchestrator.execute.reuse.fingerprints import Taken, place_of_work
from orchestrator.plan.model import JobSpec, PlannedJob

_ASK_EVERY = 0.01  # seconds
_encode = msgspec.msgpack.Encoder().encode
_Part = tuple[str, str, str, Mapping[str, str]]
"""What a job takes from a need: its id, its digest if it has no outputs, the digest of the listing of its output files,
and its values."""


class Unchanged:
    """The jobs of one run, to whose end more may come. `look` and `disturb` are for the driver's thread, `note` for
    any."""

    def __init__(self, jobs: Sequence[PlannedJob], place: Place, cache: Cache, project: str) -> None:
        self._jobs = jobs
        self._base_dir = place.base_dir
        self._cache = cache
        self._project = project
        self._sightings = cache.sightings(project, _scope(place), place)
        self._listings: dict[int, str] = {}  # of the output files of jobs that were found unchanged
        self._is_quiet = True
        self._found_other_runs = False
        self._ask_again_at = 0.0
        self._seen: dict[str, Seen] = {}

    def look(self, job: PlannedJob, of_needs: Mapping[int, Mapping[str, str]]) -> Sighting | None:
        """What is known of a job of which nothing has changed; None if it has to be checked. `of_needs` has each of its
        needs, with its output values."""
        if job.scripts or job.spec.late:
            return None
        if job.spec.output_files and self._has_other_runs():
            return None  # whose job may be about to change the outputs: the check waits for its lock
        parts: list[_Part] = []
        for index, values in of_needs.items():
            need = self._jobs[index]
            if need.spec.output_files:
                listing = self._listings.get(index)
                if listing is None or not (self._is_quiet or self._sightings.has_same_outputs(need.id)):
                    return None
                parts.append((need.id, "", listing, values))
            else:
                parts.append((need.id, "" if need.spec.outputs else need.digest, "", values))
        facts = self._facts(job, job.spec, parts)
        sighting = None if facts is None else self._sightings.of(job.id, facts)
        if sighting is None or not self._sightings.has_same_files(sighting):
            return None
        self._listings[job.index] = sighting.listing
        return sighting

    def _has_other_runs(self) -> bool:
        """What was found a few milliseconds ago is as good: files that are unchanged now were unchanged then."""
        now = time.monotonic()
        if now >= self._ask_again_at:
            self._found_other_runs = self._cache.locks.has_other_runs(self._project)
            self._ask_again_at = now + _ASK_EVERY
        return self._found_other_runs

    def disturb(self) -> None:
        """Something in this run may change files, so that what was seen may not be so any more."""
        self._is_quiet = False
        self._sightings.look_again()

    def outdate(self, job: PlannedJob) -> None:
        """The job is checked the whole way."""
        self._sightings.outdate(job.id)

    def note(self, job: PlannedJob, spec: JobSpec, taken: Taken, entry: Entry) -> None:
        """A job was found to be up to date by its fingerprint, or what it made was stored: next time, a look at its
        files may be enough."""
        if not self._is_simple(job, spec, taken, entry):
            return
        parts = [(name, one.job, one.files, one.values) for name, one in taken.fingerprint.needs.items()]
        facts = self._facts(job, spec, parts)
        if facts is not None:
            made = {
                one.path: (EXECUTABLE if one.is_executable else FILE) + bytes.fromhex(one.sha256)
                for one in entry.outputs
            }
            files = (*taken.listing.files.items(), *made.items())
            listing = listing_of(made).digest if spec.output_files else ""
            self._seen[job.id] = Seen(
                facts,
                files,
                len(made),
                listing,
                entry.fingerprint,
                entry.run_id,
                entry.values,
                entry.log,
                entry.log_size,
            )

    def keep(self) -> None:
        """Store for the next run what was noted in this one."""
        seen, self._seen = dict(self._seen), {}  # a thread that was abandoned may still note something
        self._sightings.write(seen, [job.id for job in self._jobs])

    def _facts(self, job: PlannedJob, spec: JobSpec, parts: Sequence[_Part]) -> bytes | None:
        """A digest of all that the fingerprint of a simple job follows from, but for its files and the host."""
        try:
            here = place_of_work(spec.working_dir, self._base_dir)
            return self._sightings.digest(_encode((job.id, spec, here, parts)))
        except UnicodeEncodeError:
            return None

    @staticmethod
    def _is_simple(job: PlannedJob, spec: JobSpec, taken: Taken, entry: Entry) -> bool:
        """Whether its fingerprint follows from what `_facts` covers, and the files that are named."""
        if job.scripts or job.spec.late or spec.file is not None or spec.env_files or spec.reads != "all":
            return False
        if taken.warnings or _parts_left_out(taken.fingerprint):
            return False
        if not isinstance(spec.env_inherit, str):  # what it lists counts with its values
            return False
        inputs = [one.path for one in spec.inputs or ()]
        outputs = [path for output in spec.output_files for path in output.paths]
        if any(not path or is_wild(path) for path in (*inputs, *outputs)):
            return False
        listed, made = taken.listing.files, {one.path for one in entry.outputs if one.sha256 and not one.link}
        return (
            _normal(inputs) == listed.keys()
            and _normal(outputs) == made
            and len(made) == len(entry.outputs)
            and all(content[:1] in (FILE, EXECUTABLE) for content in listed.values())
            and all(map(is_inside, (*listed, *made)))
        )


def _parts_left_out(fingerprint: Fingerprint) -> bool:
    """Whether a fingerprint has parts that follow from something else than the spec and the files."""
    return bool(fingerprint.scripts or fingerprint.file or fingerprint.input_env or fingerprint.input_commands)


def _normal(paths: Sequence[str]) -> set[str]:
    return {posixpath.normpath(path) for path in paths}


def _scope(place: Place) -> str:
    host = this_host()
    return repr((__version__, FORMAT, place.base_dir, place.root, host.system, host.machine, host.umask, os.geteuid()))
