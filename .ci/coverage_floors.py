"""Fails if the measured coverage is below a floor: `coverage json -o FILE`, then `coverage_floors.py FILE`.

Measured are the packages whose tests run in the process of pytest, see `[tool.coverage.run]` in pyproject.toml. A floor
is the figure of today, in per cent; raise it when the figure rises.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from pathlib import Path

# Of all packages together: statements and branches.
ALL = (98.9, 97.5)
# Of the branches of a package.
BRANCHES = {"engine": 100.0, "journal": 100.0, "plan": 100.0}


def main(report: Path) -> int:
    """Print a table of the packages, and each floor that does not hold; 1 if there is one."""
    packages: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for name, file in json.loads(report.read_text())["files"].items():
        counts = {key: value for key, value in file["summary"].items() if isinstance(value, int)}
        packages[Path(name).parts[1]].update(counts)
        packages["all"].update(counts)
    print(f"{'package':<12} {'statements':>10} {'branches':>10}")
    shares = {}
    for package, counts in sorted(packages.items()):
        shares[package] = _share(counts, "lines", "num_statements"), _share(counts, "branches", "num_branches")
        print(f"{package:<12} {shares[package][0]:>9.1f}% {shares[package][1]:>9.1f}%")
    floors = {package: (0.0, floor) for package, floor in BRANCHES.items()} | {"all": ALL}
    below = [
        f"{package}: {share:.2f}% of the {kind} are covered, expected at least {floor}%"
        for package, wanted in floors.items()
        for kind, share, floor in zip(("statements", "branches"), shares.get(package, (0.0, 0.0)), wanted, strict=True)
        if share < floor
    ]
    for line in below:
        print(f"error: {line}", file=sys.stderr)
    return 1 if below else 0


def _share(counts: Counter[str], covered: str, total: str) -> float:
    return 100.0 * counts[f"covered_{covered}"] / counts[total] if counts[total] else 100.0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
