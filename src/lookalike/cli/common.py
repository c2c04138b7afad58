"""What the verbs share: options, the collection, exit statuses."""

from __future__ import annotations

import functools
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import click

from lookalike.errors import PictureError

if TYPE_CHECKING:
    from lookalike.collection import Collection

EXIT_SKIPPED = 3
EXIT_DAMAGED = 4

F = TypeVar("F", bound=Callable[..., Any])


class SearchOptions(TypedDict):
    """What `query_options` adds, as `Collection.search` and `Collection.explain` take it."""

    k: int
    text: str | None
    where: tuple[str, ...] | None
    features: dict[str, float] | list[str] | None
    max_distance: float | None
    blend: bool | float
    text_weight: float | None
    max_pixels: int


class NamedPath(click.Path):
    """A path that is not empty: that would be the working folder, and is most often a variable that is not set."""

    def __init__(self, *, file_okay: bool = True, dir_okay: bool = True) -> None:
        super().__init__(path_type=Path, file_okay=file_okay, dir_okay=dir_okay)

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """Return the path."""
        if not os.fspath(value):
            self.fail("the name is empty", param, ctx)
        return super().convert(value, param, ctx)


class Place(NamedPath):
    """Where a collection is: a folder, or the URL of a server."""

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """Return the path, or the URL as it is."""
        if isinstance(value, str) and value.startswith(("postgresql://", "postgres://")):
            return value
        return super().convert(value, param, ctx)


