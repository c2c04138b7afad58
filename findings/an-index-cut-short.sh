#!/usr/bin/env bash
# Half a file of Annoy is loaded as an index of one item.
#
# Versions: numpy 2.4.6, annoy 1.17.3; hnswlib 0.8.0, faiss-cpu 1.15.1, usearch 2.26.6 and voyager 2.2.3 beside it.
#
# Behaviour: a file of Annoy has no head. `load` takes the last node for a root, and how many vectors lie below it for the
# number of items. A file that a full disk or a broken copy cut short, at a multiple of the size of a node, ends with
# some vector, below which there is one: `load` returns True, and `get_n_items` 1. A
# cut elsewhere raises. Nodes of usual dimensions divide the blocks of file systems (125 numbers and angular, 512
# bytes), so that a copy that stops at a block's end is of the first kind. The four others refuse any such file.
#
# Seen, for 1,000 vectors of 125 numbers, of which the first 256 KiB were copied:
#   annoy: True, 1 item
#   hnswlib, faiss, usearch, voyager: raise
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 annoy==1.17.3 hnswlib==0.8.0 \
    faiss-cpu==1.15.1 usearch==2.26.6 voyager==2.2.3

"$work/venv/bin/python" -u - "$work" <<'PYTHON'
import os
import sys

import annoy
import faiss
import hnswlib
import numpy as np
import voyager
from usearch.index import Index

ROWS, DIMENSION, COPIED = 1_000, 125, 256 << 10
folder = sys.argv[1]
rows = np.random.default_rng(0).normal(size=(ROWS, DIMENSION)).astype(np.float32)


def cut(name):
    os.truncate(f"{folder}/{name}", COPIED)
    return f"{folder}/{name}"


def with_annoy():
    index = annoy.AnnoyIndex(DIMENSION, "angular")
    for number, row in enumerate(rows):
        index.add_item(number, row)
    index.build(5, n_jobs=1)
    index.save(f"{folder}/annoy")
    index = annoy.AnnoyIndex(DIMENSION, "angular")
    return index.load(cut("annoy")), index.get_n_items()


def with_hnswlib():
    index = hnswlib.Index("l2", DIMENSION)
    index.init_index(ROWS)
    index.add_items(rows)
    index.save_index(f"{folder}/hnswlib")
    hnswlib.Index("l2", DIMENSION).load_index(cut("hnswlib"))


def with_faiss():
    index = faiss.IndexFlatL2(DIMENSION)
    index.add(rows)
    faiss.write_index(index, f"{folder}/faiss")
    faiss.read_index(cut("faiss"))


def with_usearch():
    index = Index(ndim=DIMENSION, metric="l2sq", dtype="f32")
    index.add(np.arange(ROWS), rows)
    index.save(f"{folder}/usearch")
    if Index.restore(cut("usearch")) is None:
        raise ValueError("no index")


def with_voyager():
    index = voyager.Index(voyager.Space.Euclidean, DIMENSION)
    index.add_items(rows)
    index.save(f"{folder}/voyager")
    voyager.Index.load(cut("voyager"))


seen = {}
for one in (with_annoy, with_hnswlib, with_faiss, with_usearch, with_voyager):
    try:
        seen[one.__name__] = one()
    except Exception as error:
        seen[one.__name__] = f"raises {type(error).__name__}"
    print(one.__name__, seen[one.__name__])

others = [str(seen[f"with_{name}"]).startswith("raises") for name in ("hnswlib", "faiss", "usearch", "voyager")]
unchanged = seen["with_annoy"] == (True, 1) and all(others)
sys.exit(0 if unchanged else "the behaviour has changed")
PYTHON
