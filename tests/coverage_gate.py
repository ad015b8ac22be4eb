"""Coverage must reach 90 % of lines in `aps`, `edge`, and the models and services of `mes`."""

from __future__ import annotations

import json
import sys
import tempfile
from fnmatch import fnmatch
from pathlib import Path

from coverage import Coverage

GOAL = 90.0
GROUPS = {
    "aps": ["aps/*"],
    "edge": ["edge/*"],
    "mes models": ["mes/*/model.py"],
    "mes services": ["mes/*/service.py"],
    "qc_vision": ["qc_vision/*"],
    "plc_sim": ["plc_sim/*"],
    "mes as a whole": ["mes/*"],
}
BENCHMARKS = "*/bench/*"
"""Run by `make bench`, no part of what runs in a plant."""
GATED = ("aps", "edge", "mes models", "mes services")


def main() -> int:
    """Print the coverage of each group; return 1 when a gated one is below the goal."""
    coverage = Coverage()
    coverage.load()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        coverage.json_report(outfile=str(report), ignore_errors=True)
        files = json.loads(report.read_text())["files"]
    failed = False
    for group, patterns in GROUPS.items():
        chosen = [
            facts["summary"]
            for name, facts in files.items()
            if any(fnmatch(name, pattern) for pattern in patterns) and not fnmatch(name, BENCHMARKS)
        ]
        lines = sum(summary["num_statements"] for summary in chosen)
        covered = sum(summary["covered_lines"] for summary in chosen)
        share = 100 * covered / lines if lines else 0.0
        below = group in GATED and share < GOAL
        failed = failed or below
        note = f"  below the goal of {GOAL:.0f} %" if below else ""
        print(f"coverage {group:<16} {share:5.1f} % of {lines} lines{note}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
