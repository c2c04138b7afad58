"""Sounds are added, found by a file, and told apart from pictures; what is none is skipped by name."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from lookalike_sound import Sound
from PIL import Image

from lookalike import Collection
from lookalike.errors import PictureFormatError

RATE = 22_050


def sound(kind: str, seed: int = 0, seconds: float = 1.0, rate: int = RATE) -> np.ndarray:
    """Return a tone with overtones, noise, or clicks, with a little noise of its own."""
    random = np.random.default_rng(seed)
    time = np.arange(int(seconds * rate)) / rate
    hiss = random.normal(0, 0.003, len(time))
    if kind == "tone":
        pitch = 220 * (1 + 0.02 * random.random())
        return hiss + sum(np.sin(2 * np.pi * pitch * n * time) / n for n in (1, 2, 3)) / 4
    if kind == "noise":
        return hiss + random.normal(0, 0.1, len(time))
    return hiss + (np.arange(len(time)) % (rate // 8) < 40) * random.normal(0, 0.5, len(time))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with four sounds of each kind, and a picture."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    for kind in ("tone", "noise", "clicks"):
        for seed in range(4):
            suffix = "flac" if seed == 3 else "wav"
            soundfile.write(folder / f"{kind}-{seed}.{suffix}", sound(kind, seed), RATE)
    Image.new("RGB", (32, 32), (200, 30, 30)).save(folder / "cover.png")
    return folder


def test_what_sounds_alike_is_found(folder: Path, tmp_path: Path) -> None:
    with Collection.create(tmp_path / "collection") as collection:
        report = collection.add(folder, features="sound")
        assert (report.added, report.skipped) == (12, [])
        for kind in ("tone", "noise", "clicks"):
            query = tmp_path / "query.wav"
            soundfile.write(query, sound(kind, 99, seconds=1.7, rate=48_000) * 0.2, 48_000)
            hits = collection.search(query, k=4)
            assert {Path(hit.path or "").stem[:-2] for hit in hits} == {kind}
        stored = collection.search(folder / "tone-0.wav", k=1)
        assert stored[0].path != str(folder / "tone-0.wav")
        page = stored.to_html()
        assert "tone-" in page and "data:image" not in page


def test_each_file_has_the_features_of_its_kind(folder: Path, tmp_path: Path) -> None:
    with Collection.create(tmp_path / "collection") as collection:
        assert collection.add(folder, features=["look", "sound"]).added == 13
        again = collection.add(folder)
        assert (again.unchanged, again.refreshed) == (13, 0)
        assert collection.search(folder / "noise-1.wav", k=1)[0].features.keys() == {"sound"}
        assert len(collection.search(folder / "cover.png")) == 0  # there is no other picture
        with pytest.raises(PictureFormatError, match="is not a picture"):
            collection.search(folder / "noise-1.wav", features={"look": 1})


def test_what_is_no_sound_is_skipped(folder: Path, tmp_path: Path) -> None:
    (folder / "broken.wav").write_bytes(b"RIFF....WAVE")
    soundfile.write(folder / "empty.wav", np.empty(0), RATE)
    with Collection.create(tmp_path / "collection") as collection:
        report = collection.add([folder, folder / "cover.png"], features="sound")
        reasons = {Path(event.path).name: event.reason for event in report.skipped}
        assert report.added == 12
        assert reasons.keys() == {"broken.wav", "empty.wav", "cover.png"}
        assert "feature 'sound' cannot read it" in str(reasons["broken.wav"])
        assert "no samples" in str(reasons["empty.wav"])
        assert "no feature of this collection is made of such files" in str(reasons["cover.png"])


def test_loudness_and_rate_hardly_count() -> None:
    extractor = Sound()
    samples = [sound("tone", rate=rate) * gain for rate, gain in ((22_050, 1), (22_050, 0.1), (44_100, 0.5))]
    files = []
    for one, rate in zip(samples, (22_050, 22_050, 44_100), strict=True):
        stream = io.BytesIO()
        soundfile.write(stream, one, rate, format="WAV", subtype="FLOAT")
        files.append(extractor.read(stream.getvalue(), "-"))
    rows = extractor.extract(files)
    assert rows.shape == (3, Sound.dimension)
    other = extractor.extract([np.float32(sound("clicks", rate=16_000))])
    assert np.linalg.norm(rows[0] - rows[1]) < 1
    assert np.linalg.norm(rows[0] - rows[2]) < np.linalg.norm(rows[0] - other[0]) / 3


def test_silence_and_short_sounds_have_vectors() -> None:
    rows = Sound().extract([np.zeros(16_000, np.float32), np.ones(3, np.float32)])
    assert np.isfinite(rows).all()
