#!/usr/bin/env bash
# Making a graph of neighbours symmetric turns exact copies from nearest neighbours into noise.
#
# Versions: numpy 2.4.6, scipy 1.17.1, scikit-learn 1.9.1.
#
# Behaviour: in scikit-learn's sparse graphs of distances an entry that is stored and 0 is a neighbour at distance 0, and
# one that is not stored is no neighbour. SciPy's arithmetic knows no such difference: `graph.maximum(graph.T)` and
# `(graph + graph.T) / 2`, which are how a graph of k neighbours is made symmetric, leave out all that come to 0, while
# converting between formats, saving, slicing and scaling keep them. So the pictures that are most alike, exact copies,
# are no neighbours any more. DBSCAN takes the graph that comes out without a word and calls them noise.
#
# Seen: labels by DBSCAN(eps=0.5, min_samples=2, metric="precomputed") of three copies, two copies and one more point
#   the graph itself      18 entries, [0, 0, 0, 1, 1, -1]
#   maximum(graph.T)       4 entries, [-1, -1, -1, -1, -1, -1]
#   (graph + graph.T) / 2  4 entries, [-1, -1, -1, -1, -1, -1]
# What keeps them: zeros replaced by the least positive number before the arithmetic.
#   zeros replaced first  18 entries or more, [0, 0, 0, 1, 1, -1]
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1

"$work/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
from sklearn.cluster import DBSCAN
from sklearn.neighbors import NearestNeighbors

points = np.array([[0, 0], [0, 0], [0, 0], [5, 5], [5, 5], [9, 9]], dtype=float)
graph = NearestNeighbors(n_neighbors=3).fit(points).kneighbors_graph(points, mode="distance")
kept = graph.copy()
kept.data[kept.data == 0] = np.finfo(float).tiny
graphs = {
    "the graph itself": graph,
    "maximum(graph.T)": graph.maximum(graph.T),
    "(graph + graph.T) / 2": (graph + graph.T) / 2,
    "zeros replaced first": kept.maximum(kept.T),
}
labels = {}
for name, one in graphs.items():
    labels[name] = DBSCAN(eps=0.5, min_samples=2, metric="precomputed").fit(one).labels_.tolist()
    print(f"{name}: {one.nnz} entries, {labels[name]}")

right, noise = [0, 0, 0, 1, 1, -1], [-1] * 6
unchanged = list(labels.values()) == [right, noise, noise, right]
sys.exit(0 if unchanged else "the behaviour has changed")
PYTHON
