"""Recall/rate curves from result lines, one picture a data set.

python -m benchmarks.curves RESULTS.jsonl [MORE.jsonl] --out FOLDER
"""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks.table import KINDS, OWN, Row, frontier, grouped, read

LOWEST = 0.7
"""Recall at the left edge; worse is of little use."""
COLOURS = {
    "lookalike": "#d62728",
    "faiss-ivf": "#1f77b4",
    "faiss-rabitq": "#aec7e8",
    "scann": "#2ca02c",
    "hnswlib": "#9467bd",
    "symphonyqg": "#ffbb78",
    "rabitq-ivf": "#c49c94",
    "kannolo": "#98df8a",
    "svs": "#c5b0d5",
    "usearch": "#e377c2",
    "faiss-hnsw": "#17becf",
    "pynndescent": "#ff7f0e",
    "annoy": "#8c564b",
    "faiss-lsh": "#bcbd22",
    "nearpy": "#7f7f7f",
    "brute-force": "#000000",
}


def draw(name: str, peers: dict[str, list[Row]], path: Path) -> None:
    """Draw the frontiers of one data set's peers, single queries and batches side by side, into a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, len(KINDS), figsize=(11, 4.6), sharey=True)
    for panel, kind in zip(panels, KINDS, strict=True):
        for peer, rows in peers.items():
            points = [point for point in frontier(rows, kind) if point[0] >= LOWEST]
            if points:
                panel.plot(
                    *zip(*points, strict=True),
                    marker="o",
                    markersize=5 if peer == OWN else 3,
                    linewidth=2.4 if peer == OWN else 1.2,
                    color=COLOURS[peer],
                    label=peer,
                    zorder=3 if peer == OWN else 2,
                )
        panel.set_yscale("log")
        # Half the width for what lies above 0.95, where searches differ most.
        panel.set_xscale(
            "function", functions=(lambda r: -((1.004 - r) ** 0.4), lambda x: 1.004 - (-x) ** 2.5)
        )
        panel.set_xlim(LOWEST, 1.0)
        panel.set_xticks([0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1.0])
        panel.set_xlabel("recall@10")
        panel.set_title(f"{name}: {'one query at a time' if kind == 'single' else 'all queries at once'}")
        panel.grid(True, which="both", alpha=0.25)
    panels[0].set_ylabel("queries a second (right and up is better)")
    panels[-1].legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def draw_all(rows: list[Row], folder: Path) -> list[Path]:
    """Draw every data set of some result lines; return the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    for name, peers in grouped(rows).items():
        draw(name, peers, folder / f"{name}.png")
        pictures.append(folder / f"{name}.png")
    return pictures


@click.command()
@click.argument(
    "results", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("benchmarks/results"))
def main(results: tuple[Path, ...], out: Path) -> None:
    """Draw the curves of result files."""
    for picture in draw_all(read(results), out):
        click.echo(picture)


if __name__ == "__main__":
    main()
