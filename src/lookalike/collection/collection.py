"""The collection: a catalogue and the indexes derived from it, in a folder or on servers; and what changes it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from lookalike.catalogue import FeatureRecord
from lookalike.collection import add_vectors as rows
from lookalike.collection.backends import backend_at
from lookalike.collection.from_metadata import check_same, refresh_metadata_features, words_feature
from lookalike.collection.metadata_table import updated
from lookalike.collection.removing import Removing
from lookalike.collection.report import AddReport, Listener, as_listener
from lookalike.collection.row_arguments import as_metadata, as_table, as_text_ids, check_name
from lookalike.collection.stored_index import as_place
from lookalike.errors import CollectionExistsError, OptionError
from lookalike.features import TIME_LIMIT
from lookalike.images import MAX_PIXELS

if TYPE_CHECKING:
    from lookalike.collection.add_plan import AddOptions, AddPlan, Metadata
    from lookalike.collection.renewal import RenewalReport
    from lookalike.features.registry import FeatureSpec


class Collection(Removing):
    """Pictures, or any vectors, that are searched for what looks alike.

    The catalogue in the folder is the truth; the indexes beside it are derived and can be rebuilt. Any number of
    processes may read while one writes. A collection is a context manager.

    Example:
        >>> with Collection.open_or_create("shop.lookalike") as collection:
        ...     collection.add(["shop/images"], metadata="shop/products.csv")
        ...     hits = collection.search("shoe.jpg", text="red", where={"year": (2010, 2012)})
    """

    @classmethod
    def create(
        cls, folder: str | os.PathLike[str], *, buckets: str | None = None, engine: str | None = None
    ) -> Self:
        """Make a new collection in `folder`, which is made if need be, or at a URL of PostgreSQL, and open it.

        Args:
            buckets, engine: see `open`.

        Raises:
            OptionError: `buckets` or `engine` is no URL, or both are given.
            CollectionExistsError: there is one already.
            CollectionError: the folder cannot be made or written.
        """
        backend, place = backend_at(folder), as_place(buckets, engine)
        return cls(backend, backend.create_catalogue(), place)

    @classmethod
    def open_or_create(
        cls, folder: str | os.PathLike[str], *, buckets: str | None = None, engine: str | None = None
    ) -> Self:
        """Open the collection in `folder`, or make a new one there; see `open` and `create`."""
        if not backend_at(folder).has_catalogue():
            with suppress(CollectionExistsError):  # another process was quicker
                return cls.create(folder, buckets=buckets, engine=engine)
        return cls.open(folder, buckets=buckets, engine=engine)

    def add(
        self,
        paths: Iterable[str | os.PathLike[str]] | str | os.PathLike[str],
        *,
        features: Iterable[str | FeatureSpec] | None = None,
        metadata: Metadata = None,
        file_column: str | None = None,
        exclude: Iterable[str] | str | None = None,
        jobs: int | None = None,
        max_pixels: int = MAX_PIXELS,
        time_limit: float | None = TIME_LIMIT,
        reread: bool = False,
        isolated: bool = False,
        cluster: str | None = None,
        listener: Listener | None = None,
        plan: AddPlan | None = None,
    ) -> AddReport:
        """Add picture files and folders of them (recursively).

        Files whose size and time have not changed since an earlier run are not read again; exact copies are stored
        once with all their places; moved files are recognised, and deleted copies forgotten. It may be stopped at any
        time: what the listener was told of is stored. A file that cannot be used is reported as skipped, and the run
        goes on.

        Args:
            features: what to extract, as in "look" or "mobilenet:onnx=model.onnx"; by default the collection's
                features, or "look" for a new one. Pictures that are stored already are given new features too.
            metadata: a table with any usual separator (CSV), or JSON Lines (`.jsonl`): a column, such as `image` or
                `path`, names the file, the rest is metadata. An empty cell clears the field; a field that the table
                does not have stays. Rows that make no sense are skipped, and reported. Or the fields of each picture by
                its path.
            file_column: what the column that names the file is called, where that is no usual name.
            exclude: patterns of names, or of paths where they have a slash, that are left out of folders, besides usual
                ones such as "@eaDir" (`collection/excludes.py`). Stored pictures that they are for stay as they are.
            jobs: processes to extract with; as many as there are usable cores by default.
            max_pixels: pictures with more are skipped.
            time_limit: seconds after which a picture is skipped and its process ended; None for no limit. With one
                job or few pictures, which are extracted in this process, the decoder is left behind instead.
            reread: read all files again, also those whose size and time have not changed.
            isolated: decode and extract even a single picture in another process, since it comes from somebody who may
                mean harm: what crashes or hangs its decoder is skipped, and nothing else comes to grief.
            cluster: extract on the workers of a cluster, as in "dask://HOST:PORT" (extra `dask`), instead of on this
                machine. They get pictures as bytes; the same version of Lookalike, plug-ins, and models at the same
                paths must be there. What Dask sends is code for those who can send it: trust its scheduler.
            plan: what `plan_add` found for the same arguments, so that it is not looked for again.

        Raises:
            PictureMissingError: one of `paths` does not exist.
            OptionError: an argument is not of its kind.
            MetadataError, UnknownFeatureError, FeatureMismatchError, ModelError, CollectionLockedError.
            ClusterError: the cluster cannot be reached, was lost, or has another version of Lookalike; what the
                listener was told of is stored.
        """
        from lookalike.collection.add_plan import AddOptions, AddPlan, plan_add

        started = time.monotonic()
        listener = as_listener(listener)
        if plan is not None and not isinstance(plan, AddPlan):
            raise OptionError(f"plan is {plan!r}; give what plan_add returned")
        options = AddOptions.of(
            jobs=jobs,
            max_pixels=max_pixels,
            time_limit=time_limit,
            reread=reread,
            isolated=isolated,
            cluster=cluster,
        )
        with self._backend.writing("add"):
            stored = self._catalogue.features()
            if plan is None or plan.stored != stored:
                plan = plan_add(
                    paths,
                    features=features,
                    metadata=metadata,
                    file_column=file_column,
                    exclude=exclude,
                    stored=stored,
                )
            report = self._add(plan, options, listener)
        report.seconds = time.monotonic() - started
        return report

    def add_fetched(
        self,
        pictures: Mapping[str, bytes],
        *,
        metadata: Mapping[str, Mapping[str, Any]] | None = None,
        jobs: int | None = None,
        max_pixels: int = MAX_PIXELS,
        time_limit: float | None = TIME_LIMIT,
        listener: Listener | None = None,
    ) -> AddReport:
        """Add pictures that were fetched from the web, each of which lies at its URL from then on.

        Nothing is fetched here, and the pictures themselves are not kept. They are decoded in processes of their own.

        Args:
            pictures: files, by URLs of http or https.
            metadata: the fields of each picture, by its URL.

        The other arguments are those of `add`.

        Raises:
            OptionError, MetadataError, CollectionLockedError.
        """
        from lookalike.collection.add_plan import AddOptions, plan_fetched

        started = time.monotonic()
        options = AddOptions.of(jobs=jobs, max_pixels=max_pixels, time_limit=time_limit, isolated=True)
        with self._backend.writing("add"):
            plan = plan_fetched(pictures, metadata=metadata, stored=self._catalogue.features())
            report = self._add(plan, options, as_listener(listener))
        report.seconds = time.monotonic() - started
        return report

    def add_vectors(
        self,
        vectors: Any,
        *,
        ids: Sequence[Any] | None = None,
        feature: str = "vectors",
        metric: str | None = None,
        metadata: Sequence[Mapping[str, Any]] | None = None,
        on_duplicate: str = "error",
    ) -> AddReport:
        """Add vectors of any kind, all of them or none.

        Args:
            vectors: (n, d), an array, a memory map or an HDF5 dataset; read in blocks.
            ids: n ids, kept as text; by default made from the rows' bytes, so that equal rows are one source.
            feature: what to call these vectors.
            metric: "euclidean" (the default for a new feature), "cosine" or "dot"; or "hamming" for binary codes,
                uint8 of packed bits or booleans; or "jaccard" for sets, a list of lists of whole numbers or words, or
                whatever `lookalike.sets.as_sets` takes.
            metadata: n mappings.
            on_duplicate: what to do with an id that has such a vector: "error", "skip" or "replace".

        Raises:
            VectorError: a wrong shape, NaN or infinity, a zero vector under cosine; the row is named.
            DuplicateIdError, FeatureMismatchError, OptionError, MetadataError, CollectionLockedError.
        """
        check_name(feature, "feature")
        stored = self._catalogue.features().get(feature)
        kind = rows.metric_of(stored, name=feature, metric=metric)
        table = as_table(vectors, kind)
        named = None if ids is None else as_text_ids(ids, table.shape[0])
        fields = None if metadata is None else as_metadata(metadata, table.shape[0])
        with self._backend.writing("add_vectors"):
            stored = self._catalogue.features().get(feature)
            kind = rows.metric_of(stored, name=feature, metric=kind)
            record = rows.plan_feature(
                stored, name=feature, dimension=table.shape[1], metric=kind, options={}
            )
            record = self._placed(record)
            return self._store_rows(record, rows.array_blocks(table, record, named, fields), on_duplicate)

    def add_words(self, fields: Iterable[str] = (), *, feature: str = "words", shingle: int = 1) -> int:
        """Make a feature of the set of words of metadata of each source, and keep it up from then on.

        Words are taken apart as for search by text; the distance of two sets is Jaccard's. Sources without any have an
        empty set. A `TextQuery` is compared with them.

        Args:
            fields: the metadata fields to take words from; all by default.
            feature: what to call the feature.
            shingle: sets of runs of so many words, instead of words.

        Returns:
            How many sets were made.

        Raises:
            FeatureMismatchError: there is another feature of that name.
            OptionError, CollectionLockedError.
        """
        record = words_feature(feature, fields, shingle)
        with self._backend.writing("words"):
            if feature in (stored := self._catalogue.features()):
                check_same(stored[feature], record)
            else:
                with self._catalogue.write() as writer:
                    writer.add_feature(record)
            made = refresh_metadata_features(self._catalogue)
            self._update_indexes(Listener())
        return made

    def import_file(
        self,
        file: str | os.PathLike[str],
        *,
        feature: str = "vectors",
        metric: str | None = None,
        dataset: str | None = None,
        names: str | None = None,
        orientation: str | None = None,
        library: str | None = None,
        dimension: int | None = None,
        on_duplicate: str = "error",
        skip_bad: bool = False,
        listener: Listener | None = None,
    ) -> AddReport:
        """Import the rows of a file of vectors, or of sets (.txt, .jsonl, .npz), streamed; all of them or none.

        The rows' names, where the file has them, become ids; one that is the path of a stored picture, from the
        working folder or from that of the file, joins the row to the picture. For kinds of files, `dataset`, `names`
        and `orientation` see `lookalike.vectorfiles.open_vectors`. With `skip_bad`, rows that cannot be compared, such
        as those with NaN and, under cosine, zeros, are left out and listed in the report. The rest is as in
        `add_vectors`.

        An index that another `library` saved ("annoy", "faiss", "hnswlib", "usearch", "voyager") is known by its
        content, one of Annoy by its suffix (.ann, .annoy). Its ids become names, or pick lines of the text file
        `names`. Where it does not tell its `dimension` and `metric` they have to be given; see
        `lookalike.vectorfiles.saved.SavedIndex`.

        Raises:
            VectorFileError: the file cannot be read, or does not keep what went in; and what `add_vectors` raises.
            MissingDependencyError: the library is not installed.
        """
        from lookalike.collection.import_file import file_blocks, open_import

        listener = as_listener(listener)
        check_name(feature, "feature")
        with (
            self._backend.writing("import"),
            open_import(
                file,
                stored=self._catalogue.features().get(feature),
                feature=feature,
                metric=metric,
                library=library,
                dimension=dimension,
                dataset=dataset,
                names=names,
                orientation=orientation,
            ) as (vectors, options),
        ):
            record = rows.plan_feature(
                self._catalogue.features().get(feature),
                name=feature,
                dimension=vectors.width,
                metric=vectors.metric,
                options=options,
            )
            record = self._placed(record)
            listener.total(vectors.rows)
            return self._store_rows(
                record,
                file_blocks(vectors, record, self._catalogue, skip_bad=skip_bad),
                on_duplicate,
                listener,
            )

    def update_metadata(self, id_: str, fields: Mapping[str, Any]) -> None:
        """Change what is known of a source: new values of fields, None for those that are taken out; others stay.

        Raises:
            UnknownIdError: there is no such source.
            MetadataError: a value is none that JSON has.
            CollectionLockedError.
        """
        with self._backend.writing("update_metadata"):
            source = self.source(id_)
            with self._catalogue.write() as writer:
                writer.update_metadata({source.number: updated(source.metadata, fields)})
            self._update_indexes(Listener())

    def renew(
        self,
        feature: str | FeatureSpec,
        *,
        jobs: int | None = None,
        max_pixels: int = MAX_PIXELS,
        time_limit: float | None = TIME_LIMIT,
        listener: Listener | None = None,
    ) -> RenewalReport:
        """Make the vectors of a feature anew: by another version of its extractor, or by another model.

        All pictures are read again, and their vectors are replaced at once in the end; until then searches find the old
        ones, and a run that is stopped leaves everything as it was. A picture that is gone, has changed or cannot be
        read any more has no vector of this feature then; it is reported, and `add` sees to it.

        Args:
            feature: the name of a feature, for the newest version of its extractor; or as in `add`: "look=1", or
                "mobilenet:onnx=better.onnx" for the feature `mobilenet`.

        The other arguments are those of `add`.

        Raises:
            PictureMissingError: a picture is out of reach, as when a disk is away, or it came from the web; nothing was
                changed.
            UnknownFeatureError, FeatureMismatchError: there is no such feature, or it was not made of pictures.
            OutputError: the folder for temporary files, where vectors lie until all are made, is full.
            OptionError, ModelError, MissingDependencyError, CollectionLockedError.
        """
        from lookalike.collection.add_plan import AddOptions
        from lookalike.collection.renewal import Renewal, renew

        listener = as_listener(listener)
        options = AddOptions.of(
            jobs=jobs, max_pixels=max_pixels, time_limit=time_limit, reread=True, isolated=False
        )
        with self._backend.writing("rebuild"):
            plan = Renewal.of(self._catalogue.features(), feature)
            report = renew(self._catalogue, plan, options, listener)
            self._indexes.drop(plan.old)
            self._update_indexes(listener)
        return report

    def _add(self, plan: AddPlan, options: AddOptions, listener: Listener) -> AddReport:
        from lookalike.collection.add_pictures import add_pictures

        plan.features.new[:] = map(self._placed, plan.features.new)
        report = add_pictures(self._catalogue, plan, options, listener)
        self._update_indexes(listener)
        return report

    def _store_rows(
        self,
        feature: FeatureRecord,
        blocks: Iterable[rows.RowBlock],
        on_duplicate: str,
        listener: Listener | None = None,
    ) -> AddReport:
        started = time.monotonic()
        listener = listener or Listener()
        ingest = rows.RowIngest(self._catalogue, feature, on_duplicate=on_duplicate, listener=listener)
        report = ingest.run(blocks)
        self._update_indexes(listener)
        report.seconds = time.monotonic() - started
        return report
