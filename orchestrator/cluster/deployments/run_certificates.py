"""Certificates of one run, in files of its directory, for workers that a queueing system starts on other hosts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

from orchestrator.journal.file_names import CERTIFICATES


def write_certificates(run_dir: str, texts: Mapping[str, str]) -> dict[str, str]:
    """Write each text, in PEM format, to a file that only the user may read; the paths."""
    directory = os.path.join(run_dir, CERTIFICATES)
    os.mkdir(directory, 0o700)
    paths = {name: os.path.join(directory, f"{name}.pem") for name in texts}
    for name, path in paths.items():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(texts[name])
    return paths


def remove_certificates(run_dir: str) -> None:
    """Remove them, if there are any, also those of a process of pexec that was killed."""
    shutil.rmtree(os.path.join(run_dir, CERTIFICATES), ignore_errors=True)
