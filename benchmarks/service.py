"""The service under load: the real `lookalike serve` on this machine's loopback.

    python -m benchmarks.service --pictures DIR [--vectors FILE.npy] [latency] [vectors] [rate] [slow] [soak]

Makes a collection of the pictures in DIR, as `lookalike add DIR` does, and one of the rows of FILE.npy, once; then
prints a table for each part named, or for all. Clients are in one process of their own, which shares the machine with
the service. Times `at the server` are those of its own log, from the request's first byte to the answer's last.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import random
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np
from PIL import Image, ImageOps

from benchmarks import cache
from benchmarks.engine import row, table
from benchmarks.runner import machine
from benchmarks.service_load import Crowd, Request, Script, Taken, connect, drive, get, post, send_files
from benchmarks.service_server import Service, bare, serving
from lookalike import Collection

PARTS = ("latency", "vectors", "rate", "slow", "soak")
CLIENTS = 8
SEARCH, UPLOAD = "/api/v1/search", "/api/v1/uploads"
MIB = 2**20
SENT_PICTURES = 200
"""Different ones that clients send."""
SLOW_CLIENTS = 500
SOAK_CLIENTS = 200
WARM_SHARE = 0.2
"""Of the time of a soak, after which memory is looked at first."""
INGESTED_AT_ONCE = 20
HEADS = ("request", "answers/s", "p50 ms", "p95 ms", "p99 ms", "at the server: p50 ms", "p95 ms", "p99 ms")


class Bench:
    """The collections, and what clients send."""

    def __init__(self, folder: Path, pictures: Path | None, vectors: Path | None, seconds: float) -> None:
        self.folder, self.seconds = folder, seconds
        self._pictures, self._vectors = pictures, vectors
        self.drawn = random.Random(0)

    def shop(self) -> Path:
        """Return the collection of pictures, which is made if need be."""
        place = self.folder / "pictures.lookalike"
        if not place.exists():
            if self._pictures is None:
                raise click.UsageError("say with --pictures where pictures are")
            with Collection.create(place) as made:
                made.add([self._pictures])
        return place

    def rows(self) -> Path:
        """Return the collection of vectors, which is made if need be."""
        place = self.folder / "vectors.lookalike"
        if not place.exists():
            if self._vectors is None:
                raise click.UsageError("say with --vectors where vectors are")
            with Collection.create(place) as made:
                made.import_file(self._vectors)
        return place

    def ids(self, collection: Path) -> list[str]:
        """Return the ids of all sources."""
        with Collection.open(collection) as opened:
            return [source.id for source in opened.list()]

    def new_pictures(self, count: int) -> Iterator[bytes]:
        """Yield JPEG files that are none of the collection's: its pictures seen in a mirror, and cut a little."""
        with Collection.open(self.shop()) as opened:
            places = [source.places[0].path for source in opened.list(limit=count)]
        for place in places:
            with Image.open(place) as picture:
                seen = ImageOps.mirror(picture.convert("RGB"))
            cut = seen.crop((2, 2, *seen.size))
            written = io.BytesIO()
            cut.save(written, "JPEG", quality=90)
            yield written.getvalue()

    def by_id(self, ids: Sequence[str]) -> Script:
        """Yield searches by ids drawn at random, with the options of a client that gives none: 20 hits."""
        while True:
            yield _search({"id": self.drawn.choice(ids)})


def _search(query: dict[str, str], **options: Any) -> Request:
    return post(
        f"search by {next(iter(query), 'words')}", SEARCH, json.dumps({"query": query, **options}).encode()
    )


async def uploading(port: int, pictures: Sequence[bytes], clients: int, seconds: float) -> Taken:
    """Have clients each send a picture and search by it, again and again."""
    taken = Taken()
    started = time.perf_counter()
    sent = itertools.cycle(pictures)

    async def one() -> None:
        connection = await connect(port)
        while (begun := time.perf_counter()) < started + seconds:
            kept = await connection.ask(send_files("upload", UPLOAD, "picture", [next(sent)]).sent)
            then = time.perf_counter()
            found = await connection.ask(_search({"upload": json.loads(kept.body)["id"]}).sent)
            for kind, answer, since in (("upload", kept, begun), ("search by upload", found, then)):
                taken.statuses[answer.status] += 1
                if answer.status // 100 == 2:
                    taken.seconds[kind].append((then if kind == "upload" else time.perf_counter()) - since)
            taken.seconds["both"].append(time.perf_counter() - begun)
        connection.close()

    await asyncio.gather(*(one() for _ in range(clients)))
    taken.lasted = time.perf_counter() - started
    return taken


