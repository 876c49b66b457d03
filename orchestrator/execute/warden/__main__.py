"""The program that `supervisor` starts: descriptor 3 is the control socket, the one argument is pexec's pid."""

import os
import sys

# As a script there is no package, and isolated mode keeps the script's folder off the path. Appended: nothing of the
# standard library can be shadowed.
sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from warden.service import main  # type: ignore[import-not-found]

main(int(sys.argv[1]))
