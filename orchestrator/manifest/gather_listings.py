"""Lists the values of all axes that are not written in the manifest, when it is read."""

from __future__ import annotations

from msgspec.structs import replace

from orchestrator.manifest.axis_values import list_values
from orchestrator.manifest.file_facts import Listing, ListingRequest
from orchestrator.manifest.key_index import KeyIndex
from orchestrator.manifest.matrix_keys import AxisSource
from orchestrator.manifest.read import Loaded


def gather_listings(loaded: Loaded, key_index: KeyIndex) -> dict[tuple[str, str], tuple[ListingRequest, Listing]]:
    """What lists the values of each such axis, and the values; the same request is made once."""
    made: dict[ListingRequest, Listing] = {}
    found = {}
    for name, workflow in key_index.of("matrix").items():
        folder = loaded.origins[name].folder if name in loaded.origins else ""
        for axis, values in workflow.matrix.axes.items() if workflow.matrix is not None else ():
            if isinstance(values, AxisSource) and values.from_ is None:
                request = replace(_request(values), folder=folder)
                if request not in made:
                    made[request] = list_values(loaded.base_dir, request)
                found[name, axis] = (request, made[request])
    return found


def _request(source: AxisSource) -> ListingRequest:
    if source.glob is not None:
        return ListingRequest("glob", source.glob, hidden=source.hidden)
    if source.lines is not None:
        return ListingRequest("lines", source.lines)
    return ListingRequest("json", source.json or "", at=source.at)
