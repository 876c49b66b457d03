"""`pexec plan`: show what `apply` would run, in which order, under which limits, and where these come from."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from orchestrator.app.planning import plan_invocation, print_diagnostics, print_warnings
from orchestrator.cli.main import Parser
from orchestrator.cli.options import add_run_arguments, one_of, understand
from orchestrator.console.streams import write_stdout, write_text
from orchestrator.errors import ExitCode
from orchestrator.plan.model import Plan


def add_arguments(parser: Parser) -> None:
    """The flags of `pexec plan`."""
    add_run_arguments(parser)
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show all settings of the run, not only those that are overridden"
    )
    parser.add_argument(
        "--format",
        metavar="text|json",
        type=one_of("text", "json"),
        default="text",
        help="text (default), or json: the same as a run's plan.json",
    )


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0, or 3 if the manifest has an error."""
    invocation = understand(arguments)
    print_warnings(invocation.settings.warnings)
    if arguments.since is not None:
        from orchestrator.app.since import narrowed

        found = narrowed(invocation, arguments.since)
        if found is None:
            return ExitCode.OK
        invocation = found
    result = plan_invocation(invocation)
    print_diagnostics(result)
    if result.plan is None:
        return ExitCode.INVALID
    from orchestrator.app.cache_of_plan import planned_checks

    checks = planned_checks(result.plan)
    if arguments.format == "json":
        from orchestrator.app.job_scripts import with_scripts

        data = {name: {"state": one.state, "because": list(one.because)} for name, one in checks.items()}
        _print_json(with_scripts(result.plan), data)
    else:
        from orchestrator.plan.render import plan_text

        origins = {**invocation.origins, **result.origins}
        texts = {name: one.text for name, one in checks.items()}
        write_text(plan_text(result.plan, origins, result.purposes, checks=texts, verbose=arguments.verbose))
    return ExitCode.OK


def _print_json(plan: Plan, checks: Mapping[str, Any]) -> None:
    """Print the plan in parts, since it may be large; in ASCII, so that no control character reaches a terminal."""
    import json
    import re

    from orchestrator.plan.export import plan_fields
    from orchestrator.plan.json_stream import as_json

    beyond_ascii = re.compile("[^\x00-\x7f]+")
    for part in as_json(plan_fields(plan, checks)):
        if not write_stdout(beyond_ascii.sub(lambda found: json.dumps(found[0])[1:-1], part.decode())):
            break
