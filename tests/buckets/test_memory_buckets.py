"""The bucket store in memory."""

from typing import Any

import numpy as np
import pytest
from bucket_store_suite import BucketStoreSuite, answers  # type: ignore[import-not-found]

from lookalike.buckets import MemoryBuckets
from lookalike.errors import VectorError


class TestMemoryBuckets(BucketStoreSuite):  # type: ignore[misc]
    def make(self) -> Any:
        return MemoryBuckets()


def filled() -> Any:
    store = MemoryBuckets()
    keys = np.random.default_rng(0).integers(0, 9, (50, 2)).astype(np.uint64)
    store.add(np.arange(50), keys)
    return store, keys


def test_restored_store_answers_alike() -> None:
    store, keys = filled()
    again = MemoryBuckets.restored(2, store.arrays(), verify=True)
    probes = keys[:5, :, np.newaxis]
    assert answers(again, probes, 50) == answers(store, probes, 50)


@pytest.mark.parametrize("name", ["keys_0", "starts_1", "members_1"])
def test_damaged_arrays_are_refused(name: Any) -> None:
    arrays = filled()[0].arrays()
    arrays[name] = arrays[name][:-1]
    with pytest.raises(VectorError, match="damaged"):
        MemoryBuckets.restored(2, arrays)