def show(kind: str, taken: Taken, at_server: Sequence[float]) -> None:
    """Print a row of times."""
    cells = [f"{len(taken.seconds[kind]) / taken.lasted:,.0f}"]
    cells += [f"{taken.milliseconds(kind, percentile):.1f}" for percentile in (50, 95, 99)]
    cells += [
        f"{np.percentile(at_server, percentile):.1f}" if at_server else "" for percentile in (50, 95, 99)
    ]
    row((kind, *cells))
    if taken.failures():
        row(("failures", json.dumps(taken.failures())))


def searches(bench: Bench, collection: Path, service: Service, clients: int) -> None:
    """Print a row for searches by id."""
    ids = bench.ids(collection)
    asyncio.run(drive(service.port, [bench.by_id(ids)] * 1, 3))
    since = service.log.stat().st_size
    taken = asyncio.run(drive(service.port, [bench.by_id(ids) for _ in range(clients)], bench.seconds))
    show("search by id", taken, service.milliseconds(since)[SEARCH])


def latency(bench: Bench) -> None:
    """Print times of searches by id and by upload."""
    pictures = list(bench.new_pictures(SENT_PICTURES))
    with serving(bench.shop(), bench.folder / "latency") as service:
        table(HEADS)
        searches(bench, bench.shop(), service, CLIENTS)
        asyncio.run(uploading(service.port, pictures[:4], CLIENTS, 3))
        since = service.log.stat().st_size
        taken = asyncio.run(uploading(service.port, pictures, CLIENTS, bench.seconds))
        at_server = service.milliseconds(since)
        show("upload", taken, at_server[UPLOAD])
        show("search by upload", taken, at_server[SEARCH])
        show("both", taken, [])


def vectors(bench: Bench) -> None:
    """Print times of searches by id among vectors without pictures."""
    with serving(bench.rows(), bench.folder / "vectors") as service:
        table(HEADS)
        searches(bench, bench.rows(), service, CLIENTS)


def rate(bench: Bench) -> None:
    """Print rates of searches by id and of a bare route, in turn."""
    ids = bench.ids(bench.shop())
    found: dict[str, list[tuple[float, float]]] = {"a constant": [], "search by id": []}
    folder = bench.folder / "rate"
    with serving(bench.shop(), folder) as service, bare(folder) as other:
        for turn in range(1 + 5):
            for kind, asked in (("a constant", other), ("search by id", service)):
                scripts = [
                    itertools.repeat(get(kind, "/constant")) if asked is other else bench.by_id(ids)
                    for _ in range(CLIENTS)
                ]
                used = asked.processor_seconds()
                taken = asyncio.run(drive(asked.port, scripts, bench.seconds / 5))
                used = asked.processor_seconds() - used
                if turn > 0:
                    found[kind].append((taken.rate, used / taken.lasted))
    table(("request", "answers/s", "processors used", "of the rate of a constant"))
    constant = median(one for one, _ in found["a constant"])
    for kind, turns in found.items():
        middle = median(one for one, _ in turns)
        row((kind, f"{middle:,.0f}", f"{median(one for _, one in turns):.2f}", f"{middle / constant:.2f}"))


def slow(bench: Bench) -> None:
    """Print times of a normal client, alone and beside clients that send a byte a second."""
    ids = bench.ids(bench.shop())
    picture = next(iter(bench.new_pictures(1)))
    crawling = [
        send_files("upload", UPLOAD, "picture", [picture]).sent,
        post("search", SEARCH, b"{}" * 50).sent,
    ]
    heads = [one.find(b"\r\n\r\n") + 4 for one in crawling]
    with serving(bench.shop(), bench.folder / "slow") as service:
        table(HEADS)

        async def measured(name: str) -> None:
            since = service.log.stat().st_size
            taken = await drive(service.port, [bench.by_id(ids)], bench.seconds)
            taken.seconds[name] = taken.seconds.pop("search by id")
            show(name, taken, service.milliseconds(since)[SEARCH])

        async def both() -> None:
            await drive(service.port, [bench.by_id(ids)], 3)
            await measured("search by id, one client alone")
            async with Crowd(service.port, crawling, heads, SLOW_CLIENTS) as crowd:
                await measured(f"the same beside {SLOW_CLIENTS} slow clients")
            click.echo(f"\n{crowd.cut_off} slow clients were cut off")

        asyncio.run(both())


def mixed(bench: Bench, ids: Sequence[str], pictures: Sequence[bytes]) -> Script:
    """Yield what people and programs ask for, in a mix."""
    words = ("shirt", "blue", "shoes", "white", "women")
    while True:
        id_, drawn = bench.drawn.choice(ids), bench.drawn.random()
        if drawn < 0.6:
            yield _search({"id": id_})
        elif drawn < 0.7:
            yield _search({"id": id_}, text=bench.drawn.choice(words))
        elif drawn < 0.8:
            yield get("thumbnail", f"/api/v1/sources/{id_}/thumbnail")
        elif drawn < 0.87:
            yield get("source", f"/api/v1/sources/{id_}")
        elif drawn < 0.93:
            yield get("browse", f"/api/v1/sources?order=random&seed={bench.drawn.randrange(100)}&limit=50")
        elif drawn < 0.95:
            yield get("page", f"/?id={id_}")
        else:
            yield send_files("upload", UPLOAD, "picture", [bench.drawn.choice(pictures)])


