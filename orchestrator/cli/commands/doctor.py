"""`pexec doctor`: check what this machine supports, or a cluster, by trying it."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from orchestrator.cli.main import Parser
from orchestrator.cli.options import add_cluster
from orchestrator.cli.run_arguments import add_format_and_root, run_root
from orchestrator.console.streams import write_stdout, write_text
from orchestrator.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from orchestrator.execute.machine_doctor import Check


def add_arguments(parser: Parser) -> None:
    """The flags of `pexec doctor`."""
    parser.usage = f"{parser.prog} [flags]"
    add_cluster(parser, "try every worker of this cluster of the manifest instead of this machine")
    parser.add_argument("-f", "--file", metavar="FILE", help="the manifest that declares the cluster")
    parser.add_argument(
        "--manifests",
        action="store_true",
        help="print what a run on a Kubernetes cluster would create, and create nothing",
    )
    add_format_and_root(parser, "text", "json")
    parser.add_argument("--json", dest="format", action="store_const", const="json", help="the same as `--format json`")


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0 whatever is found of this machine: a missing feature only stops runs that require it. For a cluster
    that cannot be used it is 5."""
    from orchestrator.manifest.cluster_keys import LOCAL_CLUSTER

    if arguments.cluster not in (None, LOCAL_CLUSTER):
        from orchestrator.cli.cluster_findings import examine_cluster

        return examine_cluster(arguments)
    if arguments.manifests:
        raise UsageError("`--manifests` needs a cluster", help="`--cluster NAME`")
    from orchestrator import __version__
    from orchestrator.execute.machine_doctor import examine
    from orchestrator.execute.supervisor.supervisor import Supervisor

    supervisor = Supervisor()
    try:
        checks = list(examine(supervisor, run_root(arguments)))
    finally:
        supervisor.close()
    if arguments.format == "json":
        write_stdout(
            json.dumps({"version": __version__, "checks": [as_data(check) for check in checks]}, indent=2) + "\n"
        )
    else:
        write_text(_as_text(checks))
    return ExitCode.OK


def as_data(check: Check) -> dict[str, Any]:
    """The check in JSON."""
    data: dict[str, Any] = {
        "name": check.name,
        "promise": check.promise,
        "status": status(check),
        "detail": check.detail,
        "help": check.help,
    }
    if check.code:
        data["code"] = check.code
    if check.seconds is not None:
        data["seconds"] = round(check.seconds, 6)
    return data


def lines_of(checks: list[Check], width: int) -> list[str]:
    """The checks as text, with names of this width."""
    lines = []
    for check in checks:
        code = f"{check.code}: " if check.code else ""
        lines.append(f"{status(check):<8}  {check.name:<{width}}  {code}{check.detail}")
        if check.help:
            lines.append(f"{'':<8}  {'':<{width}}  = help: {check.help}")
    return lines


def _as_text(checks: list[Check]) -> str:
    lines = [*lines_of(checks, max(len(check.name) for check in checks)), ""]
    return "\n".join([*lines, what_is_missing("machine", checks)]) + "\n"


def what_is_missing(what: str, checks: list[Check]) -> str:
    """Which promises this machine, or cluster, cannot fully support."""
    from orchestrator.console.text import count

    missing = sorted({check.promise for check in checks if not check.ok and check.promise})
    if missing:
        return f"this {what} cannot fully support {count(len(missing), 'promise')}: {', '.join(missing)}"
    return f"this {what} supports every promise"


def status(check: Check) -> str:
    """One word."""
    return "ok" if check.ok else "failed" if check.code else "degraded"
