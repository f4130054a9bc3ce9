"""The kinds of values that settings are made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

from wakeless.app.settings.duration import parse_duration
from wakeless.core.secret import Secret

_MAX_SECRET_FILE = 64 * 1024


class Section(BaseModel):
    """A part of the settings: frozen, strict about keys, and silent about values in its errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True)

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, data: Any, info: ValidationInfo) -> Any:
        """Take ``<secret>_file: path`` for every field that is a secret."""
        if data is None:
            return {}
        if not isinstance(data, Mapping):
            raise PydanticCustomError("section", "must have keys and values of its own")
        taken: dict[str, Any] = dict(data)
        for name, field in cls.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
                # Read even if it is not there, so that its relative paths start at the settings file's folder.
                taken.setdefault(field.alias or name, {})
            file_key = f"{name}_file"
            if file_key not in taken or not is_secret(field.annotation):
                continue
            file_name = taken.pop(file_key)
            if taken.get(name) is not None:
                raise PydanticCustomError("both", "is given twice: in place and as a file", {"key": file_key})
            taken[name] = _read_secret(file_key, file_name, base_folder(info))
        return taken


def _read_secret(key: str, file_name: object, base: Path) -> str:
    if not isinstance(file_name, str) or not file_name:
        raise PydanticCustomError("secret_file", "must be the path of a file", {"key": key})
    path = base / Path(file_name).expanduser()
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_SECRET_FILE + 1)
        text = content.decode()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise PydanticCustomError(
            "secret_file", "{path} cannot be read: {why}", {"key": key, "path": str(path), "why": why}
        ) from None
    if len(content) > _MAX_SECRET_FILE:
        raise PydanticCustomError("secret_file", "{path} is too big", {"key": key, "path": str(path)})
    return text.rstrip("\r\n")


def base_folder(info: ValidationInfo) -> Path:
    """Return the folder that relative paths are relative to."""
    context: Mapping[str, object] = info.context or {}
    base = context.get("base")
    return base if isinstance(base, Path) else Path.cwd()


def is_secret(annotation: object) -> bool:
    """Say whether a field of that annotation holds a `Secret`."""
    return annotation is Secret or (
        get_origin(annotation) in (Annotated, Union, UnionType)
        and any(is_secret(part) for part in get_args(annotation))
    )


def _secret(value: object) -> Secret:
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("secret", "must be text")
    if not value:
        raise PydanticCustomError("secret", "must not be empty")
    if "\0" in value:
        raise PydanticCustomError("secret", "must not contain a NUL")
    return Secret(value)


SecretText = Annotated[Secret, PlainValidator(_secret), PlainSerializer(str)]


def parse_seconds(value: object) -> object:
    """Read a duration where text stands."""
    return parse_duration(value) if isinstance(value, str) else value


#: A stretch of time, kept in seconds.
Seconds = Annotated[float, BeforeValidator(parse_seconds), Field(ge=0, allow_inf_nan=False)]
PositiveSeconds = Annotated[float, BeforeValidator(parse_seconds), Field(gt=0, allow_inf_nan=False)]


def several(value: object) -> object:
    """Take one text for a list of one, so that ``metric: cpu`` needs no brackets."""
    return [value] if isinstance(value, str) else value


def listed(value: object) -> object:
    """Take text with commas for a list, as the environment gives it."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Text = Annotated[str, Field(min_length=1)]
#: One glob or a list of globs.
GlobList = Annotated[tuple[Text, ...], BeforeValidator(several)]
#: A list of names; one text may hold several with commas between.
NameList = Annotated[tuple[Text, ...], BeforeValidator(listed)]


def shaped(pattern: str, words: str) -> AfterValidator:
    """Return a validator of text that must match ``pattern`` whole; ``words`` say so to people."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if compiled.fullmatch(value) is None:
            raise ValueError(words)
        return value

    return AfterValidator(check)


#: A name that settings give to something: safe in a path, a URL and an environment variable's value.
Name = Annotated[
    str,
    shaped(
        "[A-Za-z0-9][A-Za-z0-9._-]{0,127}",
        "must be 1 to 128 letters, digits, dots, dashes or underscores, and begin with a letter or digit",
    ),
]


