"""Where the certificates for a Dask cluster are."""

from __future__ import annotations

import os

from orchestrator.plan.policy_parts import TlsPolicy


def tls_files(tls: TlsPolicy | None, base_dir: str) -> dict[str, str]:
    """For each field of Dask's `Security` its file, for a manifest in this directory; empty without TLS."""
    if tls is None:
        return {}
    paths = {"tls_ca_file": tls.ca, "tls_client_cert": tls.cert, "tls_client_key": tls.key}
    return {field: os.path.join(base_dir, os.path.expanduser(path)) for field, path in paths.items()}
