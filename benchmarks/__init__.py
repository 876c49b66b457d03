"""pexec beside the tools that people would take instead: `python -m benchmarks`. See docs/performance.md."""
