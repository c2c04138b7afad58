"""`lookalike groups`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lookalike.cli.common import NamedPath, collection_option, json_option, jsonl_option, open_collection
from lookalike.cli.streams import print_json, put, shown, tell

if TYPE_CHECKING:
    from lookalike.collection.groups import Groups


@click.command(short_help="List copies and look-alikes, and what could be removed.")
@collection_option
@click.option("--feature", metavar="NAME", help="By which sources are compared. [default: the first]")
@click.option("--max-distance", type=float, help="How far from the middle of its group a source may be.")
@click.option("--auto", is_flag=True, help="Take the distance that copies of a picture mostly have.")
@click.option(
    "--html", type=NamedPath(dir_okay=False), metavar="FILE", help="Write a page with thumbnails there."
)
@json_option
@jsonl_option
def groups(
    folder: Path,
    feature: str | None,
    max_distance: float | None,
    auto: bool,
    html: Path | None,
    as_json: bool,
    as_jsonl: bool,
) -> None:
    """List exact copies, near-copies and look-alikes, and say which could be removed. Nothing is removed.

    All of a group are within the distance of its first. Of copies, the one with the most pixels is kept, then the
    largest file, then the one that was added first. Other exact copies could be removed; near-copies perhaps, once you
    have looked at them; look-alikes, which are farther than copies of a picture mostly are, are only listed.

    \b
    Examples:
      lookalike groups --auto
      lookalike groups --max-distance 0.1 --html groups.html
      lookalike groups --auto --jsonl | jq -r '.removable[]'
    """
    if auto == (max_distance is not None):
        raise click.UsageError("give --max-distance or --auto: how near look-alikes are")
    found = open_collection(folder).groups(feature, max_distance=max_distance)
    if html is not None:
        write_file(html, found.to_html())
    if as_json:
        print_json(found.to_json())
    elif as_jsonl:
        for group in found:
            print_json(group.to_json(), indent=None)
    else:
        _print(found)


def _print(found: Groups) -> None:
    """Print each group for people: its kind, and a line for each place."""
    number = members = removable = perhaps = 0
    for number, group in enumerate(found, 1):
        members += len(group.members)
        removable += len(group.removable)
        perhaps += len(group.perhaps)
        put(f"{number}. {group.kind}\n")
        said_of = dict.fromkeys(group.removable, "could be removed") | dict.fromkeys(
            group.perhaps, "perhaps a copy"
        )
        said_of[group.keep] = "keep"
        for member in group.members:
            size = f"{member.source.width}x{member.source.height}" if member.source.width else ""
            for place in member.places or (member.source.id,):
                said = said_of.get(place, "")
                line = f"  {member.distance:8.4f}  {member.kind:<10}  {size:>11}  {said:<16}  {place}"
                put(f"{shown(line)}\n")
    within = f"within {found.max_distance:.4g} by {found.feature}"
    if not number:
        tell(f"no two of {found.compared:,} sources are {within}")
        return
    put(
        f"\n{number:,} groups of {members:,} sources, of {found.compared:,} compared, {within}; "
        f"{removable:,} exact copies could be removed, perhaps {perhaps:,} near ones, and nothing was.\n"
    )


def write_file(file: Path, text: str) -> None:
    """Write a page. Raises OptionError where that cannot be done."""
    from lookalike.errors import OptionError

    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OptionError(f"--html {file}: {error.strerror}") from None
