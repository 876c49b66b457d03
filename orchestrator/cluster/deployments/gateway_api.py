"""The server of Dask Gateway, by its own client, without the configuration of the user and without warnings."""

from __future__ import annotations

import asyncio
import os
import pwd
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from orchestrator.cluster.dask_settings import no_files_in_user_configuration
from orchestrator.cluster.deployments.bring import UnusableWorkerError
from orchestrator.cluster.deployments.deployment import no_workers
from orchestrator.cluster.deployments.existing import words_of
from orchestrator.cluster.hello import Refusal
from orchestrator.diagnostics.suggest import did_you_mean
from orchestrator.plan.policy_parts import GatewayPolicy

T = TypeVar("T")
_ANSWER_SECONDS = 10.0
_ENDED = ("STOPPING", "STOPPED", "FAILED")
_WHO_ARE_YOU = "`auth`, `user`, `password` and `token` of `gateway` say who you are"


class GatewayApi:
    """One user of one server. Its methods raise UnusableWorkerError, after 10 s if there is no answer."""

    def __init__(self, settings: GatewayPolicy, secret: str | None) -> None:
        """`secret` is the password or token."""
        with no_files_in_user_configuration():
            from dask_gateway import Gateway

        self.address = settings.address.rstrip("/")
        proxy = settings.proxy
        self._client = Gateway(
            self.address,
            proxy_address=proxy if proxy is None or "://" in proxy else f"gateway://{proxy}",
            public_address=self.address,
            auth=_auth(settings, secret),
            asynchronous=True,
        )

    async def create(self, options: Mapping[str, Any]) -> str:
        """Have a cluster started; its name."""
        known = await self._asked(self._client.cluster_options(use_local_defaults=False))
        for name, value in options.items():
            if name not in known:
                names = ", ".join(f"`{one}`" for one in known)
                help_ = did_you_mean(name, known) or (
                    f"it has {names}" if names else "it has none: leave out `options`"
                )
                raise _unusable(f"the gateway at {self.address} has no option `{name}`", help_)
            try:
                known[name] = value
            except Exception as error:  # what the server says of each option is checked here
                why = (
                    f"the gateway at {self.address} does not take this value of the option `{name}`: {words_of(error)}"
                )
                raise _unusable(why, "see `options` of `gateway`") from error
        return str(await self._asked(self._client.submit(known)))

    async def report(self, cluster: str) -> Any:
        """What the server knows of this cluster."""
        return await self._asked(self._client.get_cluster(cluster))

    async def scale(self, cluster: str, count: int) -> str:
        """Have this many workers, not counting those that end. Returns what prevents it."""
        url = f"{self.address}/api/v1/clusters/{cluster}/scale"
        # The public method warns by Python's own means of what is returned here.
        answer = await self._asked(self._client._request("POST", url, json={"count": count}))
        said = await answer.json()
        return "" if said.get("ok", True) else str(said.get("msg") or "fewer workers than were asked for")

    async def stop(self, cluster: str) -> None:
        """Have the server end it; there may be none of that name."""
        await self._asked(self._client.stop_cluster(cluster))

    async def close(self) -> None:
        """Nothing is asked any more."""
        await self._client.close()

    async def _asked(self, answer: Awaitable[T]) -> T:
        try:
            return await asyncio.wait_for(answer, _ANSWER_SECONDS)
        except Exception as error:
            raise UnusableWorkerError(self._refusal(error)) from error

    def _refusal(self, error: Exception) -> Refusal:
        import aiohttp
        from dask_gateway import GatewayClusterError, GatewayServerError

        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            reason = words_of(error.certificate_error)
            why = f"the certificate of the gateway at {self.address} is not trusted: {reason}"
            return Refusal(why, "PX433", "`SSL_CERT_FILE` names a file with the authorities that are trusted")
        if isinstance(error, aiohttp.ClientResponseError):
            if error.status == 401:
                return _refused(f"the gateway at {self.address} does not accept who you are", _WHO_ARE_YOU)
            why = f"the gateway at {self.address} refuses: {error.status} {error.message}"
            return _refused(why, "is that the address of a gateway, and may you use it?")
        if isinstance(error, (ValueError, GatewayClusterError, GatewayServerError)):
            return _refused(f"the gateway at {self.address} refuses: {words_of(error)}", "ask who runs the server")
        if isinstance(error, aiohttp.ClientError | OSError):
            why = f"the gateway at {self.address} cannot be reached: {words_of(error)}"
            return Refusal(why, "PX311", "is its server running?")
        return _refused(f"the gateway at {self.address} cannot be used: {words_of(error)}", _WHO_ARE_YOU)


def ended(report: Any) -> str:
    """Why there is no scheduler any more, by the report; empty if there is one, or will be."""
    state = str(report.status.name)
    if state not in _ENDED:
        return ""
    return "has failed" if state == "FAILED" else "was shut down"


def tls_of(report: Any) -> dict[str, str]:
    """The fields of Dask's `Security` for a cluster that runs: its certificate is its own authority."""
    return {"tls_ca_file": report.tls_cert, "tls_client_cert": report.tls_cert, "tls_client_key": report.tls_key}


def _auth(settings: GatewayPolicy, secret: str | None) -> Any:
    from dask_gateway import BasicAuth, JupyterHubAuth, KerberosAuth

    if settings.auth == "kerberos":
        return KerberosAuth()
    if settings.auth == "jupyterhub":
        return JupyterHubAuth(secret or "")
    try:
        f"{settings.user}{secret}".encode("latin1")
    except UnicodeEncodeError:
        raise _unusable("the name or password for the gateway has characters beyond Latin-1", _WHO_ARE_YOU) from None
    return BasicAuth(settings.user or _own_name(), secret or "")


def _own_name() -> str:
    with suppress(KeyError):
        return pwd.getpwuid(os.getuid()).pw_name
    return str(os.getuid())


def _refused(why: str, help_: str) -> Refusal:
    return Refusal(why, "PX329", help_)


def _unusable(why: str, help_: str) -> UnusableWorkerError:
    return UnusableWorkerError(_refused(why, help_))


def no_cluster(why: str) -> UnusableWorkerError:
    """The server has not started the cluster."""
    return _unusable(why, no_workers(why).help)