def _path(value: Path, info: ValidationInfo) -> Path:
    if "\0" in str(value):
        raise ValueError("must not contain a NUL")
    return base_folder(info) / value.expanduser()


#: A path; relative ones are relative to the folder of the settings file.
FilePath = Annotated[Path, AfterValidator(_path)]


def _store(value: str, info: ValidationInfo) -> str:
    if value.startswith("s3://"):
        if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^\0]*)?", value):
            raise ValueError("must be a folder or s3://bucket/prefix")
        return value.rstrip("/")
    if re.match(r"[a-z][a-z0-9+.-]+://", value) or "\0" in value:
        raise ValueError("must be a folder or s3://bucket/prefix")
    return str(base_folder(info) / Path(value).expanduser())


#: A folder (absolute once it is read) or ``s3://bucket/prefix`` (without a final slash).
Store = Annotated[str, Field(min_length=1), AfterValidator(_store)]


def _url(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", value):
        raise ValueError("must be a URL such as https://host:port/path, without user, query or fragment")
    return value.rstrip("/")


#: An ``http://`` or ``https://`` address without credentials, query or a final slash.
Url = Annotated[str, AfterValidator(_url)]


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be a time zone such as Europe/Berlin or UTC") from None
    return value


TimeZone = Annotated[str, AfterValidator(_zone)]


def _moment(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        raise ValueError("must be a date and time such as 2026-03-29T02:00:00Z") from None
    return moment


#: A date and time; without an offset it is in the time zone that stands beside it.
Moment = Annotated[datetime, BeforeValidator(_moment)]


@dataclass(frozen=True, slots=True)
class Hours:
    """From one wall-clock time to another; past midnight when the second is not later."""

    begins: time
    ends: time

    def __str__(self) -> str:
        return f"{self.begins:%H:%M}-{self.ends:%H:%M}"


def _hours(value: object) -> Hours:
    if isinstance(value, Hours):
        return value
    match = re.fullmatch(r"\s*([0-9]{1,2}):([0-9]{2})\s*(?:-|to)\s*([0-9]{1,2}):([0-9]{2})\s*", str(value))
    if match is None:
        raise ValueError("must be hours such as 02:00-04:30")
    hour, minute, last_hour, last_minute = map(int, match.groups())
    if (last_hour, last_minute) == (24, 0):
        last_hour = 0
    try:
        return Hours(time(hour, minute), time(last_hour, last_minute))
    except ValueError:
        raise ValueError("must be hours such as 02:00-04:30, from 00:00 to 24:00") from None


WallHours = Annotated[Hours, PlainValidator(_hours), PlainSerializer(str)]

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _days(value: object) -> frozenset[int]:
    if isinstance(value, frozenset):
        return value
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, list) or not words:
        raise ValueError("must be days of the week such as [sat, sun]")
    days: set[int] = set()
    for word in words:
        known = [
            number
            for number, day in enumerate(_DAYS)
            if len(text := str(word).strip().lower()) >= 3 and day.startswith(text)
        ]
        if len(known) != 1:
            raise ValueError("must be days of the week such as [sat, sun]")
        days.add(known[0])
    return frozenset(days)


WeekDays = Annotated[frozenset[int], PlainValidator(_days)]


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port to listen on."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in ("localhost", "::1") or re.fullmatch(r"127(\.[0-9]{1,3}){3}", self.host) is not None


def _address(value: object) -> Address:
    if isinstance(value, Address):
        return value
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%\w]+)\]|([\w.-]+)):([0-9]{1,5})", str(value).strip())
    if match is None or int(match[3]) > 65535:
        raise ValueError("must be host:port such as 127.0.0.1:4747, or 0.0.0.0:4747 for every address")
    return Address(match[1] or match[2], int(match[3]))


ListenAddress = Annotated[Address, PlainValidator(_address), PlainSerializer(str)]


def utc(moment: datetime, timezone: str) -> datetime:
    """Return ``moment`` in UTC, read in ``timezone`` when it has none."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(timezone))).astimezone(UTC)
