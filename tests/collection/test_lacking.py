"""Sources that lack a feature are compared by what they have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.collection.afar import Create

from lookalike import Collection
from lookalike.arrays import Float32
from lookalike.errors import UnknownFeatureError

RANDOM = np.random.default_rng(2)
LOOKS = RANDOM.normal(size=(60, 5)).astype(np.float32)
NETWORK = (1000 * RANDOM.normal(size=(60, 7))).astype(np.float32)  # where all is much farther apart
IDS = [f"s{number:02}" for number in range(60)]


@pytest.fixture
def collection(create: Create, tmp_path: Path) -> Iterator[Collection]:
    with create(tmp_path / "c") as made:
        made.add_vectors(LOOKS, ids=IDS, feature="look")
        made.add_vectors(NETWORK[:40], ids=IDS[:40], feature="network")
        yield made


def test_the_very_source_is_found_by_the_feature_that_it_has(collection: Collection) -> None:
    hits = collection.search({"look": LOOKS[50], "network": NETWORK[50]})
    assert hits[0].id == "s50"
    assert hits[0].distance == 0
    assert dict(hits[0].features) == {"look": 0.0}


def test_the_answer_says_how_many_lack_a_feature(collection: Collection) -> None:
    both = collection.search({"look": LOOKS[1], "network": NETWORK[1]})
    assert both.notes == ("20 sources lack network and were compared by what they have",)
    assert both.to_json()["notes"] == list(both.notes)
    assert collection.search({"look": LOOKS[1]}).notes == ()


def test_lacking_a_feature_makes_no_source_near_or_far(collection: Collection) -> None:
    """As many of those that lack the wide feature are in the nearer half as there are by their looks alone."""
    shares = []
    for row in range(40):
        hits = collection.search({"look": LOOKS[row], "network": NETWORK[row]}, k=30)
        shares.append(sum(int(hit.id[1:]) >= 40 for hit in hits) / len(hits))
    assert np.mean(shares) == pytest.approx(20 / 60, abs=0.12)


def test_those_that_have_all_are_ranked_as_without_the_others(collection: Collection) -> None:
    query = {"look": LOOKS[3], "network": NETWORK[3]}
    equally = {"look": 1.0, "network": 1.0}
    having = [hit for hit in collection.search(query, k=60, features=equally) if "network" in hit.features]
    looks, network = (
        np.linalg.norm(rows[:40] - rows[3], axis=1) / spread
        for rows, spread in ((LOOKS, spread_of(LOOKS)), (NETWORK, spread_of(NETWORK[:40])))
    )
    assert [hit.id for hit in having] == [IDS[row] for row in np.argsort(looks + network, kind="stable")]


def spread_of(rows: Float32) -> float:
    """Return the standard deviation of the distances of all pairs, which makes distances comparable."""
    apart = np.linalg.norm(rows[:, np.newaxis].astype(np.float64) - rows, axis=2)
    return float(apart[~np.eye(len(rows), dtype=bool)].std())


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(k=st.integers(1, 70), row=st.integers(0, 59), weight=st.floats(0.1, 0.9))
def test_few_hits_are_the_first_of_many(collection: Collection, k: int, row: int, weight: float) -> None:
    query = {"look": LOOKS[row], "network": NETWORK[row]}
    weights = {"look": weight, "network": 1 - weight}
    every = [hit.id for hit in collection.search(query, k=100, features=weights)]
    assert len(every) == 60
    assert [hit.id for hit in collection.search(query, k=k, features=weights)] == every[:k]


def test_explain_tells_of_the_feature_that_is_missing(collection: Collection) -> None:
    query = {"look": LOOKS[50], "network": NETWORK[50]}
    explanation = collection.explain(query, "s50")
    assert (explanation.rank, explanation.distance, explanation.missing_features) == (1, 0.0, ("network",))
    far = collection.explain(query, "s59", k=60)
    assert far.distance == pytest.approx(
        next(h.distance for h in collection.search(query, k=60) if h.id == "s59")
    )


def test_a_query_that_lacks_a_chosen_feature_is_told(collection: Collection) -> None:
    with pytest.raises(UnknownFeatureError, match="s50 has no feature 'network'"):
        collection.search("s50", features={"network": 1.0})


def test_inner_products_make_no_source_near_or_far_either(create: Create, tmp_path: Path) -> None:
    with create(tmp_path / "c") as made:
        made.add_vectors(LOOKS, ids=IDS, feature="look", metric="dot")
        made.add_vectors(NETWORK[:40], ids=IDS[:40], feature="network", metric="dot")
        equally = {"look": 1.0, "network": 1.0}
        shares = []
        for row in range(40):
            query = {"look": LOOKS[row], "network": NETWORK[row]}
            every = made.search(query, k=60, features=equally)
            assert [hit.id for hit in made.search(query, k=7, features=equally)] == [
                hit.id for hit in every[:7]
            ]
            shares.append(sum(int(hit.id[1:]) >= 40 for hit in every[:30]) / 30)
        assert np.mean(shares) == pytest.approx(20 / 60, abs=0.12)
