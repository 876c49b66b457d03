"""`pexec doctor`: check what this machine supports, by trying it."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from orchestrator.cli.main import Parser
from orchestrator.cli.run_arguments import add_format_and_root, run_root
from orchestrator.console.streams import write_stdout, write_text
from orchestrator.errors import ExitCode

if TYPE_CHECKING:
    from orchestrator.execute.doctor import Check


def add_arguments(parser: Parser) -> None:
    """The flags of `pexec doctor`."""
    parser.usage = f"{parser.prog} [flags]"
    add_format_and_root(parser, "text", "json")
    parser.add_argument("--json", dest="format", action="store_const", const="json", help="the same as `--format json`")


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0 whatever is found: a missing feature only stops runs that require it."""
    from orchestrator import __version__
    from orchestrator.execute.doctor import examine
    from orchestrator.execute.supervisor.supervisor import Supervisor

    supervisor = Supervisor()
    try:
        checks = list(examine(supervisor, run_root(arguments)))
    finally:
        supervisor.close()
    if arguments.format == "json":
        write_stdout(
            json.dumps({"version": __version__, "checks": [_as_data(check) for check in checks]}, indent=2) + "\n"
        )
    else:
        write_text(_as_text(checks))
    return ExitCode.OK


def _as_data(check: Check) -> dict[str, str]:
    return {
        "name": check.name,
        "promise": check.promise,
        "status": _status(check),
        "detail": check.detail,
        "help": check.help,
    }


def _as_text(checks: list[Check]) -> str:
    from orchestrator.console.text import count

    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        lines.append(f"{_status(check):<8}  {check.name:<{width}}  {check.detail}")
        if check.help:
            lines.append(f"{'':<8}  {'':<{width}}  = help: {check.help}")
    missing = sorted({check.promise for check in checks if not check.ok})
    lines.append("")
    if missing:
        lines.append(f"this machine cannot fully support {count(len(missing), 'promise')}: {', '.join(missing)}")
    else:
        lines.append("this machine supports every promise")
    return "\n".join(lines) + "\n"


def _status(check: Check) -> str:
    return "ok" if check.ok else "degraded"
