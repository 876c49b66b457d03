"""The explanations of diagnostics: runs their examples, and generates `docs/diagnostics.md` from them.

After a change to an explanation or to a message of pexec, regenerate both:

    python tests/support/explanations.py
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.cli import Said  # noqa: E402
from support.documents import RUN_ID, steps  # noqa: E402
from support.inside import run_inside  # noqa: E402

from orchestrator.cluster.deployments.bring import UnusableWorkerError, versions_differ  # noqa: E402
from orchestrator.cluster.deployments.deployment import Events  # noqa: E402
from orchestrator.cluster.deployments.kubernetes_api import NO_RIGHTS  # noqa: E402
from orchestrator.cluster.deployments.shared_files import unseen  # noqa: E402
from orchestrator.cluster.deployments.ssh_command import unreachable  # noqa: E402
from orchestrator.cluster.hello import Refusal  # noqa: E402
from orchestrator.diagnostics.explanation import explanation, explanation_file  # noqa: E402
from orchestrator.diagnostics.model import CODES  # noqa: E402
from orchestrator.execute.sandbox.cgroups import CgroupParents  # noqa: E402

PAGE = ROOT / "docs/diagnostics.md"
# Lines may prepare files for the last `$` line, which runs pexec, perhaps with a variable set.
_SESSION = re.compile(
    r"(?<=^```text\n)(((?:\$ .*\n)*)\$ (?:(\w+)=(\S+) )?pexec (.*)\n)(?:.*\n)*?(?=^```$)", re.MULTILINE
)
_ANY_RUN = "20260101T000000.000000Z-00000000"
_HEAD = """\
# Diagnostics

The errors and warnings of pexec, by code. `pexec explain PX110` shows the same text in a terminal. The examples show
what pexec prints to stderr; the tests run them all. This page is generated from the files in
`orchestrator/diagnostics/explanations/` by `python tests/support/explanations.py`.

| code | meaning |
| --- | --- |
"""


# One test reports codes without an explanation; the others skip them.
EXPLAINED = [code for code in CODES if explanation_file(code).is_file()]
OF_MANIFESTS = [code for code in EXPLAINED if "\n$ pexec validate " in explanation(code).text]


def run_example(code: str, folder: Path, *more: str) -> Said:
    """The result of the example of a code. `folder` is empty; `more` are flags."""
    for step in steps(Path(str(explanation_file(code)))):
        path = folder / step.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(step.text)
    session = _SESSION.search(explanation(code).text)
    if session is None:
        raise LookupError(f"the explanation of {code} has no example")
    _, preparation, variable, value, command = session.groups()
    if preparation:
        programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        lines = re.sub(r"^\$ ", "", preparation, flags=re.MULTILINE)
        subprocess.run(["bash", "-ec", lines], cwd=folder, env={**os.environ, "PATH": programs}, timeout=60, check=True)
    # As on a machine without control groups, so that the result is the same everywhere.
    groups = patch("orchestrator.execute.sandbox.limits.find", lambda warden_pid: CgroupParents())
    missing = ["distributed", "cryptography"] if code == "PX310" else []
    packages = patch("orchestrator.app.named_executor.missing_packages", lambda more=(): missing)
    with groups, packages, _workers_of(code):
        said = run_inside(folder, *shlex.split(command), *more, **({variable: value} if variable else {}))
    told = re.sub(RUN_ID, _ANY_RUN, said.stderr.replace(f"{folder.resolve()}/", "/home/you/project/"))
    return replace(said, stderr=told)


def _workers_of(code: str) -> AbstractContextManager[Any]:
    """A cluster whose only worker cannot be used for the reason of this code."""
    refusals = {
        "PX312": versions_differ({"host": "node-7", "pexec": "0.1.0", "python": "/usr/bin/python3"}),
        "PX313": unseen("node-7", "/home/you/project/.pexec/runs/" + _ANY_RUN, "no such file or directory"),
        "PX328": Refusal(
            "Kubernetes refuses the DaskCluster `pexec-0b1c2d3e4f`: daskclusters.kubernetes.dask.org is forbidden: "
            'User "me" cannot create resource "daskclusters" in the namespace "batch"',
            "PX328",
            NO_RIGHTS,
        ),
        "PX329": Refusal(
            "the gateway at https://gateway.example.org has no option `worker_core`",
            "PX329",
            "did you mean `worker_cores`?",
        ),
        "PX320": unreachable("node-7", "Permission denied (publickey)."),
    }
    if code not in refusals:
        return nullcontext()

    class Refused:
        async def open(self, events: Events) -> None:
            raise UnusableWorkerError(refusals[code])

        async def end_workers(self) -> None: ...

        async def close(self) -> None: ...

    return patch("orchestrator.cluster.executor.deployment_of", lambda *_: Refused())


def with_output(text: str, output: str) -> str:
    """The explanation `text`, its example followed by this output."""
    return _SESSION.sub(lambda session: session.group(1) + output, text)


def page() -> str:
    """What `docs/diagnostics.md` holds."""
    rows = "".join(f"| [{code}](#{code.lower()}) | {title} |\n" for code, title in CODES.items())
    parts = (f"\n## {code}\n\n**{title}**\n\n{explanation(code).text}" for code, title in CODES.items())
    return _HEAD + rows + "".join(parts)


def main() -> None:
    """Run all examples, and write what pexec says of them into the explanations and the page."""
    wrong = []
    for code in CODES:
        with tempfile.TemporaryDirectory() as folder:
            said = run_example(code, Path(folder)).stderr
        if f"[{code}]" not in said:
            wrong.append(code)
            continue
        file = Path(str(explanation_file(code)))
        file.write_text(with_output(file.read_text(), said))
    PAGE.write_text(page())
    if wrong:
        sys.exit(f"these examples do not show what they are for: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
