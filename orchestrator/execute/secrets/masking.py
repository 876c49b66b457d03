"""The journal and the plan of a run as they are written: with secrets masked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from orchestrator.execute.secrets.secret_values import Secrets
from orchestrator.plan.export import plan_to_dict
from orchestrator.plan.model import JobSpec, Plan, PlannedJob, ShellBlock

if TYPE_CHECKING:
    from orchestrator.execute.driver_parts import Journal

# Fields that hold sentences. The others hold names, numbers and constants, which a resume must find unchanged.
_SENTENCES = ("reason", "what", "why")
# In a plan: objects whose keys are names of the manifest, and members whose values are words or digests of pexec.
_KEYED_BY_USERS = frozenset(("env", "matrix", "params", "pools", "secrets"))
_WORDS_OF_THE_FORMAT = frozenset(("digest", "durability", "env_inherit", "fail_fast", "isolation", "order", "when"))


class MaskedJournal:
    """A journal that never contains a secret, whatever the reason of a failure quotes."""

    def __init__(self, journal: Journal, secrets: Secrets) -> None:
        self._journal = journal
        self._secrets = secrets

    def emit(self, event: str, at: float, **fields: Any) -> Mapping[str, Any]:
        """Buffer one record and return it."""
        for name in _SENTENCES:
            if name in fields:
                fields[name] = self._secrets.masked(fields[name])
        if "because" in fields:
            fields["because"] = [self._secrets.masked(text) for text in fields["because"]]
        return self._journal.emit(event, at, **fields)

    def flush(self) -> None:
        """Append what is buffered."""
        self._journal.flush()


def masked_journal(journal: Journal, secrets: Secrets) -> Journal:
    """`journal` itself if there are no secrets."""
    return MaskedJournal(journal, secrets) if secrets else journal


def masked_plan(plan: Plan, secrets: Secrets) -> Plan:
    """The plan as files may hold it. `plan` itself if it contains no value of a secret."""
    if not secrets:
        return plan

    def masked_spec(spec: JobSpec) -> JobSpec:
        whole = "\0".join(_texts_of(spec))
        if secrets.masked(whole) == whole:
            return spec
        return replace(_changed_spec(spec, secrets.masked), masked=True)

    changed = _changed_plan(plan, secrets.masked, masked_spec)
    return plan if changed.secrets == plan.secrets and changed.jobs == plan.jobs else changed


def texts_left_as_they_are(plan: Plan) -> set[str]:
    """All texts of the manifest in a plan that `masked_plan` cannot mask: names, tags, directories, parameters."""
    found: set[str] = set()
    _collect("", plan_to_dict(_changed_plan(plan, _nothing, lambda spec: _changed_spec(spec, _nothing))), found)
    return found


def _collect(name: str, value: object, found: set[str]) -> None:
    """The texts in the member `name` of a plan as JSON, except the words of the format."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if name in _KEYED_BY_USERS:
                found.add(key)
                if not isinstance(inner, dict):
                    found.add(str(inner))
            _collect("" if name in _KEYED_BY_USERS else key, inner, found)
    elif isinstance(value, list) and name != "on":
        for inner in value:
            _collect("", inner, found)
    elif isinstance(value, str) and name not in _WORDS_OF_THE_FORMAT:
        found.add(value)


def _changed_plan(plan: Plan, change: Callable[[str], str], change_spec: Callable[[JobSpec], JobSpec]) -> Plan:
    sources = {
        name: source if source.command is None else replace(source, command=tuple(map(change, source.command)))
        for name, source in plan.secrets.items()
    }
    jobs = tuple(_changed_job(job, change, change_spec) for job in plan.jobs)
    return replace(plan, jobs=jobs, secrets=sources)


def _changed_job(
    job: PlannedJob, change: Callable[[str], str], change_spec: Callable[[JobSpec], JobSpec]
) -> PlannedJob:
    spec = change_spec(job.spec)
    scripts = job.scripts if spec is job.spec else {}  # their paths are parts of the texts that change
    return replace(job, spec=spec, description=change(job.description), scripts=scripts)


def _texts_of(spec: JobSpec) -> Iterator[str]:
    texts = (spec.run, *(spec.argv or ()), spec.file, *spec.args, spec.cleanup, *spec.env.values())
    texts += (*spec.env_prepend.values(), *spec.env_append.values())
    return filter(None, (*texts, *(block.text for block in spec.blocks)))


def _changed_spec(spec: JobSpec, change: Callable[[str], str]) -> JobSpec:
    return replace(
        spec,
        run=None if spec.run is None else change(spec.run),
        argv=None if spec.argv is None else tuple(map(change, spec.argv)),
        file=None if spec.file is None else change(spec.file),
        blocks=tuple(ShellBlock(block.line, change(block.text)) for block in spec.blocks),
        args=tuple(map(change, spec.args)),
        cleanup=None if spec.cleanup is None else change(spec.cleanup),
        env=_changed_values(spec.env, change),
        env_prepend=_changed_values(spec.env_prepend, change),
        env_append=_changed_values(spec.env_append, change),
    )


def _changed_values(texts: Mapping[str, str], change: Callable[[str], str]) -> dict[str, str]:
    return {name: change(text) for name, text in texts.items()}


def _nothing(text: str) -> str:
    return ""
