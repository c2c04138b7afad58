"""A museum's server of the IIIF Image API, on loopback: of versions 2 and 3 and every level, and strict about sizes."""

from __future__ import annotations

import http.server
import io
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from PIL import Image, ImageDraw

WIDTH, HEIGHT = 2400, 1800
SMALL = (600, 450)
SIZES = [(150, 113), (600, 450), (1000, 750), (2400, 1800)]
KINDS = (
    "2-0",
    "2-1",
    "2-2",
    "3-0",
    "3-1",
    "3-2",
    "3-2-limited",
    "2-2-limited",
    "3-0-bare",
    "3-2-small",
    "2-2-small",
)
"""Version, level, and what is special: at most 800 pixels wide, no sizes told, or small."""


def painting(number: int) -> Image.Image:
    """Return a picture, the same for the same number."""
    image = Image.new("RGB", (WIDTH, HEIGHT), (235, 230, 220))
    pen = ImageDraw.Draw(image)
    x = 200 + 130 * number
    pen.ellipse((x, 300, x + 900, 1400), fill=(40 + 25 * number, 200 - 20 * number, 60 + 9 * number))
    pen.rectangle((100, 1500, 300 + 150 * number, 1700), fill=(120, 30 + 20 * number, 90))
    return image


class Museum(http.server.ThreadingHTTPServer):
    """Has a painting under each name `KIND.NUMBER`; it notes what was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        """Listen at a free port."""
        super().__init__(("127.0.0.1", 0), _Answering)
        self.asked: list[str] = []
        self.is_closed = False
        """Whether it answers 503 only."""

    def url(self, name: str) -> str:
        """Return the base of a painting."""
        return f"http://museum.test:{self.server_port}/iiif/{name}"


class _Answering(http.server.BaseHTTPRequestHandler):
    server: Museum

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        found = re.fullmatch(r"/iiif/([\w-]+)\.(\d+)/(info\.json|full/([^/]+)/0/default\.jpg)", self.path)
        if self.server.is_closed:
            self._answer(503, b"", "text/plain")
        elif found is None or found[1] not in (*KINDS, "wrong", "bomb"):
            self._answer(404, b"", "text/plain")
        elif found[3] == "info.json":
            assert "json" in self.headers["accept"]
            self._answer(200, info(found[1], self.path.removesuffix("/info.json")), "application/json")
        elif (size := size_of(found[1], found[4])) is None:
            self._answer(400, b"no such size", "text/plain")
        else:
            stream = io.BytesIO()
            painting(int(found[2])).resize(size, Image.Resampling.BILINEAR).save(stream, "JPEG")
            self._answer(200, stream.getvalue(), "image/jpeg")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Write nothing."""


def info(kind: str, path: str) -> bytes:
    """Return the info.json of a painting."""
    if kind == "wrong":
        return b'{"@context": "http://iiif.io/api/presentation/3/context.json", "items": []}'
    if kind == "bomb":
        return b"[" * 100_000
    version, level, *special = kind.split("-")
    width, height = SMALL if special == ["small"] else (WIDTH, HEIGHT)
    told: dict[str, Any] = {
        "@context": f"http://iiif.io/api/image/{version}/context.json",
        "protocol": "http://iiif.io/api/image",
        "width": width,
        "height": height,
    }
    limits = {"maxWidth": 800} if special == ["limited"] else {}
    if version == "3":
        told |= {"id": path, "type": "ImageService3", "profile": f"level{level}", **limits}
    else:
        told |= {"@id": path, "profile": [f"http://iiif.io/api/image/2/level{level}.json", limits]}
    if level == "0" and special != ["bare"]:
        told["sizes"] = [{"width": wide, "height": high} for wide, high in SIZES]
    return json.dumps(told).encode()


def size_of(kind: str, asked: str) -> tuple[int, int] | None:
    """Return the pixels of what a request of a size gives, None where the server's level has none such."""
    version, level, *special = kind.split("-")
    width, height = SMALL if special == ["small"] else (WIDTH, HEIGHT)
    most = 800 if special == ["limited"] else width
    if asked == ("max" if version == "3" else "full"):
        return (min(most, width), height * min(most, width) // width)
    if level == "0":
        listed = {f"{wide},{high}" if version == "3" else f"{wide},": (wide, high) for wide, high in SIZES}
        return listed.get(asked) if special != ["bare"] else None
    if wide := re.fullmatch(r"(\d+),", asked):
        return (int(wide[1]), round(height * int(wide[1]) / width)) if int(wide[1]) <= most else None
    confined = re.fullmatch(r"!(\d+),(\d+)", asked)
    if confined is None or level != "2":
        return None
    scale = min(int(confined[1]) / width, int(confined[2]) / height)
    size = (round(width * scale), round(height * scale))
    return size if size[0] <= most else None


@contextmanager
def opened_museum() -> Iterator[Museum]:
    """Run a museum's server."""
    with Museum() as museum:
        thread = threading.Thread(target=museum.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield museum
        finally:
            museum.shutdown()
            thread.join()


async def resolved(host: str, port: int) -> list[str]:
    """Return the museum's address, and of everybody else what they write."""
    return ["127.0.0.1"] if host == "museum.test" else [host]
