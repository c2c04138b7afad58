"""Each row of the table in docs/other-libraries.md, by running the library: whose neighbours, and how far."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tests.vectorfiles.other_libraries import ASK, BITS, QUERY, QUERY_BITS, ROWS, VECTORS, K

from lookalike import Index

PAGE = Path(__file__).parents[2] / "docs" / "other-libraries.md"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}

HERE: dict[str, Callable[[npt.NDArray[Any]], npt.NDArray[Any]]] = {
    "x": lambda x: x,
    "-x": lambda x: -x,
    "x - 1": lambda x: x - 1,
    "√x": np.sqrt,
    "x² / 2": lambda x: x**2 / 2,
}


def rows_of_the_page() -> list[tuple[str, str, str, str]]:
    """Return (library, metric there, metric here, distance here) of each row of the table."""
    _, _, table = PAGE.read_text(encoding="utf-8").partition("## What their distances are here")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in table.splitlines()
        if line.startswith("|")
    ]
    return [(row[0], row[1], row[3], row[4]) for row in rows[2:]]


def test_the_table_is_of_all_these_libraries() -> None:
    assert {row[0] for row in rows_of_the_page()} == ASK.keys()


@pytest.mark.parametrize("library", ASK)
def test_distances_are_translated_as_the_table_says(library: str) -> None:
    rows = [row for row in rows_of_the_page() if row[0] == library]
    program = ["-W", "ignore", "-m", "tests.vectorfiles.other_libraries", library, *(row[1] for row in rows)]
    run = subprocess.run(
        [sys.executable, *program],
        cwd=PAGE.parents[1],
        env=os.environ | ONE_THREAD,
        capture_output=True,
        text=True,
    )
    assert run.stdout, run.stderr
    answers = json.loads(run.stdout)
    if "missing" in answers:
        pytest.skip(f"{library} is not installed: {answers['missing'][0]}")
    for _, there, metric, formula in rows:
        hamming = metric == "hamming"
        index = Index.build(np.packbits(BITS, axis=1) if hamming else VECTORS, metric=metric)
        ids, distances = index.search(np.packbits(QUERY_BITS)[None] if hamming else QUERY[None], ROWS)
        here = dict(zip(ids[0].tolist(), distances[0].tolist(), strict=True))
        found, told = answers[there]
        translated = HERE[formula](np.asarray(told))
        for expected in (
            [here[number] for number in found],
            distances[0, :K],
        ):  # and they are the nearest here, too
            np.testing.assert_allclose(
                translated, expected, rtol=1e-4, atol=1e-5, err_msg=f"{library} {there}"
            )


def test_the_page_names_no_formula_that_is_not_tested() -> None:
    assert {row[3] for row in rows_of_the_page()} == HERE.keys()
