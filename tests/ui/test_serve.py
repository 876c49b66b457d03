"""`pexec ui` as a process: what it prints, where it listens, and how it ends."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.cli import Pexec
from support.ui import started_ui

MANIFEST = "version: 1\nworkflows:\n  a: {run: echo hello}\n"


def get(url: str) -> tuple[int, str]:
    """Status and body."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port or 80, timeout=60)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_it_prints_a_url_that_works_and_nothing_about_requests(pexec: Pexec) -> None:
    with started_ui(pexec) as ui:
        assert get(ui.url)[0] == 200
        assert get(ui.url.partition("?")[0])[0] == 403
        ui.process.terminate()
        out, err = ui.process.communicate(timeout=60)
    assert out == b""
    assert err == b"pexec: serving until Ctrl-C; only a browser that opens this URL has access\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_ends_it_with_its_exit_code_and_without_a_traceback(pexec: Pexec, number: signal.Signals) -> None:
    with started_ui(pexec.env(TMPDIR=str(pexec.home))) as ui:  # QUIT leaves no time to tidy up
        assert get(ui.url)[0] == 200
        ui.process.send_signal(number)
        _, err = ui.process.communicate(timeout=60)
    assert ui.process.returncode == 128 + number
    assert err.count(b"\n") == 1


def test_it_listens_on_the_loopback_interface_only(pexec: Pexec) -> None:
    with started_ui(pexec) as ui:
        port = urlsplit(ui.url).port
        assert port is not None
        needle = f"0100007F:{port:04X} 00000000:0000 0A"  # 127.0.0.1 in state LISTEN
        files = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))  # the second only with IPv6
        lines = "".join(file.read_text() for file in files if file.exists())
        assert needle in lines
        assert f":{port:04X} 00000000" not in lines.replace(needle, "")


def test_a_port_in_use_is_one_line(pexec: Pexec) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        pexec.run("ui", "--port", str(port)).said(
            exit_code=5,
            stderr=f"error[PX301]: port {port} cannot be used: address already in use\n"
            "  = help: without `--port`, a free one is used\n",
        )


@pytest.mark.parametrize("port", ["x", "-1", "65536", "1.5", ""])
def test_a_port_is_a_number(pexec: Pexec, port: str) -> None:
    said = pexec.run("ui", f"--port={port}")
    assert said.exit_code == 2
    assert f"expected a port from 0 to 65535, found `{port}`" in said.stderr


def test_without_the_extra_it_says_how_to_install_it(pexec: Pexec) -> None:
    """A directory that hides the libraries stands for an installation without them."""
    hide = (
        "import importlib.util as u, sys; real = u.find_spec; "
        "u.find_spec = lambda name, *more: None if name in ('starlette', 'uvicorn') else real(name, *more); "
        "from orchestrator.cli.main import run; sys.exit(run(['ui']))"
    )
    process = pexec.start_as([sys.executable, "-c", hide], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (5, b"")
    assert err.decode() == (
        "error[PX301]: `pexec ui` needs `starlette` and `uvicorn`, which pexec installs only with the extra `ui`\n"
        "  = help: install pexec as before, with `[ui]` after its name or path: `pip install '.[ui]'`\n"
    )


def test_the_browser_gets_a_file_because_other_users_see_its_arguments(pexec: Pexec) -> None:
    seen = pexec.folder / "seen"
    pexec.file(
        "browser", f'#!/bin/sh\necho "$1" > {seen}.new\ncat "${{1#file://}}" >> {seen}.new\nmv {seen}.new {seen}\n'
    )
    (pexec.folder / "browser").chmod(0o755)
    pexec.env(BROWSER=str(pexec.folder / "browser"))
    with started_ui(pexec, "--open") as ui:
        give_up_at = time.monotonic() + 60
        while not seen.exists() and time.monotonic() < give_up_at:
            time.sleep(0.05)
        opened, page = seen.read_text().split("\n", 1)
    assert opened.startswith("file:///")
    assert "token" not in opened
    assert ui.url in page
    assert not Path(opened.removeprefix("file://")).exists()


def test_a_browser_that_does_not_start_ends_nothing(pexec: Pexec) -> None:
    with started_ui(pexec.env(BROWSER="/nonexistent"), "--open") as ui:
        assert get(ui.url)[0] == 200


def test_other_commands_import_no_web_server(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST)
    code = (
        "import sys; from orchestrator.cli.main import run; assert run(['validate']) == run(['runs']) == 0; "
        "found = {'starlette', 'uvicorn', 'anyio'} & set(sys.modules); sys.exit(str(found) if found else 0)"
    )
    process = pexec.start_as([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.communicate(timeout=60)[1] == b"pexec: no runs in `.pexec/runs`\n"
    assert process.returncode == 0
