"""The few words that pexec has for the API of Kubernetes, by kr8s, with the credentials that `kubectl` would use."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from orchestrator.cluster.deployments.bring import UnusableWorkerError
from orchestrator.cluster.deployments.kubernetes_manifests import DASK
from orchestrator.cluster.hello import Refusal
from orchestrator.plan.policy_parts import KubernetesPolicy

_CALL_SECONDS = 20.0
_NAMESPACE_OF_POD = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
_PLURALS = {"DaskCluster": "daskclusters", "DaskWorkerGroup": "daskworkergroups", "Secret": "secrets"}
_NO_CREDENTIALS = "`kubectl get pods` must succeed, with `KUBECONFIG` or `~/.kube/config`, or in a pod"
_NO_OPERATOR = "is the Dask operator installed? <https://kubernetes.dask.org> says how"
NO_RIGHTS = "`pexec doctor --cluster NAME --manifests` prints the role that is needed"
"""What to do when Kubernetes forbids something."""


class KubernetesApi:
    """To be made by `connect`, and closed."""

    def __init__(self, api: Any, namespace: str) -> None:
        self._api = api
        self.namespace = namespace

    @classmethod
    async def connect(cls, settings: KubernetesPolicy) -> KubernetesApi:
        """Raises UnusableWorkerError."""
        import kr8s.asyncio

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about versions that kr8s does not know
            try:
                api: Any = await kr8s.asyncio.api(context=settings.context, namespace=settings.namespace)
            except Exception as error:
                raise UnusableWorkerError(_refusal(error, "a connection")) from error
        api.timeout = _CALL_SECONDS
        return cls(api, settings.namespace or namespace_of_pod(api) or api.namespace)

    @property
    def is_of_pod(self) -> bool:
        """Whether pexec itself runs in a pod of this cluster, whose account it uses."""
        return namespace_of_pod(self._api) is not None

    async def create(self, resource: Mapping[str, Any]) -> Any:
        """The resource as Kubernetes has it. Raises UnusableWorkerError."""
        kind, name = resource["kind"], resource["metadata"]["name"]
        return await self._call(
            f"the {kind} `{name}`", "POST", resource["apiVersion"], _PLURALS[kind], json=dict(resource)
        )

    async def delete(self, kind: str, name: str) -> None:
        """One of Dask; nothing if it is gone. Raises UnusableWorkerError."""
        import kr8s

        try:
            await self._call(f"to delete the {kind} `{name}`", "DELETE", DASK, f"{_PLURALS[kind]}/{name}")
        except UnusableWorkerError as error:
            cause = error.__cause__
            if not (isinstance(cause, kr8s.ServerError) and _status(cause) == 404):
                raise

    async def found(self, version: str, plural: str, label: str) -> list[dict[str, Any]]:
        """Those with this label. Raises UnusableWorkerError."""
        said = await self._call(f"a list of {plural}", "GET", version, plural, params={"labelSelector": label})
        return list(said["items"])

    async def forward(self, pods: Callable[[], Awaitable[Sequence[Mapping[str, Any]]]], port: int) -> Any:
        """A `PortForward` that has been started, from a port of this machine that is open to loopback only. Each
        connection is to the first of the `pods` that are there then."""
        from kr8s.asyncio.objects import Pod
        from kr8s.asyncio.portforward import PortForward

        api = self._api

        class QuietForward(PortForward):  # type: ignore[misc]  # its loop would print why a connection ended
            async def _select_pod(self) -> Any:
                return await Pod(dict((await pods())[0]), api=api)

            async def _sync_sockets(self, reader: Any, writer: Any) -> None:
                self.pod = None
                with suppress(Exception):
                    await super()._sync_sockets(reader, writer)
                writer.close()

        forward = QuietForward(await Pod(dict((await pods())[0]), api=api), port, local_port="auto")
        await forward.start()
        return forward

    async def close(self) -> None:
        """kr8s writes private keys that the configuration contains to files, and leaves them there."""
        auth = self._api.auth
        for path in (auth.client_key_file, auth.client_cert_file, auth.server_ca_file):
            if path is not None and os.path.dirname(os.fspath(path)) == tempfile.gettempdir():
                with suppress(OSError):
                    os.unlink(path)
        if (session := self._api._session) is not None:
            await session.aclose()

    async def _call(self, what: str, method: str, version: str, url: str, **more: Any) -> Any:
        try:
            async with self._api.call_api(
                method, version=version, namespace=self.namespace, url=url, **more
            ) as response:
                return response.json()
        except Exception as error:
            raise UnusableWorkerError(_refusal(error, what)) from error


def namespace_of_pod(api: Any) -> str | None:
    """That of the pod in which pexec runs, if it uses the account of the pod."""
    if api.auth.active_context:
        return None
    with suppress(OSError), open(_NAMESPACE_OF_POD) as file:
        return file.read().strip() or None
    return None


def _status(error: Any) -> int:
    return 0 if error.response is None else int(error.response.status_code)


def _refusal(error: Exception, what: str) -> Refusal:
    import kr8s

    if not isinstance(error, kr8s.ServerError):
        if isinstance(error, (ValueError, KeyError, FileNotFoundError)):
            return Refusal(f"there are no credentials for Kubernetes: {_words(error)}", "PX328", _NO_CREDENTIALS)
        return Refusal(f"Kubernetes cannot be reached: {_words(error)}", "PX328", _NO_CREDENTIALS)
    status, why = _status(error), f"Kubernetes refuses {what}: {_words(error)}"
    if status == 404 and "namespace" not in str(error):
        return Refusal(why, "PX328", _NO_OPERATOR)
    if status == 404:
        return Refusal(why, "PX328", "`namespace` of the cluster names one that exists")
    if status == 401:
        return Refusal(why, "PX328", _NO_CREDENTIALS)
    return Refusal(why, "PX328", NO_RIGHTS)


def _words(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0] or type(error).__name__
