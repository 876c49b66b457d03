"""`isolation`, `writes`, `network` and `require_isolation`, in `defaults` and in workflows, each by its effect."""

from __future__ import annotations

import socket
import sys

import pytest
from support.cli import Pexec
from support.host import HAS_BUBBLEWRAP, HAS_LANDLOCK
from support.runs import last_run

CONNECT = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5); print('connected')"
MANIFEST = """\
version: 1
policy: {max_parallel_jobs: 1}
defaults: {shell: [sh, -u], isolation: sandbox, writes: [out/], network: false}
workflows:
  as_is: {run: 'echo x > out/a; echo x > a; true'}
  other_place: {run: 'echo x > out/b; echo x > more/b; true', writes: [more/]}
  no_walls: {run: 'echo x > c', isolation: none}
  offline: {argv: [PYTHON, -I, -S, connect.py, PORT], allow_failure: true}
  online: {argv: [PYTHON, -I, -S, connect.py, PORT], network: true}
"""


@pytest.mark.skipif(not (HAS_BUBBLEWRAP or HAS_LANDLOCK), reason="nothing here makes a sandbox")
def test_a_sandbox_writes_where_allowed_and_has_a_network_on_request(pexec: Pexec) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        text = MANIFEST.replace("PYTHON", sys.executable).replace("PORT", f'"{server.getsockname()[1]}"')
        pexec.file("pexec.yaml", text).file("connect.py", CONNECT)
        assert pexec.run("apply", "--output", "quiet").exit_code == 0
    run = last_run(pexec.folder).check()
    there = {path.relative_to(pexec.folder).as_posix() for path in pexec.folder.rglob("*") if len(path.name) == 1}
    assert there == {"out/a", "more/b", "c"}
    assert (run.statuses["offline"], run.log("online")) == ("failed", b"connected\n")
    assert set(run.jobs["as_is"]["enforced_by"]) == {"isolation"}
    assert run.jobs["no_walls"]["enforced_by"] == {}


def test_required_isolation_that_is_unavailable_refuses_the_run(pexec: Pexec) -> None:
    """Where this machine can isolate, the run continues; where it cannot, no job starts."""
    text = "version: 1\ndefaults: {isolation: sandbox, require_isolation: true}\nworkflows:\n  a: {run: ':'"
    done = pexec.file("pexec.yaml", text + "}\n").run("apply", "--output", "quiet")
    if done.exit_code == 4:
        assert done.stderr.startswith("error[PX403]: `a` cannot be isolated on this machine: ")
        pexec.file("pexec.yaml", text + ", require_isolation: false}\n")
        assert pexec.run("apply", "--output", "quiet").exit_code == 0
        assert last_run(pexec.folder).check().named("degraded")
    else:
        assert done.exit_code == 0
        assert set(last_run(pexec.folder).check().jobs["a"]["enforced_by"]) == {"isolation"}
