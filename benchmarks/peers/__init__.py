"""The libraries that are measured, by name. Each is one module with one class."""

from __future__ import annotations

import importlib

from benchmarks.peers.base import Peer

PEERS = {
    "lookalike": "lookalike_index:Lookalike",
    "faiss-ivf": "faiss_ivf:FaissIVF",
    "faiss-rabitq": "faiss_rabitq:FaissRaBitQ",
    "scann": "scann_tree:Scann",
    "symphonyqg": "symphonyqg_graph:SymphonyQG",
    "rabitq-ivf": "rabitq_ivf:RabitqIVF",
    "hnswlib": "hnswlib_graph:Hnswlib",
    "kannolo": "kannolo_graph:Kannolo",
    "svs": "svs_graph:SVS",
    "usearch": "usearch_graph:Usearch",
    "faiss-hnsw": "faiss_hnsw:FaissHNSW",
    "pynndescent": "pynndescent_graph:PyNNDescent",
    "annoy": "annoy_trees:Annoy",
    "faiss-lsh": "faiss_lsh:FaissLSH",
    "nearpy": "nearpy_hashes:NearPy",
    "brute-force": "brute_force:BruteForce",
}
"""Module and class of each adapter. The class's module imports its library only when it builds."""


def peer_class(name: str) -> type[Peer]:
    """Return the adapter of a peer."""
    module, _, attribute = PEERS[name].partition(":")
    found: type[Peer] = getattr(importlib.import_module(f"benchmarks.peers.{module}"), attribute)
    return found
