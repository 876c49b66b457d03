"""The small values of a manifest: durations, sizes, names and text, each with one parser.

The functions raise ScalarError; the command line uses them too. Durations are seconds, sizes are bytes.
"""

from __future__ import annotations

import enum
import re

from msgspec import Struct

from orchestrator.console.text import quote

NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_.-]{0,99}$"
ENV_NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"
ENV_GLOB_PATTERN = r"^[A-Za-z0-9_*?]+$"
DURATION_PATTERN = (
    r"^(?:([0-9]+)|(?=[0-9])(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?(?:([0-9]+)ms)?"
    r"|P(?=[0-9T])(?:([0-9]+)D)?(?:T(?=[0-9])(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)S)?)?)$"
)
LIMIT_PATTERN = "^(?=.*[1-9])" + DURATION_PATTERN.removeprefix("^")
SIZE_PATTERN = r"^([0-9]+)(?:([KMGT]i?)?B)?$"
PERCENT_PATTERN = r"^([1-9][0-9]{0,4})%$"

MAX_DURATION_SECONDS = 3650 * 86400.0
MAX_SIZE_BYTES = 2**60
MAX_NUMBER = 2**63

Value = str | int | float | bool

_DAY, _HOUR, _MINUTE, _SECOND = 86_400_000, 3_600_000, 60_000, 1_000
# The groups of DURATION_PATTERN in order, each in milliseconds.
_GROUP_MILLISECONDS = (_SECOND, _DAY, _HOUR, _MINUTE, _SECOND, 1, _DAY, _HOUR, _MINUTE, _SECOND)
_LOOSE_UNITS = {"ms": 1, "s": _SECOND, "m": _MINUTE, "h": _HOUR, "d": _DAY, "w": 7 * _DAY}
_SIZE_UNITS = {
    None: 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip

_duration = re.compile(DURATION_PATTERN)
_size = re.compile(SIZE_PATTERN)
_loose_size = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,6}))?\s*(?:([KMGT])(i?))?(b(?:ytes?)?)?", re.IGNORECASE)
_percent = re.compile(PERCENT_PATTERN)


class NoLimit(enum.Enum):
    """The word `none` in place of a limit: no limit. Not the same as an absent key."""

    NO_LIMIT = "none"


NO_LIMIT = NoLimit.NO_LIMIT


class CpuShare(Struct, frozen=True):
    """A number of jobs as a percentage of the machine's CPUs; `auto` is 100 percent."""

    percent: int

    def __str__(self) -> str:
        return "auto" if self.percent == 100 else f"{self.percent}%"


class ScalarError(ValueError):
    """A value that its parser refuses: the code of its diagnostic, a message, and what to write instead.

    A message that begins with a verb (`has`, `is`, `must`) continues the name of the place, any other follows a colon.
    `at_key`: it is reported at the key, not at the value."""

    at_key = False

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


def parse_duration(value: object) -> float:
    """Seconds of `90`, `90s`, `1h30m`, `2d`, `500ms`, `PT5M`; integers only."""
    if type(value) is int:
        value = str(value)
    if not isinstance(value, str):
        raise _not_a_duration(value)
    match = _duration.fullmatch(value)
    if match is None:
        raise _not_a_duration(value)
    parts = zip(match.groups(), _GROUP_MILLISECONDS, strict=True)
    try:
        seconds = sum(int(digits) * unit for digits, unit in parts if digits) / 1000
    except (ValueError, OverflowError):  # more digits than Python converts, or than a float holds
        seconds = MAX_DURATION_SECONDS + 1
    if seconds > MAX_DURATION_SECONDS:
        raise ScalarError("PX114", "must be at most 3650 days", "write `none` for no limit")
    return seconds


def format_duration(seconds: float) -> str:
    """The canonical spelling, which `parse_duration` reads back: `1h30m`, `2s500ms`, `0s`; rounded to milliseconds."""
    rest = round(seconds * 1000)
    text = ""
    for unit, size in (("d", _DAY), ("h", _HOUR), ("m", _MINUTE), ("s", _SECOND), ("ms", 1)):
        count, rest = divmod(rest, size)
        if count:
            text += f"{count}{unit}"
    return text or "0s"


def parse_limit(value: object) -> float | NoLimit:
    """A duration above zero, or `none`."""
    if value == NO_LIMIT.value:
        return NO_LIMIT
    if value is None:
        raise ScalarError("PX114", "has no value", "write `none` for no limit, or remove the key")
    seconds = parse_duration(value)
    if seconds == 0:
        raise ScalarError("PX114", "must be more than zero", "write `none` for no limit")
    return seconds


