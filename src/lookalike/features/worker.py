"""A worker process: pictures come in on standard input, vectors go out on standard output, in frames.

    setup    {"extractors": [spec, ...], "framers": {feature: framer, ...}, "max_pixels": n} -> {"ready": true}
    pictures {"pictures": [[name, [feature, ...]], ...]} + their bytes
             -> {"at": [place, ...]} before each step, with the places of the pictures that it is about
             -> {"pictures": [...], "features": [[name, dimension, type], ...]} + vectors

The last is in the form of `lookalike.features.worker_results`. A reply {"kind", "message"} is an error that ends the
run. The worker ends when its standard input does, so none outlives the process that started it.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import warnings
from typing import IO, Any

from lookalike.errors import LookalikeError
from lookalike.features.base import Extractor
from lookalike.features.batch import extract_batch
from lookalike.features.framing import Framer
from lookalike.features.registry import FeatureSpec, create_extractor
from lookalike.features.worker_protocol import read_frame, write_frame
from lookalike.features.worker_results import encoded
from lookalike.heap import keep_freed

_KEPT_BYTES = 64 << 20
_AHEAD = 1  # batches that are read while another is extracted


def main() -> None:
    """Serve until standard input ends."""
    source, sink = _take_standard_streams()
    keep_freed(_KEPT_BYTES)
    warnings.simplefilter("ignore")
    try:
        setup, _ = read_frame(source)
        try:
            specs = [FeatureSpec.from_json(spec) for spec in setup["extractors"]]
            framers = setup["framers"]
            extractors: dict[str, Extractor] = {
                spec.name: Framer.from_json(framers[spec.name])
                if spec.name in framers
                else create_extractor(spec)
                for spec in specs
            }
            write_frame(sink, {"ready": True})
            waiting: queue.Queue[tuple[dict[str, Any], list[bytes]]] = queue.Queue(_AHEAD)
            threading.Thread(target=_read_ahead, args=(source, waiting), daemon=True).start()
            while True:
                _answer(sink, *waiting.get(), extractors, setup["max_pixels"])
        except LookalikeError as error:
            write_frame(sink, {"kind": type(error).__name__, "message": str(error)})
    except (EOFError, BrokenPipeError):
        pass


def _take_standard_streams() -> tuple[IO[bytes], IO[bytes]]:
    """Keep the two pipes for frames alone, so that what an extractor prints cannot come between."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    sys.stdout = sys.stderr
    return source, sink


def _read_ahead(source: IO[bytes], waiting: queue.Queue[tuple[dict[str, Any], list[bytes]]]) -> None:
    try:
        while True:
            waiting.put(read_frame(source))
    except (EOFError, OSError):
        os._exit(0)  # nobody is there to take the answer, so a batch in the works is left


def _answer(
    sink: IO[bytes],
    header: dict[str, Any],
    parts: list[bytes],
    extractors: dict[str, Extractor],
    max_pixels: int,
) -> None:
    results = extract_batch(
        [(name, data) for (name, _), data in zip(header["pictures"], parts, strict=True)],
        extractors,
        max_pixels=max_pixels,
        wanted=[features for _, features in header["pictures"]],
        progress=lambda places: write_frame(sink, {"at": places}),
    )
    write_frame(sink, *encoded(results))
