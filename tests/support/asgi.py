"""A browser without a screen for an ASGI application: it sends one request at a time, in this process, and keeps the
cookie that an answer sets."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, MutableMapping
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from orchestrator.ui.access import AsgiApp


class Answer(NamedTuple):
    """An answer with its whole body; the names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


class AsgiBrowser:
    """Sends requests to `app` as one that listens on `host`."""

    def __init__(self, app: AsgiApp, host: str) -> None:
        self._app = app
        self.host = host
        self.cookie = ""

    def get(self, url: str, **headers: str) -> Answer:
        """GET a path, or a URL whose host is ignored. Names of headers are written with `_`."""
        return self.send("GET", url, **headers)

    def post(self, url: str, **headers: str) -> Answer:
        """POST without a body."""
        return self.send("POST", url, **headers)

    def send(self, method: str, url: str, **headers: str) -> Answer:
        """The answer; redirects are not followed."""
        parts = urlsplit(url)
        fields = {"host": self.host} | ({"cookie": self.cookie} if self.cookie else {})
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(parts.path),
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "root_path": "",
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in fields.items()],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8470),
        }
        answer = asyncio.run(self._send(scope))
        if "set-cookie" in answer.headers:
            self.cookie = answer.headers["set-cookie"].partition(";")[0]
        return answer

    async def _send(self, scope: dict[str, Any]) -> Answer:
        sent: list[MutableMapping[str, Any]] = []
        is_first = True

        async def receive() -> MutableMapping[str, Any]:
            nonlocal is_first
            if is_first:
                is_first = False
                return {"type": "http.request", "body": b"", "more_body": False}
            await asyncio.sleep(3600)  # the browser does not leave
            return {"type": "http.disconnect"}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        start = sent[0]
        headers = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
        return Answer(start["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))
