"""How a program of pexec is started on another host by `ssh`, and what is wrong when it does not answer. Pure."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from orchestrator import __version__
from orchestrator.cluster.deployments.bring import LOOK, versions_differ
from orchestrator.cluster.hello import Refusal
from orchestrator.plan.policy_parts import SshPolicy

CONNECT_SECONDS = 10
_DEFAULT_PYTHON = "python3"
# Those of the user come before, and so take precedence. It asks nothing; it becomes no connection that others use,
# whose end would be theirs; nothing but the program runs.
_OPTIONS = {
    "BatchMode": "yes",
    "ConnectTimeout": CONNECT_SECONDS,
    "ControlMaster": "no",
    "ClearAllForwardings": "yes",
    "RemoteCommand": "none",
    "ForkAfterAuthentication": "no",
    "StdinNull": "no",
    "ServerAliveInterval": 15,  # a dead connection is noticed in a minute, also by an `ssh` whose pexec was killed
}
# By the shell of the user, whichever it is: no more than quotes. `~` is the directory of the user there.
_SCRIPT = (
    'p=$1; case $p in "~/"*) p=$HOME/${p#??};; esac; test -f "$p" && test -x "$p" || p=$2; exec "$p" -X utf8 -u -c "$3"'
)
_READ_PROGRAM = 'exec(open(0,"rb",0,closefd=False).readline())'
_MARK = "pexec-on-this-host:"
_PROGRAM = f"""
import json, os, sys
sys.path[:] = [path for path in sys.path if path]
{LOOK}
os.write(1, ("\\n" + {_MARK!r} + json.dumps(answer) + "\\n").encode())
if answer["pexec"] == {__version__!r}:
    from orchestrator.cluster.worker.ssh_worker import main
    main()
"""
PROGRAM = f"exec({_PROGRAM!a})\n".encode()
"""What is sent first: a line that looks what is there, and runs the program if it is that of this version."""
_SSH_FAILED = 255
# What another attempt does not change, as `ssh` says it.
_FINAL = ("Permission denied", "Host key verification failed", "Could not resolve hostname", "Bad configuration option")


class Failure(Struct, frozen=True):
    """Why there is no worker on a host; `is_final` if it makes no sense to try again."""

    refusal: Refusal
    is_final: bool


def command(host: str, settings: SshPolicy) -> list[str]:
    """That which starts the program, as soon as it gets `PROGRAM`."""
    options = [word for name, value in _OPTIONS.items() for word in ("-o", f"{name}={value}")]
    python, fallback = settings.python or sys.executable, settings.python or _DEFAULT_PYTHON
    words = ("exec", "sh", "-c", _SCRIPT, "pexec-worker", python, fallback, _READ_PROGRAM)
    return ["ssh", "-T", *settings.options, *options, "--", host, shlex.join(words)]


def answer_in(line: bytes) -> Mapping[str, Any] | None:
    """What the host says of itself; None if this line, of a start file of its shell, is something else."""
    if not line.startswith(_MARK.encode()):
        return None
    try:
        return msgspec.json.decode(line[len(_MARK) :], type=dict[str, str | None])
    except ValueError:
        return None


def failure(
    host: str, settings: SshPolicy, answer: Mapping[str, Any] | None, exit_code: int | None, last_words: str
) -> Failure:
    """Why the program on this host, which has answered so, has ended; without an exit code it was given up."""
    if answer is not None and answer["pexec"] != __version__:
        return Failure(versions_differ(answer), True)
    if exit_code is None:
        return Failure(unreachable(host, "no answer"), False)
    if answer is not None:
        why = f"the worker on {answer['host']} ended before it joined{f': {last_words}' if last_words else ''}"
        return Failure(Refusal(why, "PX311", "`--cluster local` runs the jobs on this machine, without workers"), False)
    if exit_code == _SSH_FAILED or not last_words:
        return Failure(unreachable(host, last_words or "the connection ended"), _is_final(last_words))
    python = settings.python or _DEFAULT_PYTHON
    why = f"`{python}` cannot be run on {host}: {last_words}"
    help_ = f"pexec {__version__} is needed there; `python` of the cluster names the interpreter that has it"
    return Failure(Refusal(why, "PX312", help_), True)


def no_ssh(why: str) -> Failure:
    """The client cannot be run here."""
    return Failure(Refusal(f"`ssh` cannot be run: {why}", "PX320", "install the OpenSSH client"), True)


def unreachable(host: str, why: str) -> Refusal:
    """No connection could be made, or it has ended before the program there said anything."""
    help_ = f"`ssh -o BatchMode=yes {shlex.quote(host)} true` must succeed, with the `options` of the cluster"
    return Refusal(f"`{host}` cannot be reached by ssh: {why}", "PX320", help_)


def _is_final(last_words: str) -> bool:
    return any(words in last_words for words in _FINAL)
