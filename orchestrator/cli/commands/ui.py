"""`pexec ui`: show runs in a browser while they run, with their history."""

from __future__ import annotations

import argparse
import importlib.util
import os
import tempfile

from orchestrator.cli.browser import open_page
from orchestrator.cli.main import Parser
from orchestrator.cli.options import add_run_root
from orchestrator.cli.run_arguments import run_root
from orchestrator.console.streams import write_stderr, write_text
from orchestrator.errors import EnvironmentFailedError, ExitCode, RefusedError
from orchestrator.helper_threads import start_thread

_LIBRARIES = ("starlette", "uvicorn")
_HIGHEST_PORT = 65_535


def add_arguments(parser: Parser) -> None:
    """The flags of `pexec ui`."""
    parser.usage = f"{parser.prog} [flags]"
    parser.add_argument("--port", metavar="N", type=_port, default=0, help="listen on this port (default: a free one)")
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    add_run_root(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serves until a signal, whose exit code it has; 5 if a library is missing or the port cannot be used."""
    missing = [name for name in _LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        raise EnvironmentFailedError(
            f"`pexec ui` needs {' and '.join(f'`{name}`' for name in missing)}, which pexec installs only with the "
            "extra `ui`",
            help="install pexec as before, with `[ui]` after its name or path: `pip install '.[ui]'`",
            code="PX301",
        )
    from orchestrator.ui.serve import serve

    root = run_root(arguments)
    with tempfile.TemporaryDirectory(prefix="pexec-ui-") as private:

        def listening(url: str) -> None:
            write_text(f"{url}\n")
            write_stderr("pexec: serving until Ctrl-C; only a browser that opens this URL has access\n")
            if arguments.open:
                # A browser that runs in the terminal is served while it is open.
                start_thread("pexec-browser", lambda: _open(url, private))

        serve(root, arguments.port, listening)
    return ExitCode.OK


def _open(url: str, private: str) -> None:
    """Open a file that leads to the URL: other users see the arguments of a browser, which must not have the token."""
    from orchestrator.report.page.markup import escaped

    path = os.path.join(private, "open.html")
    with open(path, "x", encoding="utf-8") as file:
        file.write(f'<!DOCTYPE html><meta http-equiv="refresh" content="0;url={escaped(url)}"><title>pexec</title>\n')
    try:
        open_page(path)
    except RefusedError as error:  # the URL can still be opened by hand
        write_stderr(f"pexec: {error.message}; open the URL yourself\n")


def _port(text: str) -> int:
    """The argparse type of a port."""
    if not text.isascii() or not text.isdecimal() or len(text) > 5 or int(text) > _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"expected a port from 0 to {_HIGHEST_PORT}, found `{text}`")
    return int(text)
