"""Asks other libraries for neighbours: run with the library and its metrics, prints ids and what it tells as JSON.

Each library is asked in a process of its own, since not all of them can be loaded into one.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

ROWS, D, K = 60, 16, 10
random = np.random.default_rng(1)
VECTORS = random.normal(0, 2, (ROWS, D)).astype(np.float32)
QUERY = random.normal(0, 2, D).astype(np.float32)
BITS, QUERY_BITS = VECTORS > 0, QUERY > 0

Found = tuple[Any, Any]
"""The ids of K neighbours and what the library tells of them."""


def with_annoy(metric: Any) -> Found:
    import annoy

    index = annoy.AnnoyIndex(D, metric)
    hamming = metric == "hamming"
    for number, vector in enumerate(BITS.astype(np.float32) if hamming else VECTORS):
        index.add_item(number, vector)
    index.build(20, n_jobs=1)
    query = QUERY_BITS.astype(np.float32) if hamming else QUERY
    return index.get_nns_by_vector(query, K, search_k=100 * ROWS, include_distances=True)


def with_faiss(metric: str) -> Found:
    import faiss

    index = faiss.IndexFlat(D, getattr(faiss, metric))
    index.add(VECTORS)
    distances, ids = index.search(QUERY[None], K)
    return ids[0], distances[0]


def with_hnswlib(metric: str) -> Found:
    import hnswlib

    index = hnswlib.Index(metric, D)
    index.init_index(ROWS, M=32, ef_construction=ROWS)
    index.add_items(VECTORS, num_threads=1)
    index.set_ef(ROWS)
    ids, distances = index.knn_query(QUERY, K)
    return ids[0], distances[0]


def with_nearpy(metric: str) -> Found:
    import nearpy
    import nearpy.distances
    import nearpy.filters
    import nearpy.hashes

    engine = nearpy.Engine(
        D,
        lshashes=[nearpy.hashes.RandomBinaryProjections("one bucket", 0)],
        distance=getattr(nearpy.distances, metric)(),
        vector_filters=[nearpy.filters.NearestFilter(K)],
    )
    for number, vector in enumerate(VECTORS):
        engine.store_vector(vector, number)
    found = engine.neighbours(QUERY)
    return [number for _, number, _ in found], [float(distance) for _, _, distance in found]


def with_pynndescent(metric: str) -> Found:
    import pynndescent

    index = pynndescent.NNDescent(VECTORS, metric=metric, n_neighbors=30, random_state=0)
    ids, distances = index.query(QUERY[None], k=K, epsilon=1)
    return ids[0], distances[0]


def with_scann(metric: str) -> Found:
    import scann

    found: Found = (
        scann.scann_ops_pybind.builder(VECTORS, K, metric).score_brute_force().build().search(QUERY)
    )
    return found


def with_usearch(metric: str) -> Found:
    from usearch.index import Index as Usearch

    hamming = metric == "hamming"
    index = Usearch(ndim=D, metric=metric, dtype="b1" if hamming else "f32")
    index.add(np.arange(ROWS), np.packbits(BITS, axis=1) if hamming else VECTORS, threads=1)
    found = index.search(np.packbits(QUERY_BITS) if hamming else QUERY, K, exact=True)
    return found.keys, found.distances


def with_voyager(metric: str) -> Found:
    import voyager

    index = voyager.Index(getattr(voyager.Space, metric), D, M=32, ef_construction=ROWS)
    index.add_items(VECTORS, num_threads=1)
    found: Found = index.query(QUERY, K, query_ef=ROWS)
    return found


ASK = {
    "annoy": with_annoy,
    "faiss": with_faiss,
    "hnswlib": with_hnswlib,
    "nearpy": with_nearpy,
    "pynndescent": with_pynndescent,
    "scann": with_scann,
    "usearch": with_usearch,
    "voyager": with_voyager,
}


if __name__ == "__main__":
    try:
        answers = {
            metric: [np.asarray(part).tolist() for part in ASK[sys.argv[1]](metric)]
            for metric in sys.argv[2:]
        }
    except ImportError as error:
        answers = {"missing": [str(error)]}
    sys.stdout.write(json.dumps(answers))
