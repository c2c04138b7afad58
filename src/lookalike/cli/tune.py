"""`lookalike tune`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from lookalike.cli.common import NamedPath, collection_option, json_option, open_collection
from lookalike.cli.index import FAMILIES
from lookalike.cli.streams import print_json, put, shown

if TYPE_CHECKING:
    from lookalike import Tuning

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}
TUNED = tuple(name for name in FAMILIES if name not in ("learned", "clusterings"))
"""Of the families, those that are tried; learned buckets and clusterings are not."""
SAID = ("tables", "bits", "hashes", "floors", "bucket_size", "distance", "sections", "clusters")
"""Parameters that `lookalike index` takes, but for the seed."""
USUAL = {"distance": "euclidean", "sections": 1}


class Bytes(click.ParamType[int]):
    """A number of bytes, as in 250000, 100MB or 1.5GiB."""

    name = "bytes"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number."""
        parts = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kmg]i?|)b?", str(value).strip().lower())
        if parts is None or (count := round(float(parts[1]) * UNITS[parts[2]])) < 1:
            self.fail(f"{value!r} is no number of bytes; give one such as 100MB", param, ctx)
        return count


@click.command(short_help="Propose a hash family's parameters for a recall.")
@click.argument("feature")
@collection_option
@click.option(
    "--family",
    type=click.Choice(TUNED),
    help="The family. [default: the feature's own; else p-stable for distances, hyperplane for angles]",
)
@click.option(
    "--recall",
    type=click.FloatRange(min=0, max=1, min_open=True),
    default=0.9,
    show_default=True,
    help="The share of the 10 nearest to find.",
)
@click.option(
    "--memory", type=Bytes(), metavar="BYTES", help="The most that the buckets may take, as in 100MB."
)
@click.option("--svg", type=NamedPath(dir_okay=False), metavar="FILE", help="Draw the trade-off there.")
@json_option
def tune(
    feature: str,
    folder: Path,
    family: str | None,
    recall: float,
    memory: int | None,
    svg: Path | None,
    as_json: bool,
) -> None:
    """Propose tables, hashes a table and probes for FEATURE, and predict what they give. Nothing is changed.

    The family is tried on a sample of the vectors. What is printed is the trade-off: recall@10 and its standard error;
    the rows that a query is compared with; what buckets take; the processor's time of a query in a batch, as steps took
    on this machine with rows that lie in its cache. The choice is marked, and the last line applies it.

    \b
    Examples:
      lookalike tune look --family p-stable
      lookalike tune look --family hyperplane --recall 0.95 --memory 100MB
      lookalike tune look --svg trade-off.svg
    """
    collection = open_collection(folder)
    tuning = collection.tune(feature, family, recall=recall, memory=memory)
    if svg is not None:
        tuning.to_svg(svg)
    named = click.get_current_context().get_parameter_source("folder") is ParameterSource.COMMANDLINE
    line = shlex.join(_applying(feature, tuning, collection.location if named else None))
    if as_json:
        print_json(tuning.to_json() | {"command": line})
        return
    put(f"{tuning}\n\n{shown(line)}\n")


def _applying(feature: str, tuning: Tuning, location: str | None) -> Iterator[str]:
    """Yield the words of the command that applies the choice."""
    yield from ("lookalike", "index", feature)
    if location is not None:
        yield from ("-c", location)
    spec = tuning.choice.spec
    yield from ("--family", spec.name)
    for name in SAID:
        value = spec.parameters.get(name)
        if value is not None and value != USUAL.get(name) and (name, spec.name) != ("tables", "clusters"):
            yield from (f"--{name.replace('_', '-')}", str(value))
