"""The warden's program, which pexec starts: descriptor 3 is the control socket, the arguments are pexec's pid and, if
it is not pexec's own, the umask of jobs.

With the argument `pid1` it is the first process inside a sandbox of bubblewrap instead, which the warden starts.
"""

import os
import sys

# As a script there is no package, and isolated mode keeps the script's directory off the path. Appended: it can shadow
# nothing of the standard library.
sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

if sys.argv[1] == "pid1":
    from warden.pid1 import main as be_pid1  # type: ignore[import-not-found]

    be_pid1()
else:
    from warden.service import main  # type: ignore[import-not-found]

    main(*map(int, sys.argv[1:]))
