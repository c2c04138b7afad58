"""Pictures by the IIIF Image API 2 and 3 (https://iiif.io/api/image/3.0/): which URLs are asked of a server.

A picture has a base, `{server}/{prefix}/{identifier}`; `{base}/info.json` tells its size and what the server does, and
`{base}/{region}/{size}/{rotation}/{quality}.{format}` is the picture itself.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import httpx

from lookalike.service.problems import ProblemError
from lookalike.urls import is_web_address

SIDE = 1024
"""Pixels of the square that a picture fits which is fetched."""
LARGEST = 2**31
_REQUEST = re.compile(
    r"/(?:full|square|(?:pct:)?[\d.,]+)/\^?(?:full|max|!?[\d,]+|pct:[\d.]+)/!?[\d.]+/"
    r"(?:default|color|gray|bitonal)\.[a-z0-9]+$"
)
_VERSION = re.compile(r"iiif\.io/api/image/([23])/")
_LEVEL = re.compile(r"level([012])\b")


def base_of(url: str) -> str:
    """Return the base of a picture of which `url` is the base itself, the `info.json`, or a request.

    Raises:
        ProblemError: it is no URL of the web, or has a query or a fragment, which no URL of the API has.
    """
    try:
        url = str(httpx.URL(url))
    except (httpx.InvalidURL, ValueError):
        raise _unusable("it is no URL") from None
    if not is_web_address(url):
        raise _unusable("it is not of http or https; give one such as https://example.org/iiif/3/apple")
    if "?" in url or "#" in url:
        raise _unusable("it has a query or a fragment; give the picture's base, or its info.json")
    return _REQUEST.sub("", url.removesuffix("/info.json").rstrip("/"))


@dataclass(frozen=True, slots=True)
class IiifPicture:
    """What a server tells of one picture."""

    base: str
    version: Literal[2, 3]
    width: int
    height: int
    level: int
    features: frozenset[str]
    sizes: tuple[tuple[int, int], ...]
    """That are made beforehand: of the pictures of a server of level 0, these alone."""
    most: tuple[float, float, float]
    """Width, height and area of the largest that the server gives."""

    @classmethod
    def read(cls, base: str, info: bytes) -> Self:
        """Return what `{base}/info.json` tells. Raises ProblemError where it is none."""
        try:
            told = json.loads(info)
            version = _VERSION.search(json.dumps(told["@context"]))
            if version is None:
                raise ValueError
            is_third = version[1] == "3"
            profile = told["profile"] if isinstance(told["profile"], list) else [told["profile"]]
            level = _LEVEL.search(profile[0])
            more: Mapping[str, Any] = {}
            for one in profile[1:]:  # of version 2, which keeps limits and features there
                more = {**more, **one} if isinstance(one, dict) else more
            limits = told if is_third else more
            width_limit = limits.get("maxWidth")
            return cls(
                base=base,
                version=3 if is_third else 2,
                width=_count(told["width"]),
                height=_count(told["height"]),
                level=int(level[1]) if level else 0,
                features=frozenset(told.get("extraFeatures", ()) if is_third else more.get("supports", ())),
                sizes=tuple((_count(one["width"]), _count(one["height"])) for one in told.get("sizes", ())),
                most=(
                    _limit(width_limit),
                    _limit(limits.get("maxHeight", width_limit)),
                    _limit(limits.get("maxArea")),
                ),
            )
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
            raise _unusable("its info.json is none of the IIIF Image API 2 or 3") from None

    @property
    def whole(self) -> str:
        """The URL of the picture in the largest size that the server gives."""
        return self._of_size("max" if self.version == 3 else "full")

    def bounded(self, side: int = SIDE) -> str:
        """Return the URL of the picture in a size that fits a square of `side`, or nearly, as the server gives it."""
        wide, high, area = self.most
        scale = min(
            side / max(self.width, self.height),
            wide / self.width,
            high / self.height,
            math.sqrt(area / (self.width * self.height)),
        )
        if scale >= 1:
            return self.whole
        width, height = (max(1, int(scale * full)) for full in (self.width, self.height))
        if self.level == 2 or "sizeByConfinedWh" in self.features:
            is_limited = scale < side / max(self.width, self.height)
            return self._of_size(f"!{width},{height}" if is_limited else f"!{side},{side}")
        if self.level == 1 or "sizeByW" in self.features:
            return self._of_size(f"{width},")
        if not self.sizes:
            return self.whole
        fitting = [size for size in self.sizes if max(size) <= side]
        width, height = max(fitting) if fitting else min(self.sizes)
        return self._of_size(f"{width},{height}" if self.version == 3 else f"{width},")

    def _of_size(self, size: str) -> str:
        return f"{self.base}/full/{size}/0/default.jpg"


def _count(told: Any) -> int:
    if not isinstance(told, int) or isinstance(told, bool) or not 0 < told < LARGEST:
        raise ValueError
    return told


def _limit(told: Any) -> float:
    return math.inf if told is None else float(_count(told))


def _unusable(reason: str) -> ProblemError:
    return ProblemError(422, f"the URL cannot be used: {reason}", field="url")
