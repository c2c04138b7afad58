"""The demo: indexes real photographs, and finds what looks like one that it has not indexed.

    python examples/demo.py                         crops of the photographs that come with scikit-image
    python examples/demo.py --pictures ~/Pictures   your own

Everything it makes lies in the folder `demo`. It runs the same commands that you would type, and shows them.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image, ImageEnhance

OUTPUT = Path("demo")
CROPS = 32
PHOTOGRAPHS = {
    "astronaut.png": "astronaut Eileen Collins, portrait in an orange space suit",
    "brick.png": "brick wall, grey texture",
    "camera.png": "photographer with a camera on a tripod, black and white",
    "cell.png": "cell under the microscope, grey",
    "chelsea.png": "cat, Chelsea the tabby, close up",
    "coffee.png": "cup of coffee on a wooden table",
    "coins.png": "coins, ancient, grey",
    "grass.png": "grass, grey texture",
    "gravel.png": "gravel, grey texture",
    "hubble_deep_field.jpg": "galaxies, Hubble deep field, space",
    "ihc.png": "tissue, stained, under the microscope",
    "moon.png": "moon, craters, space",
    "motorcycle_left.png": "motorcycle in a garage",
    "page.png": "page of a book, printed text",
    "retina.jpg": "retina of an eye, orange",
    "rocket.jpg": "rocket on its launch pad at night, space",
}
QUERY = "chelsea.png"


def make_crops(folder: Path) -> tuple[Path, Path]:
    """Cut crops out of scikit-image's photographs; return the metadata file and the query, which lies outside."""
    import skimage

    source = Path(skimage.__file__).parent / "data"
    folder.mkdir(parents=True)
    generator = random.Random(0)
    rows = []
    for name, title in PHOTOGRAPHS.items():
        with Image.open(source / name) as photograph:
            picture = photograph.convert("RGB")
        for number in range(CROPS):
            crop = f"{Path(name).stem}-{number:02d}.jpg"
            _crop(picture, generator).save(folder / crop, quality=88)
            rows.append({"image": crop, "title": title, "photograph": name})
        if name == QUERY:
            query = folder.parent / "query.jpg"
            darker = ImageEnhance.Brightness(_crop(picture, generator)).enhance(0.8)
            darker.rotate(4, Image.Resampling.BICUBIC, fillcolor=(90, 80, 70)).save(query, quality=80)
    metadata = folder.parent / "crops.csv"
    with metadata.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, rows[0].keys())
        table.writeheader()
        table.writerows(rows)
    return metadata, query


def _crop(picture: Image.Image, generator: random.Random) -> Image.Image:
    """Return a random part of 25 to 60 per cent of a picture, at most 320 pixels wide or high."""
    share = generator.uniform(0.5, 0.77)
    width, height = int(picture.width * share), int(picture.height * share)
    left = generator.randint(0, picture.width - width)
    top = generator.randint(0, picture.height - height)
    crop = picture.crop((left, top, left + width, top + height))
    crop.thumbnail((320, 320), Image.Resampling.LANCZOS)
    return crop


def run(*command: str, expected: tuple[int, ...] = (0,)) -> None:
    """Show a command and run it; stop the demo if it fails."""
    print(f"\n$ {shlex.join(command)}", flush=True)
    status = subprocess.run([sys.executable, "-m", *command], check=False).returncode
    if status not in expected:
        sys.exit(status)


def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description="Index pictures and search them.")
    parser.add_argument("--pictures", type=Path, help="a folder of your own pictures")
    own: Path | None = parser.parse_args().pictures
    if own is not None:
        own = own.expanduser().resolve()
        if own.is_relative_to(OUTPUT.resolve()):
            sys.exit(
                f"{own} lies in {OUTPUT.resolve()}, which the demo deletes and makes anew; move it elsewhere"
            )
        if not own.is_dir():
            sys.exit(f"{own} is no folder; name one of pictures")
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir()
    collection = str(OUTPUT / "collection")
    page = str(OUTPUT / "hits.html")
    os.environ["LOOKALIKE_COLLECTION"] = collection
    if own is None:
        metadata, query = make_crops(OUTPUT / "pictures")
        run("lookalike", "add", str(OUTPUT / "pictures"), "--metadata", str(metadata))
        run("lookalike", "search", str(query), "--html", page)
        run("lookalike", "search", str(query), "-k", "4", "--text", "orange")
    else:
        from lookalike.collection.walk import find_pictures

        pictures = [file.path for file in find_pictures([own]).files if file.problem is None]
        if len(pictures) < 2:
            sys.exit(f"{own} holds {len(pictures)} pictures; the demo needs two or more")
        query = Path(random.Random(0).choice(pictures))
        run("lookalike", "add", str(own), expected=(0, 3))
        run("lookalike", "remove", str(query))
        run("lookalike", "search", str(query), "--html", page)
    print(f"\nThe same hits as a page: {Path(page).resolve().as_uri()}")
    lookalike = Path(sys.executable).with_name("lookalike")
    print(
        f"To look, search and mix in a browser: {shlex.quote(os.path.relpath(lookalike))} serve -c {collection}"
    )


if __name__ == "__main__":
    main()
