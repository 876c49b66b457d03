"""The hashes of the style sheet and the script of pages, which their content security policy contains.

After a change to one of them, write the constants again:

    python tests/support/page_hashes.py
"""

from __future__ import annotations

import base64
import hashlib
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT)]

from orchestrator.report.page.script import PAGE_SCRIPT  # noqa: E402
from orchestrator.report.page.style import PAGE_STYLE  # noqa: E402

MODULE = ROOT / "orchestrator/report/html.py"


def digest(text: str) -> str:
    """As a content security policy has it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def with_hashes(source: str) -> str:
    """The source of the module with the right constants."""
    for name, text in (("STYLE_HASH", PAGE_STYLE), ("SCRIPT_HASH", PAGE_SCRIPT)):
        source = re.sub(rf'^{name} = ".*"$', f'{name} = "{digest(text)}"', source, flags=re.MULTILINE)
    return source


if __name__ == "__main__":
    MODULE.write_text(with_hashes(MODULE.read_text()))
