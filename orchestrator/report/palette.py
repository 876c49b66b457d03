"""The colours of jobs in drawings: fill and border for each status."""

from __future__ import annotations

FILLS = {
    "PENDING": ("#f2f3f5", "#8a8f98"),
    "RUNNING": ("#d6e6fb", "#2f6fc4"),
    "SUCCESS": ("#d5f0e0", "#2a9d5b"),
    "FAILED": ("#fadbdb", "#d64545"),
    "TIMED_OUT": ("#fbe6cf", "#d9822b"),
    "LOST": ("#fadbdb", "#d64545"),
    "SKIPPED": ("#e9e2f5", "#8d6cc3"),
    "CANCELLED": ("#e9e2f5", "#8d6cc3"),
    "LEFT_OUT": ("#f2f3f5", "#8a8f98"),
}