class Blend(click.FloatRange):
    """How much words weigh in: a share from 0 to 1, or True where `--blend` stands alone, see `QueryCommand`."""

    def __init__(self) -> None:
        super().__init__(0, 1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the share, True or False."""
        if isinstance(value, bool) or value == "":
            return value == "" or value
        return super().convert(value, param, ctx)


class QueryCommand(click.Command):
    """A verb whose `--blend` may stand without a value: what follows is one only if it is a number.

    Click's own optional values would take a QUERY for the weight.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Join `--blend` and its value, which is empty where there is none."""
        joined: list[str] = []
        rest = iter(args)
        for arg in rest:
            if arg == "--":
                return super().parse_args(ctx, [*joined, arg, *rest])
            if joined and joined[-1] == "--blend=" and _is_number(arg):
                joined[-1] += arg
            else:
                joined.append("--blend=" if arg == "--blend" else arg)
        return super().parse_args(ctx, joined)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _one_form(ctx: click.Context, option: click.Parameter, value: bool) -> bool:
    """Refuse a second form of output: each would have to be all that is on stdout."""
    if value:
        before = ctx.meta.setdefault(f"{__name__}.form", option.opts[0])
        if before != option.opts[0]:
            raise click.UsageError(f"{before} and {option.opts[0]} exclude each other; give one of them", ctx)
    return value


def _configured_collection() -> str:
    from lookalike.collection.configuration import configured

    return configured("collection") or ".lookalike"


def collection_option(function: F) -> F:
    """Add `-c/--collection` to a verb."""
    return click.option(
        "-c",
        "--collection",
        "folder",
        type=Place(file_okay=False),
        default=_configured_collection,
        envvar="LOOKALIKE_COLLECTION",
        show_envvar=True,
        show_default="what lookalike.toml says, or .lookalike",
        help="Folder of the collection, or its URL: postgresql://USER@HOST/DATABASE?schema=NAME.",
    )(function)


def place_options(stores: str, engines: str) -> Callable[[F], F]:
    """Return what adds `--buckets` and `--engine` to a verb, with these helps."""

    def add(function: F) -> F:
        function = click.option("--engine", metavar="URL|embedded", help=engines)(function)
        return click.option("--buckets", metavar="URL|embedded", help=stores)(function)

    return add


def json_option(function: F) -> F:
    """Add `--json` to a verb."""
    return click.option(
        "--json", "as_json", is_flag=True, callback=_one_form, help="Print one JSON document on stdout."
    )(function)


def jsonl_option(function: F) -> F:
    """Add `--jsonl` to a verb."""
    return click.option(
        "--jsonl",
        "as_jsonl",
        is_flag=True,
        callback=_one_form,
        help="Print one JSON document a line on stdout.",
    )(function)


def paths0_option(function: F) -> F:
    """Add `--paths0` to a verb."""
    return click.option(
        "--paths0",
        is_flag=True,
        callback=_one_form,
        help="Print paths alone, each ended by a NUL byte, for xargs -0.",
    )(function)


def max_megapixels_option(help_: str) -> Callable[[F], F]:
    """Return what adds `--max-megapixels` to a verb, which gets `max_pixels`."""
    return click.option(
        "--max-megapixels",
        "max_pixels",
        type=click.FloatRange(min=0, min_open=True),
        default=50.0,
        show_default=True,
        callback=_pixels,
        help=help_,
    )


def query_options(help_: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what adds the options of a search to a verb, which gets them as `options`.

    Args:
        help_: said of each in place of its own help, but for -k.
    """
    added = (
        click.option(
            "-k", "k", type=click.IntRange(min=1), default=10, show_default=True, help="How many hits."
        ),
        click.option("--text", metavar="WORDS", help=help_ or "Only sources that all these words match."),
        click.option(
            "--where",
            multiple=True,
            metavar="FILTER",
            help=help_
            or "Only sources whose metadata fits: field=value, field!=value, field=a|b, field=low..high; may be "
            "given again, and then all must fit.",
        ),
        click.option(
            "--feature",
            "features",
            multiple=True,
            metavar="NAME[=WEIGHT]",
            help=help_
            or "Which features to compare, and how much each says. [default: all, as their distances tell]",
        ),
        click.option(
            "--max-distance", type=float, help=help_ or "Leave out hits that are farther than this."
        ),
        click.option(
            "--blend",
            type=Blend(),
            metavar="[WEIGHT]",
            default=False,
            help=help_
            or "Let the words weigh in, instead of narrowing; how much, from 0 to 1. [default: 0.5]",
        ),
        click.option(
            "--text-weight",
            type=click.FloatRange(0, 1),
            help=help_
            or "How much the words weigh in, beside looks; without --blend, hits must have them, too.",
        ),
        max_megapixels_option(help_ or "Refuse a QUERY of more pixels than this."),
    )

    def add(verb: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(verb)
        def with_options(
            k: int,
            text: str | None,
            where: tuple[str, ...],
            features: tuple[str, ...],
            max_distance: float | None,
            blend: bool | float,
            text_weight: float | None,
            max_pixels: int,
            **others: Any,
        ) -> Any:
            options = SearchOptions(
                k=k,
                text=text,
                where=where or None,
                features=parse_weights(features),
                max_distance=max_distance,
                blend=blend,
                text_weight=text_weight,
                max_pixels=max_pixels,
            )
            return verb(options=options, **others)

        return functools.reduce(lambda function, option: option(function), reversed(added), with_options)

    return add


def read_query(query: str) -> bytes | str:
    """Return what QUERY names, as a collection takes it; - is the bytes on stdin."""
    if query != "-":
        return query
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise PictureError("the picture on stdin", f"cannot be read ({error.strerror})") from None


def _pixels(ctx: click.Context, option: click.Parameter, megapixels: float) -> int:
    if not math.isfinite(megapixels * 1_000_000):
        raise click.BadParameter(f"{megapixels} is not finite, or too large", ctx, option)
    return math.ceil(megapixels * 1_000_000)


def has_collection(folder: Path | str) -> bool:
    """Return whether there is a collection in `folder`, be it a damaged one."""
    from lookalike.collection.backends import backend_at

    return backend_at(folder).has_catalogue()


def open_collection(folder: Path | str) -> Collection:
    """Open the collection of a verb; it is closed when the verb ends."""
    from lookalike.collection import Collection

    return click.get_current_context().with_resource(Collection.open(folder))


def parse_weights(features: tuple[str, ...]) -> dict[str, float] | list[str] | None:
    """Parse `--feature look=0.3 --feature onnx=0.7`; None where nothing was given.

    Names alone have no weights; beside one that has a weight, a name alone weighs 1.
    """
    if features and not any("=" in text for text in features):
        return list(features)
    weights: dict[str, float] = {}
    for text in features:
        name, equals, weight = text.partition("=")
        try:
            weights[name] = float(weight) if equals else 1.0
        except ValueError:
            raise click.BadParameter(
                f"{text!r}: the weight after '=' must be a number", param_hint="--feature"
            ) from None
    return weights or None
