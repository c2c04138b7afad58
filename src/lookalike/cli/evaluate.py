"""`lookalike evaluate`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from lookalike.cli.common import NamedPath, collection_option, json_option, open_collection, parse_weights
from lookalike.cli.index import FAMILIES
from lookalike.cli.streams import print_json, put, shown, tell

if TYPE_CHECKING:
    from lookalike import Evaluation


@click.command(short_help="Measure features and weights on labels of your own.")
@collection_option
@click.option(
    "--by",
    metavar="FIELD",
    help="What shares a value of this metadata field looks alike; folder is the folder's name.",
)
@click.option(
    "--judged",
    type=NamedPath(dir_okay=False),
    metavar="FILE",
    help="A CSV file of judged pairs instead: the columns query, source and grade.",
)
@click.option(
    "-k",
    "k",
    type=click.IntRange(min=1, max=1000),
    default=10,
    show_default=True,
    help="How many hits count.",
)
@click.option(
    "--queries",
    type=click.IntRange(min=1),
    default=2000,
    show_default=True,
    help="The most queries; of more, so many are drawn, always the same.",
)
@click.option(
    "--feature",
    "features",
    multiple=True,
    metavar="NAME[=WEIGHT]",
    help="Which features to compare; weights are measured, too. [default: all]",
)
@click.option(
    "--family",
    "families",
    multiple=True,
    type=click.Choice(FAMILIES),
    help="Build buckets of this family beside, and measure them; may be given again.",
)
@click.option("--svg", type=NamedPath(dir_okay=False), metavar="FILE", help="Draw the figures there.")
@json_option
def evaluate(
    folder: Path,
    by: str | None,
    judged: Path | None,
    k: int,
    queries: int,
    features: tuple[str, ...],
    families: tuple[str, ...],
    svg: Path | None,
    as_json: bool,
) -> None:
    """Measure each feature, features together and their buckets on labels of your own, and propose weights.

    Stored sources are the queries, each left out of its own answer, and what shares a label with one is relevant.
    Figures are means over the queries with their standard errors. Weights are proposed by cross-validation; where no
    weights of several features do better than the best alone, that one is proposed. Nothing is changed; the last line
    searches by the proposal.

    \b
    Examples:
      lookalike evaluate --by articleType
      lookalike evaluate --by folder --svg figures.svg
      lookalike evaluate --judged pairs.csv -k 5
      lookalike evaluate --by year --feature look=0.3 --feature onnx=0.7
      lookalike evaluate --by folder --family hyperplane --family p-stable
    """
    from lookalike.cli.progress import ProgressBar

    if (by is None) == (judged is None):
        raise click.UsageError("give --by FIELD or --judged FILE: what says that two pictures look alike")
    collection = open_collection(folder)
    with ProgressBar("evaluating") as progress:
        found = collection.evaluate(
            by,
            judged=judged,
            k=k,
            queries=queries,
            features=parse_weights(features),
            families=families,
            listener=progress,
        )
    if svg is not None:
        found.to_svg(svg)
    named = click.get_current_context().get_parameter_source("folder") is ParameterSource.COMMANDLINE
    words = list(_searching(found, collection.location if named else None))
    if as_json:
        print_json(found.to_json() | {"command": shlex.join(words)})
        return
    for line in str(found).splitlines():
        put(f"{shown(line)}\n")
    put(f"\n{shown(shlex.join(words))}\n")
    for note in found.notes:
        tell(note)


def _searching(found: Evaluation, location: str | None) -> Iterator[str]:
    """Yield the words of the command that searches by the proposal; QUERY is to be replaced."""
    weights = {found.best: 1.0} if found.proposal is None else found.proposal.weights
    yield from ("lookalike", "search", "QUERY")
    if location is not None:
        yield from ("-c", location)
    for name, weight in weights.items():
        yield from ("--feature", name if len(weights) == 1 else f"{name}={weight:g}")
