"""Pillow, whose settings belong to the host program, as decoding needs it."""

from __future__ import annotations

import contextlib
import logging
import threading
import warnings
from collections.abc import Iterator

from PIL import Image, ImageFile

_order_lock = threading.Lock()
_order_depth = 0
_order_undo = contextlib.ExitStack()
_silence = logging.NullHandler()


@contextlib.contextmanager
def pillow_in_order(max_pixels: int) -> Iterator[None]:
    """Keep Pillow quiet and strict, whatever the host program has set, and put everything back.

    Pillow's warnings about odd metadata (common in real photographs) and its log are kept from the user.
    `LOAD_TRUNCATED_IMAGES` is off, since half a picture must not pass for a whole one. `MAX_IMAGE_PIXELS` is
    raised where `max_pixels` allows more. All of this is global to the process; entries are counted, so that
    threads decoding at once do not undo each other's.
    """
    global _order_depth
    with _order_lock:
        _order_depth += 1
        if _order_depth == 1:
            _order_undo.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", module=r"PIL\b|pillow_heif\b|pillow_jxl\b|tifffile\b")
            for library in ("PIL", "tifffile"):
                logger = logging.getLogger(library)
                logger.addHandler(_silence)  # without any handler, errors in the log would go to stderr
                _order_undo.callback(logger.removeHandler, _silence)
        if ImageFile.LOAD_TRUNCATED_IMAGES:
            _order_undo.callback(setattr, ImageFile, "LOAD_TRUNCATED_IMAGES", True)
            ImageFile.LOAD_TRUNCATED_IMAGES = False
        if Image.MAX_IMAGE_PIXELS is not None and max_pixels > Image.MAX_IMAGE_PIXELS:
            _order_undo.callback(setattr, Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
            Image.MAX_IMAGE_PIXELS = max_pixels
    try:
        yield
    finally:
        with _order_lock:
            _order_depth -= 1
            if _order_depth == 0:
                _order_undo.close()
