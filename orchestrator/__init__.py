"""pexec: the parallel workflow runner that lives in a repository."""

__version__ = "0.1.0"
