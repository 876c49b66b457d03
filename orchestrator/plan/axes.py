"""The axes of a matrix with all their values: those that are written, and those that were listed from files."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from orchestrator.console.text import quote
from orchestrator.diagnostics.model import Diagnostic, Path
from orchestrator.manifest.file_facts import Listing, ListingRequest, Listings
from orchestrator.manifest.matrix_keys import AxisSource, Matrix
from orchestrator.manifest.scalars import Value
from orchestrator.manifest.syntax.source_map import SourceMap
from orchestrator.plan.cells import wrong_values

_NOT_LISTED = (ListingRequest("glob", ""), Listing(problem="its values were not listed"))


class Axes(Struct, frozen=True):
    """The values by axis; `empty` is why one has none, which the manifest allows. `sources` are axes whose values are
    not known when planning, each with `needs.NAME.outputs.NAME`: these have no values here."""

    values: Mapping[str, tuple[Value, ...]]
    empty: str = ""
    sources: Mapping[str, str] = {}


def axes_of(name: str, matrix: Matrix, listings: Listings, source: SourceMap, found: list[Diagnostic]) -> Axes | None:
    """The axes of the matrix of the workflow `name`, None after an error; `found` gets PX240, PX241 and PX210 for those
    that were listed."""
    values: dict[str, tuple[Value, ...]] = {}
    sources: dict[str, str] = {}
    empty = ""
    for axis, written in matrix.axes.items():
        if not isinstance(written, AxisSource):
            values[axis] = written
            continue
        if written.from_ is not None:
            values[axis], sources[axis] = (), written.from_
            continue
        request, listing = listings.get((name, axis), _NOT_LISTED)
        path: Path = ("workflows", name, "matrix", axis)
        if listing.problem:
            found.append(Diagnostic("PX240", listing.problem, source.value(path), path, help=listing.help))
            return None
        if wrong := wrong_values(listing.values, listing.lines):
            message = f"{_listed_by(request)} for `{axis}` of `{name}`: {wrong}"
            found.append(Diagnostic("PX210", message, source.value(path), path, help="it is part of the job's id"))
            return None
        if not listing.values:
            empty = empty or _why_empty(request)
            if not written.allow_empty:
                advice = f"where that is fine, write `allow_empty: true`: `{name}` is left out then"
                found.append(Diagnostic("PX241", _why_empty(request), source.value(path), path, help=advice))
                return None
        values[axis] = listing.values
    return Axes(values, empty, sources)


def _listed_by(request: ListingRequest) -> str:
    return f"{quote(request.at)} of {quote(request.path)}" if request.at else quote(request.path)


def _why_empty(request: ListingRequest) -> str:
    if request.kind == "glob":
        return f"no file matches {quote(request.path)}"
    return f"{_listed_by(request)} has no {'lines' if request.kind == 'lines' else 'values'}"
