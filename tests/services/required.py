"""What becomes of a test whose server is not installed."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(what: str, install: str) -> NoReturn:
    """Skip the test, telling how to install `what`; under LOOKALIKE_REQUIRE_SERVICES=1 let it fail."""
    message = f"{what} is not installed; {install}"
    if os.environ.get("LOOKALIKE_REQUIRE_SERVICES") == "1":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)
