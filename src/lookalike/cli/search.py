"""`lookalike search`."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lookalike.cli.common import (
    NamedPath,
    SearchOptions,
    collection_option,
    json_option,
    jsonl_option,
    open_collection,
    paths0_option,
    query_options,
    read_query,
)
from lookalike.cli.streams import print_json, put, put_bytes, shown, tell
from lookalike.cli.table import table
from lookalike.cli.then import THEN, ChainedCommand

if TYPE_CHECKING:
    from lookalike.collection import Collection, Hit, Hits
    from lookalike.collection.query import Asked, MixQuery, RowQuery, TextQuery
    from lookalike.collection.then import Then


@click.command(cls=ChainedCommand, short_help="Find what looks like a picture.")
@click.argument("query", required=False)
@collection_option
@click.option(
    "--describe",
    "descriptions",
    multiple=True,
    metavar="WORDS[=WEIGHT]",
    help="Find what these words describe, by a network with a text tower, such as CLIP, or by words of metadata (see "
    "lookalike words); with a QUERY or --like, find what lies between.",
)
@click.option(
    "--like",
    multiple=True,
    metavar="QUERY[=WEIGHT]",
    help="Find what looks like this, too; may be given again.",
)
@click.option(
    "--unlike",
    multiple=True,
    metavar="QUERY[=WEIGHT]",
    help="Keep away from what looks like this; may be given again.",
)
@query_options()
@click.option(
    THEN,
    "then",
    is_flag=True,
    expose_value=False,
    help="Search among the hits of what comes before, by what follows: a QUERY or --describe, and the options above. "
    "It looks at the 100 nearest, or so many as --among N says after it, and may be given again.",
)
@click.option(
    "--facet",
    "facets",
    multiple=True,
    metavar="FIELD",
    help="Count the values of that metadata field among all sources that --where and --text leave; may be given again.",
)
@click.option(
    "--candidates",
    type=click.Choice(("tokens", "knn")),
    default="tokens",
    show_default=True,
    help="How a search engine finds candidates; knn is its own graph, for an index made with --graph.",
)
@click.option(
    "--strict",
    is_flag=True,
    help="Fail where a store's buckets cannot be used, instead of comparing everything.",
)
@click.option("--html", type=NamedPath(dir_okay=False), metavar="FILE", help="Write a page.")
@click.option("--open", "open_page", is_flag=True, help="Open the page in the browser.")
@click.option(
    "--preview",
    is_flag=True,
    help="Draw the hits in the terminal: by kitty's protocol, iTerm2's, sixels, or blocks.",
)
@click.option(
    "--dataset",
    metavar="NAME",
    help="Where the vectors are in the file of which QUERY is a row. [default: as it was imported]",
)
@paths0_option
@json_option
@jsonl_option
def search(
    query: str | None,
    descriptions: tuple[str, ...],
    like: tuple[str, ...],
    unlike: tuple[str, ...],
    folder: Path,
    facets: tuple[str, ...],
    candidates: str,
    strict: bool,
    html: Path | None,
    open_page: bool,
    preview: bool,
    dataset: str | None,
    paths0: bool,
    as_json: bool,
    as_jsonl: bool,
    options: SearchOptions,
    then: Sequence[Then],
) -> None:
    """Find what looks like QUERY, or what matches --text alone.

    QUERY is the id of a source, a picture file, - for a picture's bytes on stdin, or a row of a vector file, as in
    features.h5#17. An id goes before a file of the same name. A source that is asked for by its id, or by the path of
    one of its files, is left out of the hits, and shown before them.

    \b
    Examples:
      lookalike search holiday.jpg
      lookalike search shoe.jpg --text "red shoes" --where year=2010..2012
      lookalike search --text "red shoes" --facet baseColour
      lookalike search --describe "a red shoe on grass"
      lookalike search --like shoe.jpg --like boot.jpg=0.5 --unlike heel.jpg
      lookalike search shoe.jpg --feature look=0.3 --feature onnx=0.7
      lookalike search me.jpg --feature face --then --feature cedd
      lookalike search queries.h5#17 --dataset test
      lookalike search shoe.jpg --then --describe "on grass" --among 50
      lookalike search shoe.jpg --max-distance 0.1 --paths0 | xargs -0 ls -l
      curl -s https://example.org/cat.jpg | lookalike search -
    """
    wanted = query is not None or like or descriptions
    if not wanted and (unlike or options["text"] is None):
        raise click.UsageError("name a QUERY, or give --like, or words with --text or --describe")
    if dataset is not None and (query is None or like or unlike or descriptions):
        raise click.UsageError("--dataset is for a QUERY alone, a row of a vector file")
    if preview and (as_json or as_jsonl or paths0):
        raise click.UsageError("--preview draws for people; leave out --json, --jsonl and --paths0")
    collection = open_collection(folder)
    asked: Asked | str | None = None if query is None else read_query(query)
    if dataset is not None:
        asked = row_of(collection, query, dataset)
    if like or unlike or descriptions:
        asked = mix(collection, query, like, unlike, descriptions)
    hits = collection.search(
        asked, facets=facets, candidates=candidates, strict=strict, then=then or None, **options
    )
    if html or open_page:
        write_page(hits, html, open_page=open_page)
    if as_json:
        print_json(hits.to_json())
    elif as_jsonl:
        for hit in hits:
            print_json(hit.to_json(), indent=None)
    elif paths0:
        for hit in hits:
            if hit.path is not None:
                put_bytes(os.fsencode(hit.path) + b"\0")
    else:
        print_hits(hits)
        print_facets(hits)
        if preview:
            draw_hits(hits)
    if not as_json:
        for note in hits.notes:
            tell(note)


def row_of(collection: Collection, query: str | None, dataset: str) -> RowQuery:
    """Return the row of `dataset` that QUERY names, as in features.h5#17."""
    from lookalike.collection.query import RowQuery

    row = None if query is None else collection.parse(query)
    if not isinstance(row, RowQuery):
        raise click.UsageError(
            f"--dataset is for a row of a vector file, as in features.h5#17, not {query!r}"
        )
    return replace(row, dataset=dataset)