def _not_a_duration(value: object) -> ScalarError:
    """The error, with the spelling that was probably meant."""
    if isinstance(value, float):
        hint = (
            f"write it with a unit: `{format_duration(value)}`"
            if 0.001 <= value <= MAX_DURATION_SECONDS
            else DURATION_HINT
        )
        return ScalarError("PX114", "a fraction is not a duration", hint)
    if not isinstance(value, str):
        return ScalarError("PX114", "expected a duration", DURATION_HINT)
    if not value.strip():
        return ScalarError("PX114", "is empty", DURATION_HINT)
    if value.startswith("-"):
        return ScalarError("PX114", "must not be negative", DURATION_HINT)
    if clock := re.fullmatch(r"([0-9]{1,3}):([0-5][0-9])", value):
        first, second = int(clock[1]), int(clock[2])
        short, long = format_duration(first * 60 + second), format_duration(first * 3600 + second * 60)
        return ScalarError("PX114", f"`{value}` is ambiguous", f"write `{short}` or `{long}`")
    if value == NO_LIMIT.value:
        return ScalarError("PX114", "must not be `none`", DURATION_HINT)
    loose = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,6})?) ?([A-Za-z]{1,12})", value)
    if loose and (unit := _loose_unit(loose[2])):
        meant = format_duration(float(loose[1]) * unit / 1000)
        return ScalarError("PX114", f"`{value}` is not a duration", f"write `{meant}`")
    return ScalarError("PX114", f"{quote(value)} is not a duration", DURATION_HINT)


def _loose_unit(word: str) -> int | None:
    """Milliseconds of a unit in another spelling: `min`, `Hours`, `sec`; None for any other word."""
    word = word.lower()
    for names in ("ms msec milliseconds", "s seconds", "m minutes", "h hrs hours", "d days", "w weeks"):
        short, *full = names.split()
        if word == short or any(len(word) > 1 and name.startswith(word) for name in full):
            return _LOOSE_UNITS[short]
    return None


def parse_size(value: object) -> int:
    """Bytes of `512MiB`, `1GB`, `4096`."""
    match = _size.fullmatch(str(value)) if isinstance(value, str) or type(value) is int else None
    if match is None:
        raise ScalarError("PX115", "expected a size", _size_hint(str(value)))
    digits = match[1].lstrip("0")
    size = int(digits or "0") * _SIZE_UNITS[match[2]] if len(digits) < 20 else MAX_SIZE_BYTES + 1
    if size > MAX_SIZE_BYTES:
        raise ScalarError("PX115", "must be at most 1EiB")
    return size


def _size_hint(written: str) -> str:
    """What was probably meant by `1.5GiB`, `512 MB` or `2g`; the syntax of sizes if that is not a number of bytes."""
    meant = _loose_size.fullmatch(written.strip())
    if meant is not None:
        whole, fraction, unit, binary, bytes_ = meant.groups(default="")
        step = _SIZE_UNITS[unit.upper() + ("" if bytes_ and not binary else "i") if unit else None]
        size, rest = divmod(int(whole + fraction) * step, 10 ** len(fraction))
        if rest == 0 and 0 < size <= MAX_SIZE_BYTES:
            return f"write `{format_size(size)}`"
    return "write a number of bytes, or a number with a unit: `512MiB`, `2GiB`, `1GB`"


def format_size(size: int) -> str:
    """The shortest exact spelling, which `parse_size` reads back: `512MiB`, `1GB`, `4096`."""
    spellings = [f"{size // step}{unit}B" for unit, step in _SIZE_UNITS.items() if unit and size and size % step == 0]
    return min([*spellings, str(size)], key=len)


def parse_parallel(value: object) -> int | CpuShare:
    """A number of parallel jobs: an integer from 1 to 100,000, `auto`, or a percentage of the CPUs such as `150%`."""
    if type(value) is int and 1 <= value <= 100_000:
        return value
    if value == "auto":
        return CpuShare(100)
    if isinstance(value, str) and (match := _percent.fullmatch(value)):
        return CpuShare(int(match[1]))
    code = "PX113" if isinstance(value, int | str) and not isinstance(value, bool) else "PX112"
    raise ScalarError(code, "must be a positive integer, `auto`, or a percentage of the CPUs such as `150%`")


def parse_value(value: object) -> Value:
    """A single value: text, a number, true or false."""
    if isinstance(value, str | bool):
        return value
    if isinstance(value, int | float):
        if -MAX_NUMBER <= value <= MAX_NUMBER:
            return value
        raise ScalarError("PX113", "is too large", "put it in quotes to make it text")
    raise ScalarError("PX112", "must be text, a number, `true` or `false`")


DURATION_HINT = "write seconds, or a number with a unit: `90`, `90s`, `5m`, `1h30m`, `2d`, `500ms`"
