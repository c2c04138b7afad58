#!/usr/bin/env bash
# voyager saves an index without elements, and calls the file corrupted when it is loaded.
#
# Versions: numpy 2.4.6, voyager 2.2.3; hnswlib 0.8.0, faiss-cpu 1.15.1 and usearch 2.26.6 beside it.
#
# Behaviour: `Index.save` writes an index that nothing was added to, or whose adding comes later, as in a job that starts a
# shard for each tenant. `Index.load` of that very file raises "Index seems to be corrupted or unsupported": the entry
# point of an empty graph is element 4294967295, and is checked against the 0 elements there are. A restart of such a
# job does not come up again, and the message sends one to look for a damaged disk.
#
# Seen, what loading a saved index without elements gives:
#   hnswlib: 0 elements, faiss: 0 elements, usearch: 0 elements
#   voyager: RuntimeError, Index seems to be corrupted or unsupported. Entry point into HNSW data structure was at ...
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 voyager==2.2.3 hnswlib==0.8.0 \
    faiss-cpu==1.15.1 usearch==2.26.6

"$work/venv/bin/python" - "$work" <<'PYTHON'
import sys

import faiss
import hnswlib
import voyager
from usearch.index import Index

folder = sys.argv[1]


def with_hnswlib():
    index = hnswlib.Index("l2", 8)
    index.init_index(100)
    index.save_index(f"{folder}/hnswlib")
    index = hnswlib.Index("l2", 8)
    index.load_index(f"{folder}/hnswlib")
    return index.get_current_count()


def with_faiss():
    faiss.write_index(faiss.IndexHNSWFlat(8, 16), f"{folder}/faiss")
    return faiss.read_index(f"{folder}/faiss").ntotal


def with_usearch():
    Index(ndim=8, metric="l2sq", dtype="f32").save(f"{folder}/usearch")
    return len(Index.restore(f"{folder}/usearch"))


def with_voyager():
    voyager.Index(voyager.Space.Euclidean, 8).save(f"{folder}/voyager")
    return len(voyager.Index.load(f"{folder}/voyager"))


seen = {}
for one in (with_hnswlib, with_faiss, with_usearch, with_voyager):
    try:
        seen[one.__name__] = one()
    except Exception as error:
        seen[one.__name__] = f"{type(error).__name__}, {str(error)[:80]}"
    print(one.__name__, seen[one.__name__])

others = [seen[f"with_{name}"] for name in ("hnswlib", "faiss", "usearch")]
unchanged = others == [0, 0, 0] and "seems to be corrupted" in str(seen["with_voyager"])
sys.exit(0 if unchanged else "the behaviour has changed")
PYTHON