def mix(
    collection: Collection,
    query: str | None,
    like: Sequence[str],
    unlike: Sequence[str],
    descriptions: Sequence[str],
) -> TextQuery | MixQuery:
    """Return what --like, --unlike and --describe ask for beside QUERY: words alone, or a mix."""
    from lookalike.collection.query import MixQuery, PictureQuery, TextQuery, Weighted

    def part(text: str, weight: float = 1.0) -> Weighted:
        raw = read_query(text)
        return Weighted(PictureQuery(raw) if isinstance(raw, bytes) else collection.parse(raw), weight)

    wanted = [part(query)] if query is not None else []
    wanted += [part(*with_weight(text)) for text in like]
    words = [with_weight(text) for text in descriptions]
    if not wanted and not unlike and len(words) == 1 and words[0][1] == 1:
        return TextQuery(words[0][0])
    wanted += [Weighted(TextQuery(text), weight) for text, weight in words]
    return MixQuery(wanted, [part(*with_weight(text)) for text in unlike])


def with_weight(text: str) -> tuple[str, float]:
    """Return what `shoe.jpg=0.5` names, and its weight; a name alone, and that of a file as it is, weighs 1."""
    name, equals, number = text.rpartition("=")
    try:
        return (name, float(number)) if name and equals and not os.path.lexists(text) else (text, 1.0)
    except ValueError:
        return text, 1.0


def write_page(hits: Hits, file: Path | None, *, open_page: bool) -> None:
    """Write the hits as a page to `file`, or to a temporary file that is only for looking at."""
    import tempfile

    from lookalike.errors import OptionError

    if file is None:
        with tempfile.NamedTemporaryFile(prefix="lookalike-", suffix=".html", delete=False) as temporary:
            file = Path(temporary.name)
    try:
        file.write_text(hits.to_html(), encoding="utf-8")
    except OSError as error:
        raise OptionError(f"--html {file}: {error.strerror}") from None
    if open_page:
        click.launch(str(file))


def print_hits(hits: Hits) -> None:
    """Print a table of hits for people."""
    if not hits:
        tell("nothing found; try fewer words, fewer filters or a larger distance limit")
    told = [hit for hit in (hits.itself, *hits) if hit is not None]
    if not told:
        return
    with_distance = any(not math.isnan(hit.distance) for hit in told)
    with_text = any(hit.text_score is not None for hit in told)
    with_titles = any(hit.title for hit in told)
    head = ["#", *["distance"] * with_distance, *["words"] * with_text, "where", *["what"] * with_titles]
    rows = []
    for rank, hit in enumerate(told, 0 if hits.itself is not None else 1):
        distance = "" if math.isnan(hit.distance) else f"{hit.distance:.4f}"
        score = "" if hit.text_score is None else f"{hit.text_score:.2f}"
        numbers = [str(rank or "="), *[distance] * with_distance, *[score] * with_text]
        titles = [shown(hit.title or "")] * with_titles
        rows.append([*numbers, shown(_where(hit)), *titles])
    put(table(head, rows, numbers=1 + with_distance + with_text))


def draw_hits(hits: Hits) -> None:
    """Draw the hits that have pictures in the terminal, each under its rank and place."""
    from lookalike.pages.terminal import draw, protocol_of_terminal

    protocol = protocol_of_terminal()
    pictures = [
        (f"{rank}  {shown(_where(hit))}", Path(hit.path), hit.pixels)
        for rank, hit in enumerate(hits, 1)
        if hit.path is not None and hit.exists
    ]
    draw(pictures, sys.stdout, protocol)


def print_facets(hits: Hits) -> None:
    """Print the counts of each facet for people, a line each."""
    for name, counts in hits.facets.items():
        values = ", ".join(f"{_value(value)} ({count:,})" for value, count in counts)
        put(f"{shown(name)}: {shown(values) or 'no values'}\n")


def _value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _where(hit: Hit) -> str:
    """Return where a hit lies, for people."""
    if hit.path is None:
        return hit.id
    return _relative(hit.path) if hit.exists else f"{_relative(hit.path)} (away)"


def _relative(path: str) -> str:
    """Return `path` relative to the working folder if it lies in it."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path
