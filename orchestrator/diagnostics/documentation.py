"""How messages name a page of the documentation: by its title, since no page is installed with pexec."""

from __future__ import annotations


def documented(page: str, section: str = "") -> str:
    """A page, or a section of it, by its heading."""
    under = f'"{section}" under ' if section else ""
    return f'{under}"{page}" in pexec\'s documentation'
