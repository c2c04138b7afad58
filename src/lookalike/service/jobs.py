"""What is written in the background: one job after another, each told of while it runs."""

from __future__ import annotations

import json
import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from lookalike.collection.report import Event, Listener
from lookalike.errors import CollectionLockedError, LookalikeError, OutputError, UnknownIdError
from lookalike.locks import exclusive
from lookalike.urls import is_web_address

State = Literal["waiting", "running", "done", "failed", "stopped", "interrupted"]
MOST_WAITING = 100
MOST_KEPT = 1000
MOST_SKIPPED = 1000
"""Skipped pictures of a job that are told of by name."""
LOCK_SECONDS = 60.0
"""For which a job waits for another process that writes to the collection."""
TOLD_EVERY = 0.25
"""Seconds, at least, between two writes of a running job's state."""
INTERRUPTED = {
    "waiting": "the service was ended before; nothing of it is stored: send it again",
    "running": "the service was ended amid it; the pictures whose ids are told are stored, and a few more may be: send "
    "the others again, or all of them, since none is stored twice",
}
"""What is certain of a job whose process is no more, by its last state."""
log = logging.getLogger("lookalike.service")


@dataclass(slots=True)
class Job:
    """What is known of a job, as clients get it."""

    id: str
    kind: str
    state: State = "waiting"
    total: int = 0
    done: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    """Of sources that were added, or were there."""
    skipped: list[dict[str, str]] = field(default_factory=list)
    error: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state not in ("waiting", "running")


class Progress(Listener):
    """Tells a job what an `add` does."""

    def __init__(self, job: Job, tell: Callable[[Job], None]) -> None:
        """Tell `tell` now and then."""
        super().__init__()
        self._job, self._tell, self._told = job, tell, 0.0

    def event(self, event: Event) -> None:
        """Count one picture."""
        job = self._job
        job.done += 1
        job.outcomes[event.outcome] = job.outcomes.get(event.outcome, 0) + 1
        if event.id is not None:
            job.ids.append(event.id)
        if event.outcome == "skipped" and len(job.skipped) < MOST_SKIPPED:
            name = event.path if is_web_address(event.path) else Path(event.path).name
            job.skipped.append({"name": name, "reason": event.reason or ""})
        if time.monotonic() - self._told >= TOLD_EVERY:
            self._told = time.monotonic()
            self._tell(job)


class Jobs:
    """The jobs of a service: a thread of this process runs its own, and every process can tell of all.

    A process that has jobs holds a lock, which ends with it however it ends: so others know which jobs go on.
    """

    def __init__(self, folder: Path) -> None:
        """Keep what is told of jobs in `folder`."""
        self._folder = folder
        self._queue: queue.Queue[tuple[Job, Callable[[Progress], None]] | None] = queue.Queue(MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._owner = secrets.token_hex(8)
        self._alive = ExitStack()

    def submit(self, kind: str, total: int, run: Callable[[Progress], None]) -> Job | None:
        """Queue a job; None where too many wait already.

        Args:
            total: pictures that it has.
            run: does it, and tells the listener that it is given.
        """
        job = Job(secrets.token_hex(8), kind, total=total)
        try:
            with self._lock:
                if self._thread is None:
                    self._folder.mkdir(parents=True, exist_ok=True)
                    self._alive.enter_context(exclusive(self._sign(self._owner), wait=True))
                    self._thread = threading.Thread(target=self._work, name="lookalike-jobs", daemon=True)
                    self._thread.start()
            self._write(job)
        except OSError as error:
            raise OutputError(
                f"the job cannot be noted ({error.strerror}); see that the disk has room"
            ) from None
        try:
            self._queue.put_nowait((job, run))
        except queue.Full:
            self._place(job.id).unlink(missing_ok=True)
            return None
        return job

    def get(self, id_: str) -> Job:
        """Return what is known of a job. Raises UnknownIdError."""
        job, owner = self._read(id_)
        if not job.is_over and not self._lives(owner):
            job, _ = self._read(id_)  # it may have ended since, and its process too
            if not job.is_over:
                job.error, job.state = INTERRUPTED[job.state], "interrupted"
        return job

    def close(self, seconds: float = 30.0) -> None:
        """Finish the job at hand, and run no further one."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is None:
            return
        waiting = []
        while True:
            try:
                waiting.append(self._queue.get_nowait())
            except queue.Empty:
                break
        self._queue.put(None)
        for item in waiting:
            if item is not None:
                item[0].state, item[0].error = "stopped", "the service was stopped before; send it again"
                self._tell(item[0])
        thread.join(seconds)
        if not thread.is_alive():  # else the lock ends with the process, and its job is interrupted
            self._alive.close()
            self._sign(self._owner).unlink(missing_ok=True)

    def _work(self) -> None:
        self._forget_old()
        while (item := self._queue.get()) is not None:
            job, run = item
            job.state = "running"
            self._tell(job)
            try:
                self._run(Progress(job, self._tell), run)
                job.state = "done"
            except LookalikeError as error:
                job.state, job.error = "failed", str(error)
            except Exception:
                log.exception("job %s failed", job.id)
                job.state, job.error = (
                    "failed",
                    "something went wrong that nobody foresaw; the server's log says what",
                )
            self._tell(job)

    @staticmethod
    def _run(progress: Progress, run: Callable[[Progress], None]) -> None:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                return run(progress)
            except CollectionLockedError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.2)

    def _tell(self, job: Job) -> None:
        """Write what is known of a job, where the disk takes it: the job itself goes on."""
        try:
            self._write(job)
        except OSError:
            log.exception("the state of job %s cannot be written", job.id)

    def _read(self, id_: str) -> tuple[Job, str]:
        """Return a job as it was last told, and the name of its process."""
        try:
            if not id_.isalnum():
                raise FileNotFoundError
            told = json.loads(self._place(id_).read_text())
            owner = told.pop("owner", "")
            return Job(**told), owner
        except (FileNotFoundError, ValueError, TypeError):
            raise UnknownIdError(f"there is no job {id_!r}, or no longer") from None

    def _write(self, job: Job) -> None:
        place = self._place(job.id)
        part = place.with_suffix(".part")
        place.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps({"owner": self._owner, **asdict(job)}))
        part.replace(place)

    def _place(self, id_: str) -> Path:
        return self._folder / f"{id_}.json"

    def _sign(self, owner: str) -> Path:
        """Return the lock file that a process holds as long as it lives."""
        return self._folder / f"{owner}.lock"

    def _lives(self, owner: str) -> bool:
        if owner == self._owner:
            return True
        sign = self._sign(owner)
        if not sign.exists():
            return False
        try:
            with exclusive(sign, wait=False):
                return False
        except OSError:
            return True

    def _forget_old(self) -> None:
        for sign in self._folder.glob("*.lock"):
            if not self._lives(sign.stem):
                sign.unlink(missing_ok=True)
        times: list[tuple[float, Path]] = []
        for path in self._folder.glob("*.json"):
            with suppress(OSError):  # another process tidies, too
                times.append((path.stat().st_mtime, path))
        for _, path in sorted(times)[:-MOST_KEPT]:
            with suppress(OSError):
                path.unlink(missing_ok=True)
