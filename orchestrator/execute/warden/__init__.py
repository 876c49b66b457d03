"""The small process that starts, ends and counts jobs. Standard library only, and of that only what loads fast.

It runs as `python -I -S .../warden` beside pexec: one thread, its own session, a subreaper. `loop` is its heart,
`protocol` what it and pexec say to each other, `processes` what both need to know of a process tree.
"""
