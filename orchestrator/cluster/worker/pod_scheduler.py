"""The program of a scheduler in a pod, without HTTP. What it needs comes as arguments and files."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal

from orchestrator.cluster.dask_settings import use_own_settings


def main() -> None:
    """Run the scheduler until the pod is ended."""
    parser = argparse.ArgumentParser()
    for name in ("port", "tls-ca-file", "tls-cert", "tls-key"):
        parser.add_argument(f"--{name}", required=True)
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(0))
    asyncio.run(_serve(parser.parse_args()))


async def _serve(options: argparse.Namespace) -> None:
    use_own_settings()
    from distributed import Security

    from orchestrator.cluster.quiet_nodes import QuietScheduler

    security = Security(
        require_encryption=True,
        tls_ca_file=options.tls_ca_file,
        tls_scheduler_cert=options.tls_cert,
        tls_scheduler_key=options.tls_key,
    )
    scheduler = QuietScheduler(protocol="tls", port=int(options.port), dashboard=False, security=security)
    await scheduler
    await scheduler.finished()


if __name__ == "__main__":
    main()
