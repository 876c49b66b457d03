"""Runs pexec, and takes pictures of the report in a browser: `docs/pictures/report-*.webp`. It needs Chromium.

.venv/bin/python docs/site/screenshots.py
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PICTURES = HERE.parent / "pictures"
SIZE = "1000,860"
RUNS = 3  # the page also shows how long the jobs took in earlier runs
# How a browser is told to prefer one of its themes.
THEMES = {"report-light.webp": 1, "report-dark.webp": 0}


def take(browser: str, directory: Path) -> None:
    """Take all pictures of the last of several runs in `directory`."""
    shutil.copy(HERE / "recorded/shop.yaml", directory / "pexec.yaml")
    shutil.copytree(HERE / "recorded/ci", directory / "ci")
    pexec = Path(sys.executable).with_name("pexec")
    environment = {"HOME": str(directory), "LANG": "C.UTF-8", "PATH": os.environ["PATH"]}
    for _ in range(RUNS):
        subprocess.run([pexec, "apply", "--output", "quiet"], cwd=directory, env=environment, check=True, timeout=60)
    report = max((directory / ".pexec/runs").glob("*/report.html"))
    for name, theme in THEMES.items():
        # Chromium cannot write everywhere: some packages of it see only the home directory.
        picture = directory / name
        subprocess.run(
            [browser, "--headless", "--no-sandbox", "--hide-scrollbars", f"--window-size={SIZE}",
             f"--blink-settings=preferredColorScheme={theme}", f"--screenshot={picture}", report.as_uri()],
            cwd=directory, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, timeout=60,
        )  # fmt: skip
        shutil.copy(picture, PICTURES / name)
        print(f"{name}: {picture.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        sys.exit("Chromium is not installed")
    with tempfile.TemporaryDirectory() as root:
        shop = Path(root, "shop")
        shop.mkdir()
        take(found, shop)
