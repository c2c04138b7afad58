"""What cannot be done from afar is said of tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.collection.afar import NOT_FROM_AFAR


@pytest.mark.parametrize("test", NOT_FROM_AFAR)
def test_the_test_is_there(test: str) -> None:
    file, *names = test.split("::")
    written = (Path(__file__).parent / file).read_text()
    for name in names:
        assert re.search(rf"(class|def) {name}\b", written)
