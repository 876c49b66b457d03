"""The keys of a cluster that a server of Dask Gateway starts."""

# Without `from __future__ import annotations`: the annotations are read when the first manifest is parsed.
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from orchestrator.console.text import quote
from orchestrator.manifest.container_types import mapping_of
from orchestrator.manifest.field_types import SINGLE_VALUE, FieldType, Name, NonBlank, choice, non_blank
from orchestrator.manifest.scalars import ScalarError, Value
from orchestrator.manifest.section import Doc, Section
from orchestrator.manifest.value_errors import KeyConflictError, MissingKeyError

_HOST: Final = r"(?P<host>[A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\])"
URL_PATTERN: Final = rf"(?P<scheme>https?)://{_HOST}(:[0-9]{{1,5}})?(/[^\s?#]*)?"
_PROXY_PATTERN: Final = rf"(gateway://)?{_HOST}:[0-9]{{1,5}}"
_TEXT: Final = non_blank()


def _matching(pattern: str, what: str, help_: str) -> FieldType:
    def parse(value: Any) -> str:
        text: str = _TEXT.parse(value)
        if re.fullmatch(pattern, text) is None:
            raise ScalarError("PX113", f"{quote(text)} is not {what}", help_)
        return text

    return FieldType(parse, {"type": "string", "pattern": f"^{re.sub('[?]P<[a-z]+>', '', pattern)}$"})


_URL: Final = _matching(URL_PATTERN, "the address of a gateway", "write `https://HOST`")
_PROXY: Final = _matching(_PROXY_PATTERN, "the address of a proxy", "write `gateway://HOST:8786`")
_OPTION: Final = _matching(r"[^\s\x00-\x1f]+", "the name of an option", "options have the names that the server knows")


class SecretOfGatewayKeys(Section, frozen=True):
    """With what pexec says to the gateway who it is."""

    secret: Annotated[Name, Doc("Declared secret whose value it is.", "GATEWAY_PASSWORD")]


class GatewayKeys(Section, frozen=True):
    """Workers of a cluster that a server of Dask Gateway starts."""

    hint: ClassVar[str] = 'write it as `{address: "https://HOST"}`'

    address: Annotated[str, _URL, Doc("The address of the gateway.", "https://gateway.example.org")]
    proxy: Annotated[
        str | None,
        _PROXY,
        Doc("Where schedulers are reached; by default at host and port of `address`.", "gateway://example.org:8786"),
    ] = None
    auth: Annotated[
        Literal["basic", "jupyterhub", "kerberos"],
        choice("basic", "jupyterhub", "kerberos"),
        Doc("How pexec says who you are.", "jupyterhub"),
    ] = "basic"
    user: Annotated[NonBlank | None, Doc("Your name there, for `basic`; by default the one here.", "me")] = None
    password: Annotated[
        SecretOfGatewayKeys | None, Doc("Your password, for `basic`.", {"secret": "GATEWAY_PASSWORD"})
    ] = None
    token: Annotated[SecretOfGatewayKeys | None, Doc("A token, for `jupyterhub`.", {"secret": "HUB_TOKEN"})] = None
    options: Annotated[
        dict[str, Value],
        mapping_of(_OPTION, SINGLE_VALUE, hint="write `{option: value}`"),
        Doc("Options of the cluster, of those that the server has.", {"worker_cores": 4}),
    ] = {}  # noqa: RUF012 -- msgspec gives each its own

    def secret_name(self) -> str | None:
        """Of the password or token."""
        named = self.token or self.password
        return None if named is None else named.secret

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> ScalarError | None:
        """A token for `jupyterhub`; name and password for `basic`."""
        auth = data.get("auth", "basic")
        for key, only in (("user", "basic"), ("password", "basic"), ("token", "jupyterhub")):
            if key in data and auth != only:
                return KeyConflictError("PX118", f"`{key}` has no effect with `auth: {auth}`", "", key)
        if auth == "jupyterhub" and "token" not in data:
            return MissingKeyError(
                "PX111", "has no `token`", "`auth: jupyterhub` needs `token: {secret: NAME}`", "token"
            )
        return None
