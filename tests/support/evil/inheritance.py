"""Prints as JSON what it inherited."""

import json
import os
import resource
import sys

with open("/proc/self/status") as status:
    fields = dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)
try:
    os.close(os.open("/dev/tty", os.O_RDWR))
    tty = True
except OSError:
    tty = False
mask = os.umask(0)
os.umask(mask)
json.dump(
    {
        "descriptors": sorted(
            int(name) for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")
        ),
        "stdin": os.readlink("/proc/self/fd/0"),
        "output": [os.readlink(f"/proc/self/fd/{number}") for number in (1, 2)],
        "blocked": fields["SigBlk"],
        "ignored": fields["SigIgn"],
        "session": os.getsid(0) == os.getpid(),
        "group": os.getpgid(0) == os.getpid(),
        "tty": tty,
        "folder": os.getcwd(),
        "umask": mask,
        "limits": {
            name: resource.getrlimit(getattr(resource, name))
            for name in sorted(dir(resource))
            if name.startswith("RLIMIT_") and name not in ("RLIMIT_OFILE", "RLIMIT_RTTIME")
        },
        "environment": dict(os.environ),
    },
    sys.stdout,
)
