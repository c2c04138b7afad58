"""The rate of decoding and extracting alone, in pictures per second.

    python -m benchmarks.extraction --data DIR --feature look --jobs 1 --jobs 2

DIR is searched for pictures. The files are read once before, so that the rate is not the disk's. Under `parent` is the
time that the parent process itself takes for a picture: reading, sending, receiving; the rest is the workers'.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from benchmarks.corpus import pictures_of
from lookalike.errors import PictureError
from lookalike.features.parallel import extract_stream
from lookalike.features.registry import FeatureSpec
from lookalike.images.decode import SUFFIXES


@click.command()
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--feature", "features", multiple=True, default=("look",), show_default=True)
@click.option("--jobs", "job_counts", multiple=True, type=int, default=(1, 2), show_default=True)
@click.option("--limit", type=int, default=None, help="Take only so many pictures.")
def main(data: Path, features: tuple[str, ...], job_counts: tuple[int, ...], limit: int | None) -> None:
    """Print a line of JSON for each number of jobs."""
    specs = {spec.name: spec for spec in map(FeatureSpec.parse, features)}
    paths = sorted(path for path in data.rglob("*") if path.suffix.lower() in SUFFIXES)[:limit]
    for path in paths:
        path.read_bytes()
    for jobs in job_counts:
        started, parent, first, refused = time.perf_counter(), time.process_time(), 0.0, 0
        for _, result in extract_stream(pictures_of(paths), specs, jobs=jobs):
            first = first or time.perf_counter() - started
            refused += isinstance(result, PictureError)
        seconds = time.perf_counter() - started
        figures = {
            "features": sorted(specs),
            "jobs": jobs,
            "pictures": len(paths),
            "refused": refused,
            "pictures_per_second": round(len(paths) / seconds, 1),
            "first_after_seconds": round(first, 2),
            "parent_ms_per_picture": round(1000 * (time.process_time() - parent) / len(paths), 3),
        }
        click.echo(json.dumps(figures))


if __name__ == "__main__":
    main()
