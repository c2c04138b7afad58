"""Where the service's settings come from: flags, else the environment, else `[service]` in `lookalike.toml`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, TypeAdapter, ValidationError

from lookalike.arguments import shown
from lookalike.collection.configuration import FILE, configured, table
from lookalike.errors import InputError, OptionError
from lookalike.service.keys import Keys
from lookalike.service.settings import Limits, Settings
from lookalike.urls import without_password

TABLE = "service"
SECRET = "set, and not shown"


@dataclass(frozen=True, slots=True)
class Option:
    """One setting: what its values are, and what it says."""

    name: str
    kind: Any
    help: str

    @property
    def variable(self) -> str:
        """Of the environment."""
        return f"LOOKALIKE_{self.name.upper()}"


Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1, le=2**62)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Names = Annotated[
    tuple[Annotated[Text, StringConstraints(strip_whitespace=True)], ...],
    BeforeValidator(lambda given: given.split(",") if isinstance(given, str) else given),
]
Ports = Annotated[
    tuple[Annotated[int, Field(ge=1, le=65_535)], ...],
    BeforeValidator(lambda given: given.split(",") if isinstance(given, str) else given),
]

OPTIONS = (
    Option("host", Text, "The address to listen at."),
    Option("port", Annotated[int, Field(ge=0, le=65_535)], "The port."),
    Option("hosts", Names, "Further names by which browsers call the service."),
    Option("read_key", Text, "The key that lets clients read."),
    Option("write_key", Text, "The key that lets clients read and change."),
    Option("open_to_all", bool, "Whether a service that others can reach needs no key."),
    Option("pictures", Path, "The folder that takes pictures which clients add."),
    Option("cache", Path, "The folder of thumbnails, uploads and jobs."),
    Option("cache_bytes", Count, "Bytes that thumbnails and uploads may take."),
    Option("fetch_urls", bool, "Whether pictures to search by are fetched from URLs on the public internet."),
    Option("url_ports", Ports, "Ports that such URLs may name."),
    Option(
        "log_format",
        Literal["json", "text"],
        "Of the log's lines; by default text in a terminal, else JSON.",
    ),
    Option("request_bytes", Count, "Bytes that a request may have."),
    Option("receive_seconds", Seconds, "Seconds within which a request has to be there whole."),
    Option("answer_seconds", Seconds, "Seconds that a picture may take to be decoded and described."),
    Option("max_pixels", Count, "Pixels that a picture may have."),
    Option("most_hits", Count, "Hits that one search may reach, all its pages together."),
    Option("most_queries", Count, "Queries of a batch."),
    Option("concurrency", Count, "Requests that are worked on at a time; further ones are told 503."),
    Option("requests_a_second", Seconds, "Requests of one client on average; further ones are told 429."),
    Option("burst", Count, "Requests that a client may send at once."),
)
SECRETS = ("read_key", "write_key")
LIMITS = tuple(field.name for field in fields(Limits))


def told(flags: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    """Return what is said of each option, and where; those of which nothing is said are left out.

    Args:
        flags: what the command line said; None for nothing.

    Raises:
        InputError: the file says what nobody knows, or what makes no sense.
        OptionError: a flag or a variable makes no sense.
    """
    in_file = table(TABLE)
    for name in in_file.keys() - {option.name for option in OPTIONS}:
        raise InputError(f"{FILE}: [{TABLE}] has {shown(name)}, which is not known")
    found: dict[str, tuple[Any, str]] = {}
    for option in OPTIONS:
        variable = os.environ.get(option.variable)
        for value, source in (
            (flags.get(option.name), f"--{option.name.replace('_', '-')}"),
            (variable or None, option.variable),
            (in_file.get(option.name), f"{FILE} [{TABLE}] {option.name}"),
        ):
            if value is not None:
                found[option.name] = (_read(option, value, source), source)
                break
    return found


def settings_of(collection: str, flags: Mapping[str, Any]) -> Settings:
    """Return the settings of a service. Raises InputError, OptionError."""
    given = {name: value for name, (value, _) in told(flags).items()}
    keys = Keys.of(read=given.pop("read_key", None), write=given.pop("write_key", None))
    limits = Limits(**{name: given.pop(name) for name in LIMITS if name in given})
    return Settings(collection=collection, keys=keys, limits=limits, **given)


def described(flags: Mapping[str, Any]) -> list[tuple[str, Any, str]]:
    """Return every setting with its value and where that is said, secrets masked. Raises InputError, OptionError."""
    plain, limits = Settings(), Limits()
    said = told(flags)
    rows: list[tuple[str, Any, str]] = []
    for key, default in (("collection", ".lookalike"), ("buckets", None), ("engine", None)):
        value = configured(key)
        place = f"LOOKALIKE_{key.upper()}" if os.environ.get(f"LOOKALIKE_{key.upper()}") else f"{FILE} {key}"
        rows.append((key, without_password(value) if value else default, place if value else "default"))
    for option in OPTIONS:
        default = getattr(limits if option.name in LIMITS else plain, option.name, None)
        value, place = said.get(option.name, (default, "default"))
        if option.name in SECRETS and value is not None:
            value = SECRET
        rows.append((f"service.{option.name}", list(value) if isinstance(value, tuple) else value, place))
    return rows


def _read(option: Option, value: Any, source: str) -> Any:
    try:
        return TypeAdapter(option.kind).validate_python(value)
    except ValidationError as error:
        what = "nothing that fits" if option.name in SECRETS else shown(value)
        reason = error.errors()[0]["msg"].removeprefix("Input should be ")
        raise OptionError(f"{source} is {what}; give {reason[:1].lower()}{reason[1:]}") from None
