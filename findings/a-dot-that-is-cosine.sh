#!/usr/bin/env bash
# metric="dot" of PyNNDescent ranks by cosine, and tells 1 - cosine; the inner product is metric="inner_product".
#
# Versions: numpy 2.4.6, pynndescent 0.7.0.
#
# Behaviour: with metric="dot", NNDescent divides its data and each query by their lengths before it compares them. Where
# vectors differ in length, as those of recommenders do, the neighbours are not those of the largest inner product, which
# is what "dot" means in FAISS, ScaNN, Annoy and USearch ("ip"), and distances carry nothing of the length. Nothing warns.
# Whoever's vectors are of length one sees no difference.
#
# Seen, for 1,000 vectors of 16 numbers and lengths from 0.1 to 10, the share of the true 10 found:
#   dot: 0.19 of the largest inner products, 1.00 of the largest cosines; distances are 1 - cosine
#   inner_product: 1.00 of the largest inner products, 0.19 of the largest cosines
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 pynndescent==0.7.0

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys

import numpy as np
from pynndescent import NNDescent

random = np.random.default_rng(0)
rows = random.normal(size=(1_000, 16)).astype(np.float32)
rows *= 10 ** random.uniform(-1, 1, (1_000, 1)).astype(np.float32) / np.linalg.norm(rows, axis=1, keepdims=True)
queries = random.normal(size=(50, 16)).astype(np.float32)
products = queries @ rows.T
cosines = products / np.linalg.norm(rows, axis=1) / np.linalg.norm(queries, axis=1)[:, None]


def share(found, scores):
    true = np.argsort(-scores, axis=1)[:, :10]
    return float(np.mean([len({*a} & {*b}) / 10 for a, b in zip(found.tolist(), true.tolist())]))


seen = {}
for metric in ("dot", "inner_product"):
    index = NNDescent(rows, metric=metric, n_neighbors=60, random_state=0)
    found, distances = index.query(queries, k=10, epsilon=1)
    seen[metric] = share(found, products), share(found, cosines)
    if metric == "dot":
        told = np.abs(distances - (1 - np.take_along_axis(cosines, found, axis=1))).max()
    print(f"{metric}: {seen[metric][0]:.2f} of the largest inner products, {seen[metric][1]:.2f} of the largest cosines")
print(f"dot: distances differ from 1 - cosine by {told:.1e} at most")

unchanged = seen["dot"][0] < 0.3 and seen["dot"][1] > 0.98 and told < 1e-4 and seen["inner_product"][0] > 0.9
sys.exit(0 if unchanged else "the behaviour has changed")
PYTHON
