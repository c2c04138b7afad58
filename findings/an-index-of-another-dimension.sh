#!/usr/bin/env bash
# An index that was saved with 125 numbers a vector is loaded as one of fewer, and answers.
#
# Versions: numpy 2.4.6, hnswlib 0.8.0, annoy 1.17.3; faiss-cpu 1.15.1, usearch 2.26.6 and voyager 2.2.3 keep the dimension.
#
# Behaviour: a file of hnswlib tells the bytes of a vector, but `Index(space, dim).load_index` does not compare them with `dim`.
# It takes whatever it is told, and from then on compares the first numbers of each vector only: no error, as many
# neighbours as were asked for, and wrong ones. A file of Annoy tells nothing. `AnnoyIndex(f, metric).load` refuses a file
# whose size is no multiple of its node's, but other dimensions and metrics pass where sizes happen to fit, as nodes of
# 512 bytes (125 numbers, angular) are two of 256 (61 numbers): it returns True, and the number of items is whatever lies
# where it looks.
#
# Seen, for 1,000 vectors of 125 numbers:
#   hnswlib as 125: 1.00 of the true 10 nearest; as 61: 0.23; nothing raised
#   annoy as 125: True, 1000 items; as 61: True, -1116528714 items
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 hnswlib==0.8.0 annoy==1.17.3

"$work/venv/bin/python" - "$work" <<'PYTHON'
import sys

import annoy
import hnswlib
import numpy as np

ROWS, DIMENSION, OTHER = 1_000, 125, 61
random = np.random.default_rng(0)
rows = random.normal(size=(ROWS, DIMENSION)).astype(np.float32)
queries = random.normal(size=(100, DIMENSION)).astype(np.float32)
true = np.argsort(np.square(queries[:, None] - rows).sum(axis=2), axis=1)[:, :10]

file = f"{sys.argv[1]}/hnswlib"
index = hnswlib.Index("l2", DIMENSION)
index.init_index(ROWS, M=32, ef_construction=200, random_seed=0)
index.add_items(rows, num_threads=1)
index.save_index(file)
recall = {}
for dimension in (DIMENSION, OTHER):
    other = hnswlib.Index("l2", dimension)
    other.load_index(file)
    other.set_ef(200)
    found, _ = other.knn_query(queries[:, :dimension], 10, num_threads=1)
    recall[dimension] = np.mean([len({*a} & {*b}) / 10 for a, b in zip(found.tolist(), true.tolist())])
print("hnswlib", {dimension: round(float(one), 2) for dimension, one in recall.items()})

file = f"{sys.argv[1]}/annoy"
index = annoy.AnnoyIndex(DIMENSION, "angular")
index.set_seed(1)
for number, row in enumerate(rows):
    index.add_item(number, row)
index.build(3, n_jobs=1)
index.save(file)
items = {}
for dimension in (DIMENSION, OTHER):
    other = annoy.AnnoyIndex(dimension, "angular")
    items[dimension] = other.load(file), other.get_n_items()
print("annoy", items)

unchanged = recall[DIMENSION] > 0.9 and recall[OTHER] < 0.5
unchanged = unchanged and items[DIMENSION] == (True, ROWS) and items[OTHER][0] and items[OTHER][1] != ROWS
sys.exit(0 if unchanged else "the behaviour has changed")
PYTHON
