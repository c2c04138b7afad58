"""What takes microseconds takes no thread: threads are few, and going to one and back takes longer."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio import to_thread
from fastapi import FastAPI

from lookalike import Collection
from lookalike.service.app import make_app
from lookalike.service.settings import Settings


@pytest.fixture
def app(shop: Path, tmp_path: Path) -> FastAPI:
    return make_app(Settings(collection=str(shop), cache=tmp_path / "cache"))


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


def test_a_search_takes_one_thread(shop: Path, app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    with Collection.open(shop) as opened:
        id_ = next(iter(opened.list())).id
    taken: list[Any] = []
    run_sync = to_thread.run_sync

    async def counted(work: Any, *arguments: Any, **options: Any) -> Any:
        taken.append(work)
        return await run_sync(work, *arguments, **options)

    async def searches() -> None:
        async with client_of(app) as client:
            body = {"query": {"id": id_}}
            assert (await client.post("/api/v1/search", json=body)).status_code == 200  # opens the collection
            monkeypatch.setattr(to_thread, "run_sync", counted)
            assert (await client.post("/api/v1/search", json=body)).status_code == 200

    asyncio.run(searches())
    assert len(taken) == 1


def test_that_the_process_runs_is_told_while_all_threads_are_taken(app: FastAPI) -> None:
    done = threading.Event()

    async def asked() -> int:
        to_thread.current_default_thread_limiter().total_tokens = 1
        working = asyncio.create_task(to_thread.run_sync(done.wait, 30))
        await asyncio.sleep(0.05)
        try:
            async with client_of(app) as client, asyncio.timeout(10):
                return (await client.get("/health")).status_code
        finally:
            done.set()
            await working

    assert asyncio.run(asked()) == 200
