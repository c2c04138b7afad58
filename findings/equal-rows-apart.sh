#!/usr/bin/env bash
# Two equal rows at a distance: scikit-learn's neighbours from the 16th feature on.
#
# Versions: numpy 2.4.6, scikit-learn 1.9.1.
#
# Behaviour: NearestNeighbors(algorithm="auto"), and DBSCAN with it, take a tree up to 15 features and brute force above.
# Brute force takes |x|^2 - 2 x.y + |y|^2, whose rounding grows with the lengths of rows and not with their distance. A row
# then need not be within a small radius of itself, let alone of its copy: `radius_neighbors` with a radius of 1e-6 returns
# nothing for it, and DBSCAN, by which one groups exact copies, calls it noise. Doubles are no way out. With one feature
# fewer, or with algorithm="kd_tree", all copies are found.
#
# Seen, for 150 rows of numbers from 100 to 101 and a copy of each (how many of the 300 find no copy within 1e-6):
#   15 features:          float32 0, float64 0
#   784 features:         float32 300, float64 130
#   784 features, a tree: float32 0, float64 0
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 scikit-learn==1.9.1

"$work/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
from sklearn.cluster import DBSCAN
from sklearn.neighbors import NearestNeighbors

RADIUS = 1e-6
random = np.random.default_rng(0)
lost, noise = {}, {}
for features, algorithm in ((15, "auto"), (784, "auto"), (784, "kd_tree")):
    rows = random.random((300, features)) + 100
    rows[150:] = rows[:150]
    for kind in (np.float32, np.float64):
        same, case = rows.astype(kind), (features, algorithm, kind.__name__)
        near = NearestNeighbors(algorithm=algorithm).fit(same).radius_neighbors(same, RADIUS, return_distance=False)
        lost[case] = sum(len(one) < 2 for one in near)
        labels = DBSCAN(eps=RADIUS, min_samples=2, algorithm=algorithm).fit(same).labels_
        noise[case] = int((labels < 0).sum())
        print(f"{features} features, {algorithm}, {kind.__name__}: {lost[case]} find no copy, {noise[case]} are noise")

apart = [lost.pop((784, "auto", kind)) for kind in ("float32", "float64")]
called = [noise.pop((784, "auto", kind)) for kind in ("float32", "float64")]
unchanged = min(apart) > 0 and min(called) > 0 and not any(lost.values()) and not any(noise.values())
sys.exit(0 if unchanged else "the behaviour has changed")
PYTHON
