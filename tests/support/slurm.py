"""A real Slurm of one node, on loopback, with its own configuration, keys and directories."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.attempts import wait_until

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scancel", "squeue", "sinfo")
_CONFIGURATION = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
ReturnToService=2
KillWait=5
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 RealMemory=64000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """Why there can be no Slurm here; empty if there can."""
    absent = [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]
    if absent:
        return f"not installed: {', '.join(absent)}"
    return "" if os.geteuid() == 0 else "starting Slurm takes root"


def _path() -> str:
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


class Slurm:
    """`environ` is what programs need to find it."""

    def __init__(self, folder: Path) -> None:
        self.environ = {"SLURM_CONF": str(folder / "slurm.conf")}
        self._folder = folder
        self._processes: list[subprocess.Popen[Any]] = []

    def start(self) -> None:
        """All daemons, until the node is idle."""
        folder, host = self._folder, socket.gethostname().partition(".")[0]
        for name in ("state", "spool"):
            (folder / name).mkdir()
        controller, daemon = _free_ports(2)
        text = _CONFIGURATION.format(folder=folder, host=host, controller=controller, daemon=daemon)
        (folder / "slurm.conf").write_text(text)
        key = folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        socket_ = folder / "munge.socket"
        options = {"socket": socket_, "key-file": key, "pid-file": folder / "munge.pid", "seed-file": folder / "seed"}
        arguments = [f"--{name}={path}" for name, path in options.items()]
        log = f"--log-file={folder}/munge.log"
        self._run("munged", "--foreground", "--force", *arguments, log)
        assert wait_until(socket_.exists, 30), self.logs()
        self._run("slurmctld", "-D")
        self._run("slurmd", "-D", "-N", host)
        assert wait_until(lambda: "idle" in self.ask("sinfo", "-h", "-o", "%T"), 60), self.logs()

    def ask(self, *command: str) -> str:
        """What a program of Slurm prints; empty if it fails."""
        environ = {**os.environ, **self.environ, "PATH": _path()}
        done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60)
        return done.stdout if done.returncode == 0 else ""

    def jobs(self) -> list[str]:
        """The ids of the jobs in the queue."""
        return self.ask("squeue", "-h", "-o", "%i").split()

    def end(self) -> None:
        """Cancel all jobs, then end the daemons."""
        for job in self.jobs():
            self.ask("scancel", job)
        wait_until(lambda: not self.jobs(), 30)
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)

    def logs(self) -> str:
        """What the daemons said."""
        return "\n".join(path.read_text(errors="replace")[-2000:] for path in self._folder.glob("*.log"))

    def _run(self, *command: str) -> None:
        environ = {**os.environ, **self.environ, "PATH": _path()}
        with open(self._folder / f"{command[0]}.out.log", "wb") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environ, start_new_session=True
            )
        self._processes.append(process)


@contextmanager
def slurm(folder: Path) -> Iterator[Slurm]:
    """One, in a directory that others may enter: its daemons are particular about that."""
    started = Slurm(folder)
    try:
        started.start()
        yield started
    finally:
        started.end()


def _free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
