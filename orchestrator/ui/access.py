"""Who may use the interface: only the browser that was given its URL.

Other users of the machine, and pages of other sites in the same browser, can send requests to a port of the loopback
interface. So every request must name this server (a foreign name that was made to lead here does not pass), be below
a random path, and have the cookie that only the URL with the token sets. Cookies do not distinguish ports: the random
path keeps this one from other servers on this machine. A change must also come from a page of this server.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from msgspec import Struct, field

from orchestrator.ui.document import SECURITY_HEADERS, message_page

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "pexec_ui"
_SAFE_METHODS = ("GET", "HEAD")
_OWN = ("same-origin", "none")  # values of Sec-Fetch-Site: by a page of this server, or typed by the user


class UiAddress(Struct, frozen=True):
    """Where the interface is: a port of 127.0.0.1, a secret path, and a secret token."""

    port: int
    path: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @property
    def base(self) -> str:
        """The path of the first page."""
        return f"/{self.path}/"

    @property
    def url(self) -> str:
        """What the user opens."""
        return f"http://127.0.0.1:{self.port}{self.base}?token={self.token}"

    @property
    def hosts(self) -> tuple[str, ...]:
        """What a request may have as `Host`."""
        names = ("127.0.0.1", "localhost")
        return (*(f"{name}:{self.port}" for name in names), *(names if self.port == 80 else ()))


class AccessGuard:
    """An ASGI application that passes permitted requests on to `app`, and answers all others."""

    def __init__(self, app: AsgiApp, address: UiAddress) -> None:
        self._app = app
        self._address = address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # nothing else is served
        headers = _Headers(scope)
        why = self._refusal(scope, headers)
        if why:
            await _answer(send, 403, message_page("Access refused", why))
        elif not scope["path"].startswith(self._address.base):
            await _answer(send, 404, message_page("Not found", "There is no such page."))
        elif self._is_first_visit(scope):
            cookie = f"{COOKIE}={self._address.token}; HttpOnly; SameSite=Strict; Path={self._address.base}"
            # A redirect would count as part of a navigation that another site began, without the cookie.
            page = message_page("pexec", "Opening the runs.", goes_to=self._address.base)
            await _answer(send, 200, page, ("set-cookie", cookie))
        elif not _is_equal(headers.cookie(COOKIE), self._address.token):
            why = "Open the URL that <code>pexec ui</code> printed; each start has a new one."
            await _answer(send, 403, message_page("Access refused", why))
        else:
            await self._app(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope, headers: _Headers) -> str:
        """Why a request is not from a page of this server, or from the user; empty if it is."""
        host = headers.only("host")
        if host not in self._address.hosts:
            return "The request names another host."
        site = headers.only("sec-fetch-site", "none")
        if scope["method"] not in _SAFE_METHODS:
            if headers.only("origin") != f"http://{host}" or site not in _OWN:
                return "The request comes from another site."
        elif site not in _OWN and headers.only("sec-fetch-mode") != "navigate":
            return "The request comes from another site."
        return ""

    def _is_first_visit(self, scope: Scope) -> bool:
        if scope["path"] != self._address.base or scope["method"] != "GET":
            return False
        given = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=None).get("token", [])
        return len(given) == 1 and _is_equal(given[0], self._address.token)


class _Headers:
    def __init__(self, scope: Scope) -> None:
        self._all = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]

    def only(self, name: str, default: str = "") -> str:
        """The value of a header that the request has once; a repeated one is as good as none."""
        values = [value for one, value in self._all if one == name]
        return (values[0] if len(values) == 1 else "") if values else default

    def cookie(self, name: str) -> str:
        pairs = [
            pair.strip().partition("=") for one, value in self._all if one == "cookie" for pair in value.split(";")
        ]
        return next((value for one, _, value in pairs if one == name), "")


def _is_equal(given: str, expected: str) -> bool:
    """In a time that does not depend on where they differ."""
    return hmac.compare_digest(given.encode(), expected.encode())


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = {name for name, _ in message.get("headers", ())}
            extra = [(name, value) for name, value in SECURITY_HEADERS if name not in own]
            message = {**message, "headers": [*message.get("headers", ()), *extra]}
        await send(message)

    return sent


async def _answer(send: Send, status: int, page: str, *headers: tuple[str, str]) -> None:
    send = _with_headers(send)
    body = page.encode()
    fields = [("content-type", "text/html; charset=utf-8"), ("content-length", str(len(body))), *headers]
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in fields]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
