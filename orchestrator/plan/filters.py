"""The filters of templates, as in `${{ matrix.file | stem }}`: parts of a path, as `pathlib` names them, and JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from orchestrator.console.text import value_text
from orchestrator.plan.run_matrix import Scalar


def path_name(path: str) -> str:
    """The last component: `b.tar.gz` of `a/b.tar.gz`."""
    parts = _parts(path)
    return parts[-1] if parts else ""


def path_dir(path: str) -> str:
    """The directory: `a` of `a/b.csv`, `.` of `b.csv`."""
    parts = _parts(path)
    inside = "/".join(parts[:-1])
    return f"/{inside}" if path.startswith("/") else inside or "."


def path_stem(path: str) -> str:
    """The last component without its extension: `b.tar` of `a/b.tar.gz`."""
    name = path_name(path)
    return name.removesuffix(path_ext(path))


def path_ext(path: str) -> str:
    """The extension with its dot: `.gz` of `a/b.tar.gz`, nothing of `.profile`."""
    name = path_name(path)
    dot = name.rfind(".")
    return name[dot:] if 0 < dot < len(name) - 1 else ""


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


PATH_FILTERS: Mapping[str, Callable[[str], str]] = {
    "stem": path_stem,
    "name": path_name,
    "dir": path_dir,
    "ext": path_ext,
}


def filtered(value: Scalar | None, path_filter: str = "", *, as_json: bool = False) -> str:
    """A value as text, or a part of the path that it is, or JSON. None is no value: empty, in JSON null."""
    if value is not None and path_filter:
        value = PATH_FILTERS[path_filter](value_text(value))
    if as_json:
        import json  # which few runs need

        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else value_text(value)
