"""A cluster that is killed half-way: what was acknowledged is kept, and a second run ends with everything once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from small_pictures import draw, picture  # type: ignore[import-not-found]
from tests.services import dask

from lookalike import Collection

pytestmark = dask.needed

PICTURES = 600

# The command line itself, but with small batches, so that there is much to interrupt.
COMMAND = """
import sys
from lookalike.collection import add_pictures
from lookalike.features import parallel
add_pictures.COMMIT_FILES = parallel.CLUSTER_BATCH = 16
from lookalike.cli import main
main()
"""


def test_a_cluster_killed_half_way_loses_and_doubles_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    files = draw(folder, [f"{number:03}.png" for number in range(PICTURES)])
    (folder / "copy.png").write_bytes(picture(3))
    (folder / "damaged.png").write_bytes(picture(1)[:60])
    collection = tmp_path / "c"

    def start(cluster: dask.DaskCluster) -> subprocess.Popen[str]:
        command = ["add", "-c", str(collection), str(folder), "--jsonl", "--cluster", cluster.url]
        return subprocess.Popen(
            [sys.executable, "-c", COMMAND, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pipesize=4096,  # so that it cannot be far ahead of what was read
        )

    acknowledged: list[dict[str, str]] = []
    with dask.cluster(tmp_path / "first") as cluster, start(cluster) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        for line in run.stdout:
            acknowledged.append(json.loads(line))
            if len(acknowledged) == 150:
                cluster.kill()
        told = run.stderr.read()
    assert "run the command again to go on" in told
    assert "Traceback" not in told
    assert run.returncode == 1
    assert 150 <= len(acknowledged) < PICTURES
    with Collection.open(collection) as opened:
        kept = {place.path for source in opened.list() for place in source.places}
    stored = {event["path"] for event in acknowledged if event["outcome"] in ("added", "duplicate")}
    assert stored <= kept

    with dask.cluster(tmp_path / "second") as cluster, start(cluster) as run:
        output, _ = run.communicate()
    assert run.returncode == 3  # of the damaged picture
    again = [json.loads(line) for line in output.splitlines()]
    assert [event["path"] for event in again if event["outcome"] == "skipped"] == [
        str(folder / "damaged.png")
    ]
    all_stored = [
        event["path"] for event in acknowledged + again if event["outcome"] in ("added", "duplicate")
    ]
    assert max(Counter(all_stored).values()) == 1
    with Collection.open(collection) as opened:
        places = Counter(place.path for source in opened.list() for place in source.places)
        assert places == Counter(map(str, [*files, folder / "copy.png"]))
        assert len(opened) == len(files)
        assert list(opened.verify()) == []


def test_an_address_of_another_kind_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    draw(tmp_path / "pictures", ["a.png"])
    for options, message in (
        (["--cluster", "ray://h:1"], "give the address of a Dask scheduler, as in dask://HOST:PORT"),
        (
            ["--cluster", "dask://h:1", "--jobs", "2"],
            "a cluster has as many as its workers have threads; leave it out",
        ),
    ):
        command = ["add", "-c", str(tmp_path / "c"), str(tmp_path / "pictures"), *options]
        run = subprocess.run([sys.executable, "-c", COMMAND, *command], capture_output=True, text=True)
        assert run.returncode == 1
        assert message in run.stderr
        assert not (tmp_path / "c").exists()
