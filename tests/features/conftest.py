"""Plug-in extractors for the tests, registered as an installed distribution would register them."""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

PLUG_INS = '''
import os, sys, time
import numpy as np

PARENT = int(os.environ["LOOKALIKE_TEST_PARENT"])

class MeanColour:
    version, model_hash, dimension, metric, decoded_side = "1", "", 3, "euclidean", 8

    def __init__(self, gain=1.0):
        self.gain = gain

    def extract(self, pictures):
        return np.array([np.asarray(p).mean(axis=(0, 1)) * self.gain for p in pictures], dtype=np.float32)

class Cosine(MeanColour):
    metric = "cosine"

class Sized(MeanColour):
    """Tells the size that a picture was decoded to."""
    dimension = 2

    def __init__(self, side):
        self.decoded_side = side

    def extract(self, pictures):
        return np.array([p.size for p in pictures], dtype=np.float32)

class Crashing(MeanColour):
    """Kills its process over pictures that are 13 pixels wide, unless it is the test's own process."""
    def extract(self, pictures):
        if any(p.width == 13 for p in pictures):
            assert os.getpid() != PARENT
            os.kill(os.getpid(), 9)
        return super().extract(pictures)

class Chatty(MeanColour):
    def extract(self, pictures):
        print("extracting"); os.write(1, b"extracting"); sys.stdin.read()
        return super().extract(pictures)

class Slow(MeanColour):
    def extract(self, pictures):
        if "LOOKALIKE_TEST_PIDS" in os.environ:
            open(os.path.join(os.environ["LOOKALIKE_TEST_PIDS"], str(os.getpid())), "w").close()
        time.sleep(60)
        return super().extract(pictures)

class Sleepy(MeanColour):
    """Takes ages over pictures that are 13 pixels wide."""
    def extract(self, pictures):
        if any(p.width == 13 for p in pictures):
            time.sleep(60)
        return super().extract(pictures)

class Failing(MeanColour):
    def extract(self, pictures):
        raise KeyError("weights")

class Misshapen(MeanColour):
    def extract(self, pictures):
        return np.zeros((len(pictures), 4), np.float32)

class Unstartable(MeanColour):
    def __init__(self):
        raise RuntimeError("no licence")

class Codes(MeanColour):
    """The bytes of the mean colour, as a binary code."""
    metric = "hamming"

    def extract(self, pictures):
        return np.rint(super().extract(pictures)).astype(np.uint8)

class Uncoded(MeanColour):
    metric = "hamming"

class Sets(MeanColour):
    metric = "jaccard"

class Picky(MeanColour):
    """Gives NaN for pictures that are 13 pixels wide, and options from an argument."""
    def __init__(self, gain=1.0):
        self.gain = gain

    @staticmethod
    def options_from_argument(argument):
        return {"gain": float(argument)}

    def extract(self, pictures):
        rows = super().extract(pictures)
        rows[[p.width == 13 for p in pictures]] = np.nan
        return rows
'''
NAMES = {
    "mean": "MeanColour",
    "cosine": "Cosine",
    "sized": "Sized",
    "crashing": "Crashing",
    "chatty": "Chatty",
    "slow": "Slow",
    "sleepy": "Sleepy",
    "failing": "Failing",
    "misshapen": "Misshapen",
    "unstartable": "Unstartable",
    "codes": "Codes",
    "uncoded": "Uncoded",
    "sets": "Sets",
    "picky": "Picky",
    "broken": "NotThere",
}


@pytest.fixture
def plug_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install the extractors above into a folder on the path; returns the folder."""
    folder = tmp_path / "site"
    registration = folder / "example_extractors-1.0.dist-info"
    registration.mkdir(parents=True)
    (folder / "example_extractors.py").write_text(PLUG_INS)
    (registration / "METADATA").write_text("Metadata-Version: 2.1\nName: example-extractors\nVersion: 1.0\n")
    lines = [f"{name} = example_extractors:{attribute}" for name, attribute in NAMES.items()]
    (registration / "entry_points.txt").write_text("\n".join(["[lookalike.extractors]", *lines]))
    monkeypatch.setenv("LOOKALIKE_TEST_PARENT", str(os.getpid()))
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "example_extractors", raising=False)
    importlib.invalidate_caches()
    return folder


@pytest.fixture
def png() -> Callable[..., bytes]:
    """Return a function that makes the bytes of a picture of one colour."""

    def make(colour: tuple[int, int, int] = (10, 20, 30), size: tuple[int, int] = (16, 16)) -> bytes:
        stream = io.BytesIO()
        Image.new("RGB", size, colour).save(stream, "PNG")
        return stream.getvalue()

    return make


SLOW_DECODER = """
import re, time
import lookalike.images.formats as formats

open_picture = formats.open_picture

def slow(stream, name):
    end = bytes(stream.getbuffer()[-5:])
    if end == b"SLEEP":
        time.sleep(600)
    if end == b"STUCK":  # no other thread runs meanwhile
        re.match("(a+)+$", "a" * 60 + "b")
    return open_picture(stream, name)

formats.open_picture = slow
"""


@pytest.fixture
def slow_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the decoder take ages in worker processes over pictures that end in `SLEEP` or `STUCK`."""
    folder = tmp_path / "customized"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SLOW_DECODER)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *sys.path]))
