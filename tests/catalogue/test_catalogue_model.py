"""The catalogue does what a plain dictionary would, whatever is written in whatever order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from lookalike.arrays import Float32
from lookalike.catalogue.catalogue import Catalogue
from lookalike.catalogue.opening import is_url
from lookalike.catalogue.records import FeatureRecord, Location, NewSource
from lookalike.errors import DuplicateIdError, UnknownIdError

WORDS = ["red", "blue", "shoe", "jean", "dog"]  # the stemmer leaves them alone
METADATA = st.fixed_dictionaries(
    {},
    optional={
        "title": st.lists(st.sampled_from(WORDS)).map(" ".join),
        "tags": st.lists(st.sampled_from(WORDS)),
    },
)
PATHS = [f"/pictures/{i}.jpg" for i in range(6)]
DIMENSION = 3


def vector(seed: int) -> Float32:
    return np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)


class Model(RuleBasedStateMachine):
    """Every step is one transaction, of which one in a few is rolled back."""

    location: Callable[[str], Path | str]
    histories: Iterator[int]
    """Numbers for them, so that each has a place of its own."""

    @initialize()
    def create(self) -> None:
        self.catalogue = Catalogue.create(self.location(f"history{next(self.histories)}"))
        with self.catalogue.write() as writer:
            writer.add_feature(FeatureRecord("look", "look", DIMENSION, "euclidean"))
        self.generation = 1
        self.next_number = 1
        self.ids: dict[int, str] = {}
        self.metadata: dict[int, dict[str, Any]] = {}
        self.places: dict[str, int] = {}
        self.vectors: dict[int, tuple[Float32, int]] = {}
        self.removed: dict[int, int] = {}
        self.index: dict[int, Float32] = {}  # one that catches up now and then
        self.index_generation = 0

    @rule(
        metadata=METADATA,
        path=st.sampled_from([*PATHS, None]),
        seed=st.integers(0, 99),
        roll_back=st.booleans(),
    )
    def add(self, metadata: dict[str, Any], path: str | None, seed: int, roll_back: bool) -> None:
        number, id_ = self.next_number, f"id{self.next_number}"
        vectors = {"look": vector(seed)} if seed % 3 else {}
        places = (Location(path, 5, 6),) if path else ()
        new = NewSource(id_, f"{number:064x}", "picture", 9, 2, 3, metadata, places, vectors)
        try:
            with self.catalogue.write() as writer:
                assert writer.add_sources([new]).tolist() == [number]
                if roll_back:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            return
        self.generation += 1
        self.next_number += 1
        self.ids[number], self.metadata[number] = id_, metadata
        if path:
            self.places[path] = number
        if vectors:
            self.vectors[number] = (vectors["look"], self.generation)

    def pick(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from(sorted(self.ids)))

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        number = self.pick(data)
        with self.catalogue.write() as writer:
            writer.remove([number])
        self.generation += 1
        self.removed[number] = self.generation
        del self.ids[number], self.metadata[number]
        self.vectors.pop(number, None)
        self.places = {path: at for path, at in self.places.items() if at != number}

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), seed=st.integers(0, 99), metadata=METADATA, path=st.sampled_from(PATHS))
    def change(self, data: st.DataObject, seed: int, metadata: dict[str, Any], path: str) -> None:
        number = self.pick(data)
        with self.catalogue.write() as writer:
            writer.add_vectors("look", [number], vector(seed)[np.newaxis])
            writer.update_metadata({number: metadata})
            writer.add_places([(number, Location(path, 7, 8))])
        self.generation += 1
        self.vectors[number] = (vector(seed), self.generation)
        self.metadata[number] = metadata
        self.places[path] = number

    @rule(path=st.sampled_from(PATHS))
    def forget(self, path: str) -> None:
        with self.catalogue.write() as writer:
            writer.forget_places([path])
            unplaced = set(writer.unplaced().tolist())
        self.generation += path in self.places
        self.places.pop(path, None)
        assert unplaced == set(self.ids) - set(self.places.values())

    @rule()
    def refuse(self) -> None:
        """What is refused leaves nothing behind."""
        for id_ in list(self.ids.values())[:1]:
            batch = [NewSource("fresh", "0" * 64, "picture", 1), NewSource(id_, "0" * 64, "picture", 1)]
            with pytest.raises(DuplicateIdError, match=id_), self.catalogue.write() as writer:
                writer.add_sources(batch)
        with pytest.raises(UnknownIdError), self.catalogue.write() as writer:
            writer.remove([*self.ids, self.next_number])

    @rule()
    def catch_up(self) -> None:
        generation = self.catalogue.generation()
        for number in self.catalogue.removed_after(self.index_generation).tolist():
            self.index.pop(number, None)
        for numbers, rows in self.catalogue.changes("look", self.index_generation, block_rows=2):
            assert len(numbers) == len(rows) <= 2
            self.index.update(zip(numbers.tolist(), rows, strict=True))
        self.index_generation = generation
        assert {n: v.tolist() for n, v in self.index.items()} == {
            n: v.tolist() for n, (v, _) in self.vectors.items()
        }

    @invariant()
    def same(self) -> None:
        if not hasattr(self, "catalogue"):
            return
        catalogue, numbers = self.catalogue, sorted(self.ids)
        assert catalogue.generation() == self.generation
        assert catalogue.count() == len(numbers)
        assert catalogue.count("look") == len(self.vectors)
        assert catalogue.numbers([*self.ids.values(), "other"]) == {id_: n for n, id_ in self.ids.items()}
        assert {placed.path: placed.number for placed in catalogue.places()} == self.places
        listed = list(catalogue.iterate())
        assert [source.number for source in listed] == numbers
        for source in listed:
            assert source.metadata == self.metadata[source.number]
            assert {place.path for place in source.places} == {
                path for path, number in self.places.items() if number == source.number
            }
        assert catalogue.lacking("look").tolist() == [n for n in numbers if n not in self.vectors]
        assert catalogue.removed_after(0).tolist() == sorted(self.removed)
        middle = self.generation // 2
        assert catalogue.removed_after(middle).tolist() == sorted(
            n for n, g in self.removed.items() if g > middle
        )
        changed = [n for block, _ in catalogue.changes("look", middle) for n in block.tolist()]
        assert changed == sorted(n for n, (_, g) in self.vectors.items() if g > middle)
        found, rows = catalogue.vectors("look", [*reversed(numbers), 10**9])
        assert found.tolist() == [n for n in reversed(numbers) if n in self.vectors]
        assert rows.shape == (len(found), DIMENSION)
        assert all((row == self.vectors[n][0]).all() for n, row in zip(found.tolist(), rows, strict=True))
        for word in WORDS[:2]:
            having = [n for n in numbers if word in str(self.metadata[n])]
            assert catalogue.select(text=word).tolist() == having
            assert sorted(catalogue.text_scores(word)[0].tolist()) == having

    def teardown(self) -> None:
        if hasattr(self, "catalogue"):
            lacking = set(self.ids) - set(self.vectors)
            # Nothing is damaged; only sources without vectors are told of.
            assert {p.where.split()[1] for p in self.catalogue.verify()} == {
                f"id{number}" for number in lacking
            }
            self.catalogue.close()


def test_the_catalogue_is_as_a_dictionary_would_be(location: Callable[[str], Path | str]) -> None:
    numbers = count()

    class Placed(Model):
        def __init__(self) -> None:
            super().__init__()
            self.location = location
            self.histories = numbers

    options = settings(
        deadline=None,
        max_examples=3 if is_url(location("any")) else 8,  # PostgreSQL takes three times as long
        stateful_step_count=20,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Placed, settings=options)
