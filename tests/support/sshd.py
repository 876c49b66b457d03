"""A real SSH server on loopback, with its own keys, configuration and port, and the client's configuration for it."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.attempts import wait_until

from orchestrator.execute.warden.processes import children

_SERVER = """\
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowTcpForwarding no
AllowStreamLocalForwarding no
MaxStartups 50
LogLevel VERBOSE
SetEnv TMPDIR={folder}/tmp
"""
_CLIENT = """\
Host one refuses other-user unknown-key
  HostName 127.0.0.1
Host two
  HostName 127.0.0.2
Host refuses
  Port 1
Host unknown-key
  UserKnownHostsFile none
Host * !other-user
  IdentityFile {folder}/key
Host *
  Port {port}
  User {user}
  IdentityFile {folder}/host_key
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known_hosts
  GlobalKnownHostsFile none
"""


def missing() -> str:
    """Why there can be no server here; empty if there can."""
    absent = [name for name in ("sshd", "ssh", "ssh-keygen") if shutil.which(name, path=_path()) is None]
    return f"not installed: {', '.join(absent)}" if absent else ""


def _path() -> str:
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


class Sshd:
    """`configuration` is for `ssh -F`; hosts in it: `one` and `two`, which work, `refuses`, `unknown-key` and
    `other-user`, which do not."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self.configuration = folder / "client"
        self.tmp = folder / "tmp"  # where programs that it starts have their temporary files

    def prepare(self) -> None:
        """Its keys and files."""
        folder = self._folder
        self.tmp.mkdir(parents=True)
        for name in ("host_key", "key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        shutil.copy(folder / "key.pub", folder / "authorized_keys")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        (folder / "server").write_text(_SERVER.format(folder=folder))
        self.configuration.write_text(_CLIENT.format(folder=folder, port=self.port, user=getpass.getuser()))
        key = (folder / "host_key.pub").read_text()
        (folder / "known_hosts").write_text(f"* {key}")
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)

    def start(self, *below: str, address: str = "127.0.0.1") -> subprocess.Popen[bytes]:
        """Let it answer at this address. With `below`, by this command, which may put it elsewhere."""
        program = shutil.which("sshd", path=_path())
        assert program
        with open(self._folder / "log", "ab") as log:
            command = [*below, program, "-D", "-e", "-f", str(self._folder / "server"), "-p", str(self.port)]
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._processes.append(process)
        assert wait_until(lambda: _answers(address, self.port), 30), self.log()
        return process

    def refusal(self) -> str:
        """Why nobody can log in at `one`; empty if one can."""
        command = ["ssh", "-F", str(self.configuration), "-o", "BatchMode=yes", "one", "true"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        return done.stderr if done.returncode else ""

    def log(self) -> str:
        """What the server said."""
        return (self._folder / "log").read_text(errors="replace")

    def sessions(self) -> list[int]:
        """The server's processes for its connections."""
        return [pid for process in self._processes for pid in children(process.pid)]

    def end(self) -> None:
        """End the server, and its connections."""
        sessions = self.sessions()
        for process in self._processes:
            process.kill()
            process.wait(20)
        for pid in sessions:
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                continue


@contextmanager
def sshd(folder: Path) -> Iterator[Sshd]:
    """One that does not answer yet, until the end of the block."""
    started = Sshd(folder)
    try:
        started.prepare()
        yield started
    finally:
        started.end()


def _answers(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), 5).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    with sshd(Path(sys.argv[1])) as server:
        server.start()
        print(server.configuration, flush=True)
        sys.stdin.read()
