"""pexec compared with other tools for the same work: `python -m benchmarks`. See docs/performance.md."""
