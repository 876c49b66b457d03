"""The arguments after `--` of a command line: which workflow gets them, and where its command takes them.

`argv` and `args` take them at the item `${{ args }}`, or else at their end; `run` only where `${{ args }}` is, since
the end of a shell text may be anything. A command line that would lose its arguments is refused.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.console.text import quote
from orchestrator.errors import UsageError
from orchestrator.manifest.model import Manifest, Workflow
from orchestrator.manifest.origin import ManifestOrigin
from orchestrator.plan.inputs import Selection
from orchestrator.plan.late_values import OPENING
from orchestrator.plan.numbering import Numbering
from orchestrator.plan.select import SelectionWords
from orchestrator.plan.shelltext import is_posix_shell
from orchestrator.plan.template import ARGS, Templates

_MOST_NAMES = 5


def receiver_of_arguments(
    manifest: Manifest,
    numbering: Numbering,
    selection: Selection,
    own: ManifestOrigin,
    origins: Mapping[str, ManifestOrigin],
    templates: Templates,
) -> str:
    """The name of the workflow that gets `selection.args`. Raises UsageError unless exactly one is named that takes
    them; for names that are unknown, too."""
    named = SelectionWords(manifest, numbering).resolve(selection.jobs or selection.only)
    workflows = list(manifest.workflows)
    names = list(dict.fromkeys(workflows[numbering.workflow_of[job]] for job in sorted(named)))
    if not names:
        taking = [name for name in workflows if has_place_for_arguments(manifest.workflows[name])]
        known = f" Jobs that take arguments: {', '.join(map(quote, taking[:_MOST_NAMES]))}." if taking else ""
        raise UsageError(
            "the arguments after `--` are for one job, but no job is named",
            help=f"name it: `pexec apply JOB -- ...`.{known}".removesuffix("."),
        )
    if len(names) > 1:
        shown = ", ".join(map(quote, names[:_MOST_NAMES])) + (" and others" if len(names) > _MOST_NAMES else "")
        raise UsageError(
            f"the arguments after `--` are for one job, but {len(names)} are named: {shown}",
            help="run them one by one, or pass the value as a parameter: `--set NAME=VALUE`",
        )
    (name,) = names
    workflow, origin = manifest.workflows[name], origins.get(name, own)
    if workflow.run is None and workflow.argv is None and workflow.file is None:
        raise UsageError(f"`{name}` is a group: it has no command that could take the arguments after `--`")
    if workflow.run is not None and not _takes(workflow.run, workflow.shell or origin.defaults.shell, templates):
        raise UsageError(
            f"`{name}` takes no arguments: its `run` does not contain `${{{{ args }}}}`",
            help="put it where the arguments after `--` belong, as in `run: pytest ${{ args }}`",
        )
    return name


def has_place_for_arguments(workflow: Workflow) -> bool:
    """Whether a command says where it takes arguments. `argv` and `file` take them also if it does not."""
    templates = Templates()
    texts = [workflow.run or "", *(workflow.argv or ()), *workflow.args]
    return any(piece.root == ARGS for text in texts if OPENING in text for piece in templates.parse(text).pieces)


def _takes(run: str, shell: tuple[str, ...], templates: Templates) -> bool:
    if OPENING not in run:
        return False
    return any(piece.root == ARGS for piece in templates.parse(run, in_shell=is_posix_shell(shell)).pieces)
