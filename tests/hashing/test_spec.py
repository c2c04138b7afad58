"""Families that are asked for by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lookalike.errors import LookalikeError, OptionError
from lookalike.hashing import Clusterings, Clusters, CrossPolytope, Family, FamilySpec, Hyperplane, PStable

SMALLEST: dict[str, Family] = {
    "hyperplane": Hyperplane(tables=2, bits=4),
    "cross-polytope": CrossPolytope(tables=2, bits=6),
    "p-stable": PStable(tables=2, floors=3, bucket_size=1.5),
    "clusters": Clusters(clusters=4),
    "clusterings": Clusterings(tables=2, clusters=4),
}


@pytest.mark.parametrize("family", SMALLEST.values(), ids=SMALLEST)
def test_a_family_asks_for_itself(family: Family) -> None:
    spec = FamilySpec.of(family)
    assert spec is not None
    assert FamilySpec.of(spec.to_json()) == spec
    assert spec.family({}).to_json() == family.to_json()


def test_what_is_asked_for_wins_over_defaults() -> None:
    family = FamilySpec("hyperplane", {"bits": np.int64(9)}).family({"bits": 3, "tables": 5, "seed": 7})
    assert family.parameters() == {"tables": 5, "bits": 9, "centred": False, "seed": 7}


def test_only_what_is_asked_for_is_kept() -> None:
    assert FamilySpec("p-stable", {"tables": 3}).to_json() == {
        "family": "p-stable",
        "parameters": {"tables": 3},
    }


@pytest.mark.parametrize("asked", ["learned", FamilySpec("learned"), None, {}, {"family": "learned"}])
def test_learned_buckets_are_of_no_family(asked: Any) -> None:
    assert FamilySpec.of(asked) is None


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("hyperplanes", {}, "'hyperplanes' is not known; did you mean hyperplane"),
        ("", {}, "choose one of learned, hyperplane"),
        (7, {}, "7 is not known"),
        ("hyperplane", {"bit": 3}, "no parameter 'bit'; did you mean bits"),
        ("clusters", {"bits": 3}, "no parameter 'bits'; choose one of sections, clusters"),
        ("p-stable", {"bucketsize": 3}, "did you mean bucket_size"),
        ("learned", {"bits": 3}, "learned buckets have no parameter 'bits'"),
        ("hyperplane", {"bits": 64}, "bits is 64"),
        ("hyperplane", {"bits": 2.5}, "bits is 2.5"),
        ("hyperplane", [("bits", 2)], "parameters of a hash family are"),
        ("p-stable", {"distance": "l2"}, "choose euclidean or l1"),
        ("p-stable", {"distance": ["l1"]}, "choose euclidean or l1"),
    ],
)
def test_another_name_parameter_or_value_is_refused(name: Any, parameters: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        FamilySpec(name, parameters)


@pytest.mark.parametrize("asked", [3, 2.5, ["hyperplane"], {"parameters": {}}, {"family": None}, True])
def test_what_names_no_family_is_refused(asked: Any) -> None:
    with pytest.raises(OptionError, match="give the name of one"):
        FamilySpec.of(asked)


NO_COUNT: list[Any] = [None, "3", 2.5, True, float("nan"), [3], {}, -1]
COUNTS = [
    (name, parameter)
    for name, family in SMALLEST.items()
    for parameter, own in family.parameters().items()
    if type(own) is int
]


@pytest.mark.parametrize("value", NO_COUNT, ids=repr)
@pytest.mark.parametrize(("name", "parameter"), COUNTS)
def test_parameters_that_count_take_whole_numbers_only(name: str, parameter: str, value: Any) -> None:
    with pytest.raises(OptionError, match=f"{parameter} is "):
        FamilySpec(name, {parameter: value})


@pytest.mark.parametrize("value", [0, 10**30])
@pytest.mark.parametrize(("name", "parameter"), [count for count in COUNTS if count[1] != "seed"])
def test_counts_have_bounds(name: str, parameter: str, value: int) -> None:
    with pytest.raises(OptionError, match=f"{parameter} is "):
        FamilySpec(name, {parameter: value})


@pytest.mark.parametrize("value", [None, "3", True, float("nan"), float("inf"), [3], -1, 0])
def test_a_bucket_size_is_a_length(value: Any) -> None:
    with pytest.raises(OptionError, match="bucket_size is "):
        PStable(tables=1, floors=1, bucket_size=value)


@pytest.mark.parametrize(("name", "flag"), [("hyperplane", "centred"), ("clusters", "rotation")])
@pytest.mark.parametrize("value", [None, 1, "yes"])
def test_flags_are_true_or_false(name: str, flag: str, value: Any) -> None:
    with pytest.raises(OptionError, match=f"{flag} is "):
        FamilySpec(name, {flag: value})


@pytest.mark.parametrize("name", SMALLEST)
def test_numbers_of_numpy_are_taken(name: str) -> None:
    given = {
        parameter: np.int32(value) if type(value) is int else np.float64(value)
        for parameter, value in SMALLEST[name].parameters().items()
        if type(value) in (int, float)
    }
    assert FamilySpec(name, given).family({}).to_json() == SMALLEST[name].to_json()


@pytest.mark.parametrize("name", SMALLEST)
@pytest.mark.parametrize(
    "sample",
    [
        3,
        [1.0, 2.0, 3.0],
        [["a", "b"]],
        [[1.0], [2.0, 3.0]],
        np.ones((2, 2, 2)),
        np.ones((4, 0)),
        [[1, np.nan]],
    ],
    ids=["0-d", "1-d", "words", "ragged", "3-d", "no dimension", "NaN"],
)
def test_a_family_is_fitted_to_a_table_of_numbers(name: str, sample: Any) -> None:
    with pytest.raises(LookalikeError, match=f"hash family {name} is given"):
        FamilySpec(name).family({}).fit(sample)


@pytest.mark.parametrize("name", SMALLEST)
def test_lists_are_hashed_as_arrays_are(name: str) -> None:
    rows = np.random.default_rng(0).integers(-9, 9, (20, 3))
    family = FamilySpec(name).family({}).fit(rows.tolist())
    assert np.array_equal(family.keys(rows.tolist()), family.keys(rows.astype(np.float32)))


@pytest.mark.parametrize("name", SMALLEST)
@pytest.mark.parametrize("vectors", [[1.0, 2.0], 3, [["a", "b"]]])
def test_keys_are_of_tables_of_numbers(name: str, vectors: Any) -> None:
    family = FamilySpec(name).family({}).fit(np.eye(2, dtype=np.float32))
    for ask in (family.keys, lambda queries: family.probe_keys(queries, 2)):
        with pytest.raises(LookalikeError, match=f"hash family {name} is given"):
            ask(vectors)


@pytest.mark.parametrize("name", SMALLEST)
@pytest.mark.parametrize("probes", [0, -1, 1.5, None, "2"])
def test_probes_are_counted_from_one(name: str, probes: Any) -> None:
    family = FamilySpec(name).family({}).fit(np.eye(2, dtype=np.float32))
    with pytest.raises(OptionError, match="probes is"):
        family.probe_keys(np.eye(2, dtype=np.float32), probes)


@pytest.mark.parametrize("name", ["hyperplane", "cross-polytope"])
def test_a_centred_family_tells_apart_what_lies_to_one_side(name: str) -> None:
    rows = 50 + np.random.default_rng(0).standard_normal((500, 32)).astype(np.float32)
    plain, centred = (
        FamilySpec(name, {"tables": 1, "bits": 6, "centred": centred}).family({}).fit(rows)
        for centred in (False, True)
    )
    assert len(np.unique(plain.keys(rows))) < 8
    assert len(np.unique(centred.keys(rows))) > 30
    assert np.array_equal(centred.probe_keys(rows, 5)[:, :, 0], centred.keys(rows))


@pytest.mark.parametrize("name", ["hyperplane", "cross-polytope", "clusters", "clusterings"])
def test_tables_of_what_was_learned_from_other_vectors_have_other_uuids(name: str) -> None:
    rows = np.random.default_rng(0).standard_normal((90, 8)).astype(np.float32)
    spec = FamilySpec(name, {"centred": True} if name in ("hyperplane", "cross-polytope") else {})
    first, second = (
        spec.family({"clusters": 8} if name.startswith("cluster") else {}).fit(part)
        for part in (rows, rows[:60])
    )
    assert not set(first.table_uuids()) & set(second.table_uuids())
