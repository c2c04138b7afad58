"""Every error that Lookalike raises on purpose.

    LookalikeError
    ├── InputError              what the caller gave is wrong
    │   ├── OptionError         an option or parameter has no such value
    │   ├── VectorError         vectors of a wrong shape, type or content
    │   ├── DuplicateIdError    an id that is there already
    │   ├── UnknownIdError      an id that is not there
    │   ├── VectorFileError     a vector file (HDF5, .npy, .fvecs) that cannot be read
    │   └── MetadataError       a metadata file or filter that makes no sense
    ├── PictureError            one picture cannot be used; `reason` says why
    │   ├── PictureMissingError
    │   ├── PictureEmptyError
    │   ├── PictureFormatError  not a picture, or of a format that is not allowed
    │   ├── PictureTruncatedError
    │   └── PictureTooLargeError
    ├── FeatureError
    │   ├── UnknownFeatureError
    │   ├── FeatureMismatchError    the extractor is not the one that made the stored vectors
    │   └── ModelError          a model file or its description cannot be used
    ├── CollectionError
    │   ├── CollectionMissingError
    │   ├── CollectionExistsError
    │   ├── CollectionVersionError  made by a newer version
    │   ├── CollectionLockedError   another process is writing
    │   ├── CollectionReadOnlyError it may be read, but not written
    │   ├── CollectionUnavailableError  its database cannot be reached; try again later
    │   └── CollectionDamagedError
    ├── IndexFormatError        an index directory that is not what it should be
    ├── IndexStorageError       an index directory that the system does not let be read or written
    ├── OutputError             what was asked for cannot be written out: a full disk, a closed stream
    ├── BucketStoreError        a bucket store refuses, or gives what it should not
    │   └── BucketStoreUnavailableError  it cannot be reached; try again later
    ├── EngineError             a search engine refuses, or gives what it should not
    │   ├── EngineWriteError        it refuses some of the documents
    │   └── EngineUnavailableError  it cannot be reached, or is too busy; try again later
    ├── ClusterError            a cluster for extraction refuses, or has another version of Lookalike
    │   └── ClusterUnavailableError  it cannot be reached, or was lost; try again later
    ├── ServiceError            the service cannot be started, or refuses
    │   └── ServiceUnavailableError  it cannot be reached, or is too busy; try again later
    ├── VectorReadError         the database that vectors are fetched from cannot be read
    └── MissingDependencyError  an extra that is not installed

Messages name the thing, say what was wrong and what to do, in one line.
"""


class LookalikeError(Exception):
    """Base of all errors that Lookalike raises on purpose."""


class InputError(LookalikeError, ValueError):
    """What the caller gave is wrong."""


class OptionError(InputError):
    """An option or parameter has no such value."""


class VectorError(InputError):
    """Vectors of a wrong shape, type or content."""


class DuplicateIdError(InputError):
    """An id is there already, or twice in one batch."""


class UnknownIdError(InputError):
    """An id is not in the collection or index."""


class VectorFileError(InputError):
    """A vector file (HDF5, .npy, .fvecs) cannot be read."""


class MetadataError(InputError):
    """A metadata file or filter makes no sense."""


class PictureError(LookalikeError):
    """One picture cannot be used.

    `name` is the file's path (or "-" and the like for bytes); `reason` is one clause without the name.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason

    def __reduce__(self) -> tuple[type["PictureError"], tuple[str, str]]:
        # Errors travel between worker processes; the default would pass one argument to two parameters.
        return type(self), (self.name, self.reason)


class PictureMissingError(PictureError):
    """The file is not there or may not be read."""


class PictureEmptyError(PictureError):
    """The file has no bytes."""


class PictureFormatError(PictureError):
    """Not a picture, or of a format that is not allowed."""


class PictureTruncatedError(PictureError):
    """The picture ends early or is damaged."""


class PictureTooLargeError(PictureError):
    """The picture declares more pixels than the limit."""


class FeatureError(LookalikeError):
    """Something is wrong with a feature or its extractor."""


class UnknownFeatureError(FeatureError):
    """There is no feature or extractor of that name."""


class FeatureMismatchError(FeatureError):
    """The extractor is not the one that made the stored vectors."""


class ModelError(FeatureError):
    """A model file or its description cannot be used."""


class CollectionError(LookalikeError):
    """Something is wrong with a collection as a whole."""


class CollectionMissingError(CollectionError):
    """There is no collection in that folder."""


class CollectionExistsError(CollectionError):
    """There is a collection in that folder already."""


class CollectionVersionError(CollectionError):
    """The collection was made by a newer version of Lookalike."""


class CollectionLockedError(CollectionError):
    """Another process is writing to the collection."""


class CollectionReadOnlyError(CollectionError):
    """The collection may be read, but not written."""


class CollectionUnavailableError(CollectionError):
    """The database of the collection cannot be reached, or does not answer; try again later."""


class CollectionDamagedError(CollectionError):
    """Stored data does not match its checksum or its schema."""


class IndexFormatError(LookalikeError):
    """An index directory is not what it should be."""


class IndexStorageError(LookalikeError):
    """The system does not let an index directory be read or written: a full disk, no permission."""


class OutputError(LookalikeError):
    """What was asked for cannot be written out: the disk is full, or the stream closed."""


class BucketStoreError(LookalikeError):
    """A bucket store refuses what is asked of it, or gives what it should not."""


class BucketStoreUnavailableError(BucketStoreError):
    """A bucket store cannot be reached; try again later."""


class EngineError(LookalikeError):
    """A search engine refuses what is asked of it, or gives what it should not.

    `status` and `kind` are HTTP's number and the engine's own name of what was wrong, where it answered.
    """

    status: int | None = None
    kind: str = ""


class EngineWriteError(EngineError):
    """A search engine refuses some of the documents that were to be written; `refused` says which and why."""

    def __init__(self, message: str, refused: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.refused = refused or {}


class EngineUnavailableError(EngineError):
    """A search engine cannot be reached, or is too busy; try again later."""


class ClusterError(LookalikeError):
    """A cluster for extraction refuses what is asked of it, or has another version of Lookalike."""


class ClusterUnavailableError(ClusterError):
    """A cluster cannot be reached, or was lost amid the work; try again later."""


class ServiceError(LookalikeError):
    """The service cannot be started, or refuses what is asked of it."""


class ServiceUnavailableError(ServiceError):
    """The service cannot be reached, or is too busy; try again later."""


class VectorReadError(LookalikeError):
    """The database of the user's own that vectors are fetched from cannot be read."""


class MissingDependencyError(LookalikeError):
    """An optional extra is needed and not installed."""
