"""A Linux of its own for a test, started as a process: User-mode Linux, which needs no privileges and no image.

It uses the files of this machine. What this machine's kernel uses elsewhere, such as the controllers of control groups
that are mounted as cgroup v1, is free there.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SMALL_KERNEL = shutil.which("linux.uml")
_SECONDS = 300
_INIT = """\
#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mount -t cgroup2 none /sys/fs/cgroup
sh {script} > {output} 2>&1
echo o > /proc/sysrq-trigger
sleep 60
"""


def output_in_small_kernel(scratch: Path, script: str) -> str:
    """The output of this shell script, run as its root; /run is writable, and /sys/fs/cgroup is cgroup v2."""
    assert SMALL_KERNEL is not None
    init, text, output = (scratch / name for name in ("init", "script", "output"))
    init.write_text(_INIT.format(script=text, output=output))
    init.chmod(0o755)
    text.write_text(script)
    flags = ["root=/dev/root", "rootfstype=hostfs", "rootflags=/", "rw", "mem=768M", "con=null", "con0=null,fd:1"]
    command = [SMALL_KERNEL, *flags, f"init={init}", f"uml_dir={scratch}/"]
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False)
    return output.read_text()
