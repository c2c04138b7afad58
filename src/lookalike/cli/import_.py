"""`lookalike import`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from lookalike.cli.add import COPIES, print_skipped, summary
from lookalike.cli.common import EXIT_SKIPPED, NamedPath, collection_option, has_collection, json_option
from lookalike.cli.streams import print_json, put


@click.command("import", short_help="Import vectors, binary codes or sets.")
@click.argument("file", type=NamedPath())
@collection_option
@click.option("--feature", default="vectors", show_default=True, help="What to call these vectors.")
@click.option(
    "--metric",
    type=click.Choice(["euclidean", "cosine", "dot", "hamming", "jaccard", "angular", "l2", "ip"]),
    help="How they are compared; the last three as Annoy and hnswlib say. "
    "[default: that of the feature or saved index; else euclidean]",
)
@click.option(
    "--from",
    "library",
    type=click.Choice(["annoy", "faiss", "hnswlib", "usearch", "voyager"]),
    help="Saved index: what saved it. [default: told by its content, Annoy's by .ann]",
)
@click.option(
    "--dimension",
    type=click.IntRange(min=1),
    help="Saved index: numbers a vector, where the file does not tell.",
)
@click.option(
    "--dataset",
    metavar="NAME",
    help="Dataset, variable, array or column of the vectors; of one group a picture, "
    "the dataset in each. [default: feats, or the only one]",
)
@click.option(
    "--names",
    metavar="NAME",
    help="Dataset, variable, array or column of the rows' names, or a text file, one a line. [default: filenames; in "
    "Parquet also image_path, path, key; if there] Saved index: a text file, whose line N, from 0, names id N. "
    "[default: the ids]",
)
@click.option(
    "--orientation",
    type=click.Choice(["rows", "columns"]),
    help="Whether a vector is a row or a column of the array. [default: told by the number of names]",
)
@click.option(
    "--on-duplicate",
    type=click.Choice(["error", "skip", "replace"]),
    default="error",
    show_default=True,
    help="What to do with a name that is there already.",
)
@click.option(
    "--skip-bad",
    is_flag=True,
    help="Leave out rows with NaN, infinity or, under cosine, zeros alone, and list them; the exit status is then 3.",
)
@json_option
def import_(
    file: Path,
    folder: Path,
    feature: str,
    metric: str | None,
    dataset: str | None,
    names: str | None,
    orientation: str | None,
    library: str | None,
    dimension: int | None,
    on_duplicate: str,
    skip_bad: bool,
    as_json: bool,
) -> None:
    """Import the vectors of FILE: HDF5, .mat, .npy, .npz, .fvecs, .fbin, .safetensors or
    .parquet; sets: .txt, .jsonl or .npz; or an index that Annoy, FAISS, hnswlib, USearch or voyager saved.

    The file is streamed, however large it is, and stored as a whole or, after an error, not at all. A row's name
    becomes its id, and the path of a stored picture joins the row to it; without names, equal rows are one source
    with many places.

    Binary codes (--metric hamming) are uint8 of packed bits, or booleans. Sets (--metric jaccard) are the words of a
    line (.txt), a list of words or whole numbers a line or an object with "elements" and "id" (.jsonl), or the rows of
    a sparse matrix that SciPy saved (.npz).

    \b
    Examples:
      lookalike import features.h5
      lookalike import features.h5 --dataset embeddings --names urls --metric cosine
      lookalike import sift.fvecs
      lookalike import feats.mat --dataset fc7 --names files --orientation columns
      lookalike import img_emb_0.npy --names metadata_0.parquet --skip-bad
      lookalike import index.faiss
      lookalike import index.ann --from annoy --dimension 128 --metric angular
      lookalike import codes.npy --metric hamming
      lookalike import tags.jsonl --metric jaccard --feature tags
      lookalike search sift.fvecs#17
    """
    from lookalike.cli.progress import ProgressBar
    from lookalike.collection.checks import check_vectors, collection_to_fill

    if not has_collection(folder):
        check_vectors(
            file,
            feature=feature,
            metric=metric,
            dataset=dataset,
            names=names,
            orientation=orientation,
            library=library,
            dimension=dimension,
        )
    with collection_to_fill(folder) as collection, ProgressBar("importing") as listener:
        report = collection.import_file(
            file,
            feature=feature,
            metric=metric,
            dataset=dataset,
            names=names,
            orientation=orientation,
            library=library,
            dimension=dimension,
            on_duplicate=on_duplicate,
            skip_bad=skip_bad,
            listener=listener,
        )
    if as_json:
        print_json(report.to_json())
    else:
        line = summary(report, "already there" if on_duplicate == "skip" else COPIES)
        put(f"{line}\n")
        print_skipped(report.skipped)
    if not report.is_complete:
        sys.exit(EXIT_SKIPPED)
