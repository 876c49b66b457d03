"""The small process that starts, ends and counts jobs. Standard library only, and of that only what loads fast.

It runs as `python -I -S .../warden` next to pexec: one thread, its own session, a subreaper. Its packets are in
`protocol`, its one loop in `loop`; `processes` and `scarcity` serve pexec too.
"""
