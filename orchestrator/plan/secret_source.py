"""Where the value of a secret comes from, as a part of a plan."""

# Without `from __future__ import annotations`: as in `plan.model`.
from typing import Annotated

from msgspec import Meta, Struct


class SecretSource(Struct, frozen=True, omit_defaults=True):
    """Where the value of a secret is found when the run starts: a variable of pexec's own environment, a file, a line
    of an env file, or the output of a program. The value is never part of a plan. Unless it is `needed` the run does
    without it."""

    env: Annotated[str | None, Meta(description="The variable of pexec's own environment that holds the value.")] = None
    file: Annotated[str | None, Meta(description="The file that holds it.")] = None
    env_file: Annotated[str | None, Meta(description="The env file that has a line for it.")] = None
    command: Annotated[
        Annotated[tuple[str, ...], Meta(min_length=1)] | None, Meta(description="The program that prints it.")
    ] = None
    allow_short: Annotated[bool, Meta(description="Whether it may be shorter than 4 bytes.")] = False
    needed: Annotated[bool, Meta(description="False if only workflows outside of the run name it.")] = True
