"""Writes what it inherited as JSON to the file that its argument names: what survives exec and can be read."""

import json
import os
import resource
import signal
import sys

with open("/proc/self/status") as status:
    fields = dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)
mask = os.umask(0)
os.umask(mask)
with open("/proc/self/environ", "rb") as file:
    environment = sorted(variable for variable in file.read().decode(errors="surrogateescape").split("\0") if variable)
seen = {
    "blocked": int(fields["SigBlk"], 16),
    "ignored": int(fields["SigIgn"], 16),
    "descriptors": sorted(int(name) for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")),
    "alarm": signal.getitimer(signal.ITIMER_REAL)[0] > 0,
    "umask": mask,
    "nice": os.nice(0),
    "cpus": sorted(os.sched_getaffinity(0)),
    "scheduling": os.sched_getscheduler(0),
    "no_new_privs": fields["NoNewPrivs"],
    "folder": os.getcwd(),
    "environment": environment,
    "limits": {
        name: resource.getrlimit(getattr(resource, name))
        for name in sorted(dir(resource))
        if name.startswith("RLIMIT_") and name not in ("RLIMIT_OFILE", "RLIMIT_RTTIME")
    },
}
with open(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666), "w") as file:
    os.fchmod(file.fileno(), 0o644)
    json.dump(seen, file)
