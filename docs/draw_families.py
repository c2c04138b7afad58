"""Draw how each hash family cuts the plane, into docs/images/family-NAME.svg, by the family's own keys.

python docs/draw_families.py

Each point is coloured by its key in one table. The bucket of a query, a white dot, is darkest; those that are probed
after it are the lighter the later.
"""

from __future__ import annotations

import colorsys
from pathlib import Path

import numpy as np

from lookalike.hashing import Clusters, CrossPolytope, Family, Hyperplane, PStable

IMAGES = Path(__file__).parent / "images"
POINTS, SIDE = 120, 360
"""Points a side, and pixels."""
PROBES = 5
QUERY = np.array([[0.45, 0.3]], dtype=np.float32)
GOLDEN = (5**0.5 - 1) / 2
"""Hues that are so far apart are seldom alike."""
DRAWN: dict[str, Family] = {
    "hyperplane": Hyperplane(tables=1, bits=5, seed=4),
    "cross-polytope": CrossPolytope(tables=1, bits=4, seed=11),
    "p-stable": PStable(tables=1, floors=2, bucket_size=0.6, seed=20),
    "p-stable-l1": PStable(tables=1, floors=2, bucket_size=0.8, distance="l1", seed=45),
    "clusters": Clusters(clusters=24, seed=0),
}


def draw(family: Family) -> str:
    """Return the square from -1 to 1 as SVG, each row of equal keys a rectangle."""
    random = np.random.default_rng(0)
    family.fit(random.uniform(-1, 1, (2_000, 2)).astype(np.float32))
    steps = ((np.arange(POINTS) + 0.5) * 2 / POINTS - 1).astype(np.float32)
    x, y = np.meshgrid(steps, -steps)
    keys = family.keys(np.stack((x.ravel(), y.ravel()), axis=1))[:, 0].reshape(POINTS, POINTS)
    probed = family.probe_keys(QUERY, PROBES)[0, 0].tolist()
    areas: dict[int, list[str]] = {key: [] for key in probed}
    for row, own in enumerate(keys):
        starts = np.flatnonzero(np.append(True, own[1:] != own[:-1])).tolist()
        for start, end in zip(starts, [*starts[1:], POINTS], strict=True):
            areas.setdefault(int(own[start]), []).append(f"M{start} {row}h{end - start}v1h-{end - start}z")
    paths = [
        f'<path fill="{_colour(number, key in probed)}" d="{"".join(area)}"/>'
        for number, (key, area) in enumerate(areas.items())
        if area
    ]
    left, top = (QUERY[0] * [1, -1] + 1) * POINTS / 2
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIDE}" height="{SIDE}" viewBox="0 0 {POINTS} {POINTS}" '
        f'shape-rendering="crispEdges">\n{chr(10).join(paths)}\n'
        f'<circle cx="{left:.1f}" cy="{top:.1f}" r="1.6" fill="white" stroke="black" stroke-width="0.4"/>\n</svg>\n'
    )


def _colour(number: int, is_probed: bool) -> str:
    """Return a dark blue for the query's bucket, lighter ones for later probes, and pale colours elsewhere."""
    if is_probed:
        red, green, blue = colorsys.hls_to_rgb(0.6, 0.3 + 0.1 * number, 0.7)
    else:
        red, green, blue = colorsys.hls_to_rgb(number * GOLDEN % 1, 0.88, 0.45)
    return "#" + "".join(f"{round(255 * part):02x}" for part in (red, green, blue))


if __name__ == "__main__":
    for name, family in DRAWN.items():
        (IMAGES / f"family-{name}.svg").write_text(draw(family), encoding="utf-8")
