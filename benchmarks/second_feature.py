"""A second feature for stored pictures, beside extracting that feature alone.

    python -m benchmarks.second_feature --data DIR [--second NAME:KIND=MODEL]

The first 1,000 pictures of DIR are stored with one feature; then another is added to all of them. In turn with that,
on the same cores, the second feature is extracted and kept nowhere, and stored in a collection that is new.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from benchmarks.builds import Figures, report
from benchmarks.ingest import extraction_seconds
from lookalike.collection import Collection
from lookalike.features.registry import FeatureSpec
from lookalike.images.decode import SUFFIXES


def measure(paths: list[Path], first: FeatureSpec, second: FeatureSpec, jobs: int) -> Figures:
    """Return the seconds of one round, and their ratio."""
    alone = extraction_seconds(paths, second, jobs)
    with tempfile.TemporaryDirectory() as folder:
        with Collection.create(Path(folder) / "new") as new:
            fresh = new.add(paths, features=[second], jobs=jobs).seconds
        with Collection.create(Path(folder) / "stored") as stored:
            stored.add(paths, features=[first], jobs=jobs)
            added = stored.add(paths, features=[first, second], jobs=jobs).seconds
    return {
        "extracted alone, s": alone,
        "added to a new collection, s": fresh,
        "added to stored pictures, s": added,
        "added to stored pictures / extracted alone": added / alone,
        "added to stored pictures / added to a new collection": added / fresh,
    }


@click.command(help=__doc__)
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--first", default="look", show_default=True)
@click.option("--second", default="again:look", show_default=True)
@click.option("--limit", default=1_000, show_default=True, help="Take only so many pictures.")
@click.option("--jobs", default=2, show_default=True)
@click.option("--rounds", default=3, show_default=True)
def main(data: Path, first: str, second: str, limit: int, jobs: int, rounds: int) -> None:
    paths = sorted(path for path in data.rglob("*") if path.suffix.lower() in SUFFIXES)[:limit]
    for path in paths:
        path.read_bytes()
    specs = FeatureSpec.parse(first), FeatureSpec.parse(second)
    figures = [measure(paths, *specs, jobs) for _ in range(rounds)]
    report(f"{second} for {len(paths):,} pictures that have {first}, {jobs} jobs", {"median": figures})


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.second_feature")
