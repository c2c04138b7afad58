"""The hash families, behind one small contract."""

from lookalike.hashing.base import Family, family_from_json, family_from_parts, token
from lookalike.hashing.bit_sampling import BitSampling
from lookalike.hashing.clusterings import Clusterings
from lookalike.hashing.clusters import Clusters
from lookalike.hashing.cross_polytope import CrossPolytope
from lookalike.hashing.hyperplane import Hyperplane
from lookalike.hashing.min_hash import MinHash
from lookalike.hashing.p_stable import PStable
from lookalike.hashing.spec import FamilySpec

__all__ = [
    "BitSampling",
    "Clusterings",
    "Clusters",
    "CrossPolytope",
    "Family",
    "FamilySpec",
    "Hyperplane",
    "MinHash",
    "PStable",
    "family_from_json",
    "family_from_parts",
    "token",
]