async def ingesting(port: int, batches: Sequence[bytes], seconds: float) -> int:
    """Have pictures added, one job after the other; return how many were."""
    end, added = time.perf_counter() + seconds, 0
    connection = await connect(port)
    for batch in batches:
        while time.perf_counter() < end:
            answer = await connection.ask(batch)
            if answer.status == 202:
                break
            await asyncio.sleep(answer.retry_after or 1)
            if not connection.is_open:
                connection = await connect(port)
        else:
            break
        job = json.loads(answer.body)["id"]
        while time.perf_counter() < end:
            answer = await connection.ask(get("job", f"/api/v1/jobs/{job}").sent)
            if answer.status == 200 and (told := json.loads(answer.body))["state"] not in (
                "waiting",
                "running",
            ):
                added += sum(told["outcomes"].values()) if told["state"] == "done" else 0
                break
            await asyncio.sleep(max(answer.retry_after, 0.5))
    connection.close()
    return added


def soak(bench: Bench) -> None:
    """Print what many clients got for minutes, while pictures were added, and how memory grew."""
    ids = bench.ids(bench.shop())
    fresh = list(bench.new_pictures(len(ids)))
    pictures, fresh = fresh[:SENT_PICTURES], fresh[SENT_PICTURES:]
    batches = [
        send_files("add", "/api/v1/sources", "pictures", some).sent
        for some in (fresh[at : at + INGESTED_AT_ONCE] for at in range(0, len(fresh), INGESTED_AT_ONCE))
    ]
    copy = bench.folder / "soak.lookalike"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(bench.shop(), copy)
    resident: list[tuple[float, tuple[int, int]]] = []

    async def watch(service: Service) -> None:
        started = time.perf_counter()
        while True:
            resident.append((time.perf_counter() - started, service.resident()))
            await asyncio.sleep(1)

    async def all_at_once(service: Service) -> tuple[Taken, int]:
        watching = asyncio.create_task(watch(service))
        scripts = [mixed(bench, ids, pictures) for _ in range(SOAK_CLIENTS)]
        taken, added = await asyncio.gather(
            drive(service.port, scripts, bench.seconds), ingesting(service.port, batches, bench.seconds)
        )
        watching.cancel()
        return taken, added

    with serving(copy, bench.folder / "soak") as service:
        taken, added = asyncio.run(all_at_once(service))
        at_server = service.milliseconds()
    routes = {
        "upload": UPLOAD,
        "source": "/api/v1/sources/{id_:path}",
        "browse": "/api/v1/sources",
        "page": "/",
    }
    routes |= {"search by id": SEARCH, "thumbnail": "/api/v1/sources/{id_:path}/thumbnail"}
    table(HEADS)
    for kind in taken.seconds:
        show(kind, taken, at_server[routes[kind]])
    click.echo(f"\n{SOAK_CLIENTS} clients, {taken.lasted:.0f} s, {added:,} pictures added meanwhile")
    click.echo(
        f"answers by status: {dict(sorted(taken.statuses.items()))}; failures: {taken.failures() or 'none'}"
    )
    for place, name in enumerate(("the process that answers", "all its processes, adding ones too")):
        sizes = [(then / taken.lasted, both[place] / MIB) for then, both in resident]
        warm = median(size for then, size in sizes if WARM_SHARE <= then < WARM_SHARE + 0.1)
        last = median(size for then, size in sizes if then >= 0.9)
        click.echo(
            f"memory of {name}: {warm:.0f} MiB after warm-up, {last:.0f} MiB at the end "
            f"({last / warm - 1:+.1%}), at most {max(size for _, size in sizes):.0f} MiB"
        )


@click.command(help=__doc__, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("parts", nargs=-1, type=click.Choice(PARTS))
@click.option("--pictures", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--vectors", "rows", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--folder", type=click.Path(path_type=Path), default=cache.FOLDER / "service", show_default=True
)
@click.option("--seconds", type=float, default=20.0, show_default=True, help="Of each load.")
def main(
    parts: Sequence[str], pictures: Path | None, rows: Path | None, folder: Path, seconds: float
) -> None:
    """Print the tables."""
    bench = Bench(folder, pictures, rows, seconds)
    click.echo(f"{machine()}")
    for part in parts or PARTS:
        click.echo(f"\n{part}\n")
        {"latency": latency, "vectors": vectors, "rate": rate, "slow": slow, "soak": soak}[part](bench)


if __name__ == "__main__":
    main()
