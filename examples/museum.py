"""A museum in a search engine: what looks alike, words, a filter and counts, in one request.

    python examples/museum.py opensearch://127.0.0.1:9200
    python examples/museum.py elasticsearch://127.0.0.1:9200

It draws 400 pictures of things, indexes them with what is told of each, and asks for "oak chairs of before 1900 that
look like this one". It makes the index `lookalike-museum`, and deletes it in the end.
"""

from __future__ import annotations

import json
import random
import sys
from typing import Any

from PIL import Image, ImageDraw

from lookalike import EngineIndex
from lookalike.features.look import Look

COUNT = 400
SIDE = 96
INDEX = "lookalike-museum"
COLOURS = {"oak": (150, 100, 50), "ash": (205, 175, 130), "walnut": (90, 60, 40), "iron": (90, 95, 100)}
KINDS = ("chair", "table", "stool", "bench")


def draw(kind: str, material: str, chance: random.Random) -> Image.Image:
    """Draw a thing: its legs, its seat or top, and the back of a chair."""
    picture = Image.new("RGB", (SIDE, SIDE), (235 + chance.randint(0, 15), 235, 225))
    pen = ImageDraw.Draw(picture)
    colour = tuple(part + chance.randint(-12, 12) for part in COLOURS[material])
    half = {"chair": 18, "table": 36, "stool": 14, "bench": 38}[kind] + chance.randint(-3, 3)
    seat = SIDE // 2 + chance.randint(-4, 4)
    thick = chance.randint(3, 8)
    pen.rectangle((SIDE // 2 - half, seat, SIDE // 2 + half, seat + thick), fill=colour)
    for leg in (-half, half - 4):
        pen.rectangle((SIDE // 2 + leg, seat, SIDE // 2 + leg + 4, SIDE - 8), fill=colour)
    if kind == "chair":
        pen.rectangle((SIDE // 2 - half, 12, SIDE // 2 - half + 4, seat), fill=colour)
        for rail in range(chance.randint(1, 4)):
            pen.rectangle((SIDE // 2 - half, 14 + 9 * rail, SIDE // 2 + half, 17 + 9 * rail), fill=colour)
    return picture


def records(chance: random.Random) -> tuple[list[str], list[Image.Image], list[dict[str, Any]]]:
    """Return ids, pictures and what is told of the things."""
    ids, pictures, told = [], [], []
    for number in range(COUNT):
        kind, material = chance.choice(KINDS), chance.choice(list(COLOURS))
        year = chance.randint(1700, 1999)
        ids.append(f"{year}.{number}")
        pictures.append(draw(kind, material, chance))
        told.append(
            {
                "title": f"{material.capitalize()} {kind} from the {chance.choice(['kitchen', 'hall', 'garden'])}",
                "material": material,
                "year": year,
                "on_show": chance.random() < 0.3,
                "acquired": f"{min(year + chance.randint(1, 90), 2020)}-0{chance.randint(1, 9)}-15",
            }
        )
    return ids, pictures, told


def main(url: str) -> None:
    """Make the index, ask, and delete it."""
    chance = random.Random(7)
    ids, pictures, told = records(chance)
    look = Look()
    vectors = look.extract(pictures)
    query = look.extract([draw("chair", "oak", chance)])[0]
    fields = {
        "title": "text",
        "material": "keyword",
        "year": "long",
        "on_show": "boolean",
        "acquired": "date",
    }
    with EngineIndex.create(url, INDEX, sample=vectors, metric=look.metric, fields=fields) as index:
        try:
            index.add(ids, vectors, told)
            asked: dict[str, Any] = {"text": "chair", "where": {"year": (None, 1899)}, "facets": ["material"]}
            hits = index.search(query, k=5, **asked)
            for hit in hits:
                print(f"{hit.distance:.4f}  {hit.id:9}  {hit.document['title']}")
            print("counts:", ", ".join(f"{material} {count}" for material, count in hits.facets["material"]))
            request = index.request(query, k=5, **asked)
            print(request["method"], request["path"])
            print(json.dumps(_shortened(request["body"]), indent=1))
        finally:
            index.drop()


def _shortened(value: Any) -> Any:
    """Cut long lists of numbers, for reading."""
    if isinstance(value, dict):
        return {name: _shortened(member) for name, member in value.items()}
    if isinstance(value, list):
        few = value if len(value) < 5 else [*value[:2], f"... {len(value) - 2} more"]
        return [_shortened(member) for member in few]
    return value


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
