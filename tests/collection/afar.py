"""The suite of a collection on one behind a service: how it is served, and what cannot be done from afar."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.service.in_thread import serving

from lookalike import Client, Collection
from lookalike.service.app import make_app
from lookalike.service.settings import Limits, Settings

Create = Callable[[Path], Collection]
"""Makes a collection, and opens it here or from afar; from afar it is a `Client`, which does what a collection does."""

FILES = "a file of vectors is imported where the collection is"
PLACES = "where sources lie on the disk of the service is not told to others"
DISK = "files on the disk of the collection are looked after where it is"
OWN = "how pictures are read, and by which extractors, is the choice of whoever runs the service"
VERIFY = "a collection is verified where it is"
EMPTY = "JSON does not say how wide a table without rows is"
TYPED = "only the command line reads what a person typed: to a client, a string is an id"
FEATURES = "features are removed where the collection is"

NOT_FROM_AFAR: dict[str, str] = {
    "test_explain.py::test_pictures_are_named_by_path_too": PLACES,
    "test_hits.py::test_pages_carry_their_thumbnails": PLACES,
    "test_hits.py::test_pictures_above_the_usual_limit_have_thumbnails_once_they_were_let_in": OWN,
    "test_misuse.py::test_how_pictures_are_added": OWN,
    "test_misuse.py::test_import_file": FILES,
    "test_misuse.py::test_remove_feature": FEATURES,
    "test_misuse.py::TestTaken::test_numbers_of_numpy": OWN,
    "test_misuse.py::TestTaken::test_generators_of_paths_and_names": PLACES,
    "test_queries.py::test_a_stored_file_is_left_out_of_its_own_hits": PLACES,
    "test_queries.py::test_a_copy_elsewhere_finds_the_stored_one": PLACES,
    "test_queries.py::test_a_file_that_has_changed_is_read": PLACES,
    "test_queries.py::test_text_that_is_typed_is_an_id_first": TYPED,
    "test_queries.py::test_a_hit_names_a_file_that_is_there": PLACES,
    "test_queries.py::test_a_hit_on_a_share_that_is_away_is_marked": PLACES,
    "test_remove.py::test_a_blank_name_is_not_the_current_folder": PLACES,
    "test_remove.py::test_rows_of_a_file_are_not_those_of_one_whose_name_goes_on_with_a_hash": FILES,
    "test_remove.py::TestMissing": DISK,
    "test_rows.py::test_names_become_ids": FILES,
    "test_rows.py::test_files_without_names": FILES,
    "test_rows.py::test_equal_rows_without_names_are_one_source_of_many_places": FILES,
    "test_rows.py::TestAFileThatHasChanged": FILES,
    "test_rows.py::test_rows_are_queries_also_of_other_datasets": FILES,
    "test_rows.py::TestDuplicates::test_an_error_changes_nothing": VERIFY,
    "test_rows.py::test_a_file_that_is_refused_leaves_nothing": FILES,
    "test_rows.py::test_rows_that_are_not_there": FILES,
    "test_rows.py::test_an_empty_import": EMPTY,
    "test_rows.py::test_pictures_and_vectors_live_side_by_side": PLACES,
}
"""Tests, or classes of them, that only a collection at hand passes, and why."""


class Served(Client):
    """A client that takes its service with it when it is closed."""

    def __init__(self, folder: Path) -> None:
        """Serve the collection in `folder` at a free port."""
        self._serving = ExitStack()
        limits = Limits(requests_a_second=1e5, burst=10**6)
        cache = folder.with_name(f"{folder.name}-cache")
        app = make_app(Settings(collection=str(folder), cache=cache, limits=limits))
        super().__init__(self._serving.enter_context(serving(app)))

    def close(self) -> None:
        """Close the connections, and end the service."""
        super().close()
        self._serving.close()
