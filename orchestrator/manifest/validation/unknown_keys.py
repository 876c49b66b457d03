"""Help for an unknown key: a typo, another tool's name for it, or a key of another section."""

from __future__ import annotations

from functools import lru_cache

from orchestrator.console.text import quote
from orchestrator.diagnostics.suggest import Suggester, closest
from orchestrator.manifest.model import Defaults, JoiningManifest, Manifest, Workflow
from orchestrator.manifest.policy_keys import PolicyKeys
from orchestrator.manifest.retry_keys import Retry
from orchestrator.manifest.section import Section, keys_of
from orchestrator.manifest.validation.foreign_keys import OTHER_TOOLS, SPECIAL

_SECTIONS: list[tuple[type[Section], str]] = [
    (PolicyKeys, "it belongs under `policy`"),
    (Retry, "it belongs under `retry`"),
    (Workflow, "it belongs in a workflow"),
    (Defaults, "it belongs under `defaults`"),
    (Manifest, "it belongs at the top level, next to `workflows`"),
]
# More keys than this are not listed.
_MOST_LISTED = 12
_COMMON = ("run", "argv", "file", "needs", "when", "matrix", "env", "timeout", "retry", "working_dir")


@lru_cache(maxsize=2_000)
def _near(key: str, section: type[Section]) -> str | None:
    return closest(key, keys_of(section))


def meant_key(section: type[Section], key: str) -> str | None:
    """The key that an unknown one was most likely meant to be."""
    section = _plain(section)
    return OTHER_TOOLS.get(section, {}).get(key) or _near(key, section)


def unknown_key_hint(section: type[Section], key: str) -> str:
    """The help for an unknown key of a section."""
    section = _plain(section)
    if special := SPECIAL.get((section, key)):
        return special
    if word := OTHER_TOOLS.get(section, {}).get(key):
        unit = "; it takes a unit: `timeout: 5m`" if word == "timeout" else ""
        return f"pexec calls it `{word}`{unit}"
    for other, belongs in _SECTIONS:
        if other is not section and key in keys_of(other):
            return belongs
    if question := Suggester(keys_of(section)).did_you_mean(key):
        return question
    if key.startswith("x-"):
        return "only top-level keys that begin with `x-` are ignored"
    if section is Manifest and key.startswith("."):
        return f"write `x-{key.lstrip('.')}`: top-level keys that begin with `x-` are ignored, a place for anchors"
    known = keys_of(section)
    if len(known) <= _MOST_LISTED:
        return "known keys: " + ", ".join(map(quote, known))
    common = ", ".join(quote(one) for one in _COMMON if one in known)
    return f"the most common keys are {common}; `pexec schema` has all"


def _plain(section: type[Section]) -> type[Section]:
    return Manifest if section is JoiningManifest else section
