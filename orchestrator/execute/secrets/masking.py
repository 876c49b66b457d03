"""The journal and the plan of a run as they are written: with secrets masked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from orchestrator.execute.secrets.store import Secrets
from orchestrator.plan.model import JobSpec, Plan, ShellBlock

if TYPE_CHECKING:
    from orchestrator.execute.driver import Journal

# Fields that hold sentences. The others hold names, numbers and constants, which a resume must find unchanged.
_SENTENCES = ("reason", "what", "why")


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
    specs = [_masked_spec(job.spec, secrets) for job in plan.jobs]
    sources = {
        name: source if source.command is None else replace(source, command=_masked(source.command, secrets))
        for name, source in plan.secrets.items()
    }
    jobs = tuple(
        replace(job, spec=spec, description=secrets.masked(job.description))
        for job, spec in zip(plan.jobs, specs, strict=True)
    )
    if sources == plan.secrets and jobs == plan.jobs:
        return plan
    return replace(plan, jobs=jobs, secrets=sources)


def _masked_spec(spec: JobSpec, secrets: Secrets) -> JobSpec:
    """The same object if there is nothing to mask."""
    texts = (spec.run, *(spec.argv or ()), spec.file, *spec.args, spec.cleanup, *spec.env.values())
    texts += (*spec.env_prepend.values(), *spec.env_append.values())
    texts += tuple(block.text for block in spec.blocks)
    whole = "\0".join(filter(None, texts))
    if secrets.masked(whole) == whole:
        return spec
    return replace(
        spec,
        masked=True,
        run=None if spec.run is None else secrets.masked(spec.run),
        argv=None if spec.argv is None else _masked(spec.argv, secrets),
        file=None if spec.file is None else secrets.masked(spec.file),
        blocks=tuple(ShellBlock(block.line, secrets.masked(block.text)) for block in spec.blocks),
        args=_masked(spec.args, secrets),
        cleanup=None if spec.cleanup is None else secrets.masked(spec.cleanup),
        env=_masked_values(spec.env, secrets),
        env_prepend=_masked_values(spec.env_prepend, secrets),
        env_append=_masked_values(spec.env_append, secrets),
    )


def _masked_values(texts: Mapping[str, str], secrets: Secrets) -> dict[str, str]:
    return {name: secrets.masked(text) for name, text in texts.items()}


def _masked(words: tuple[str, ...], secrets: Secrets) -> tuple[str, ...]:
    return tuple(map(secrets.masked, words))
