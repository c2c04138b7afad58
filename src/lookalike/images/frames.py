"""The frame of an animation that shows what it is about."""

from __future__ import annotations

from PIL import Image, ImageFile, ImageStat

FORMATS = frozenset(("AVIF", "GIF", "PNG", "WEBP"))
"""Formats of animations."""

_BLANK = 8.0
"""A frame whose grey varies by less than this standard deviation, of 255, shows nothing."""

_MOST_FRAMES, _MOST_PIXELS = 100, 300_000_000
"""How far to look for a frame that shows something."""


def telling_frame(image: ImageFile.ImageFile) -> Image.Image:
    """Return the first frame of a loaded picture, or another one where that is blank.

    This is the one of its first 100 that shows most, if any shows something. Many animations fade in from black or
    white; by their first frames they would all be one picture. Which shows most is told by the standard deviation
    of its grey. A still picture is returned as it is.
    """
    if not getattr(image, "is_animated", False):
        return image
    if _spread(image) >= _BLANK:
        return image
    best, most, size = image.copy(), _BLANK, image.size
    frames = min(_MOST_FRAMES, max(2, _MOST_PIXELS // (image.width * image.height)))
    try:
        for number in range(1, frames):
            image.seek(number)
            if image.size != size:  # it hangs over the edge, and nobody has checked how far
                break
            image.load()
            if image.size != size:
                break
            spread = _spread(image)
            if spread > most:
                best, most = image.copy(), spread
    except Exception:  # EOFError at its end; a later frame that is damaged costs only itself
        pass
    return best


def _spread(image: Image.Image) -> float:
    """Return the standard deviation of the grey of a frame, transparent parts over white."""
    small = image.convert("RGBA" if image.has_transparency_data else "RGB")
    small.thumbnail((256, 256), Image.Resampling.BOX)
    if small.mode == "RGBA":
        ground = Image.new("RGBA", small.size, "white")
        small = Image.alpha_composite(ground, small)
    return float(ImageStat.Stat(small.convert("L")).stddev[0])
