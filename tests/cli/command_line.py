"""Runs the command line as a person does: within this process, or in one of its own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from click.testing import CliRunner, Result
from PIL import Image

from lookalike.cli.verbs import lookalike as program


def lookalike(
    *arguments: str | os.PathLike[str], stdin: bytes | None = None, env: dict[str, str] | None = None
) -> Result:
    """Run a command line in this process; whatever it raises is raised, but for its exit."""
    texts = [os.fspath(argument) for argument in arguments]
    return CliRunner(env=env).invoke(
        program, texts, input=stdin, catch_exceptions=False, prog_name="lookalike"
    )


def process(
    *arguments: str | os.PathLike[str],
    stdin: bytes | None = None,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "lookalike", *arguments],
        input=stdin,
        capture_output=True,
        cwd=cwd,
        env=os.environ | (env or {}),
        timeout=60,
        check=False,
    )


def picture(seed: int) -> bytes:
    """Return a PNG of 5 x 5 coloured patches, the same for the same seed."""
    patches = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(patches).resize((40, 40), Image.Resampling.NEAREST).save(stream, "PNG")
    return stream.getvalue()


def draw(folder: Path, names: Sequence[str], first_seed: int = 0) -> Path:
    """Write one picture a name, each of another seed, into `folder`; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(names, first_seed):
        (folder / name).write_bytes(picture(seed))
    return folder


def shop(folder: Path) -> Path:
    """Make a collection of four pictures with metadata at `folder`/c; return that.

    In `folder`/queries are the same pictures again, which are not in the collection.
    """
    draw(folder / "pictures", ["a.png", "b.png", "c.png", "d.png"])
    draw(folder / "queries", ["a.png", "b.png", "c.png", "d.png"])
    (folder / "table.csv").write_text(
        "image,title,colour,year\na.png,Red shoes,Red,2010\nb.png,Blue shoes,Blue,2011\nc.png,Red hat,Red,2012\n"
    )
    result = lookalike(
        "add", folder / "pictures", "--metadata", folder / "table.csv", "-c", folder / "c", "--jobs", "1"
    )
    assert result.exit_code == 0, result.output
    return folder / "c"
