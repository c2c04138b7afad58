"""`lookalike words`."""

from __future__ import annotations

from pathlib import Path

import click

from lookalike.cli.common import collection_option, json_option, open_collection
from lookalike.cli.streams import print_json, put


@click.command(short_help="Compare sources by words of their metadata too.")
@click.argument("fields", nargs=-1, metavar="[FIELD...]")
@collection_option
@click.option("--feature", default="words", show_default=True, help="What to call these sets of words.")
@click.option(
    "--shingle",
    type=click.IntRange(min=1, max=16),
    default=1,
    show_default=True,
    help="Runs of so many words instead of words.",
)
@json_option
def words(fields: tuple[str, ...], folder: Path, feature: str, shingle: int, as_json: bool) -> None:
    """Make a feature of the words in metadata FIELDs, or in all of them: what has more words in common is nearer.

    The distance is Jaccard's: 1 - words in common / words of either. The feature follows the metadata from then on. A
    search by id compares it beside the others; --describe asks for words.

    \b
    Examples:
      lookalike words title tags
      lookalike words description --feature text --shingle 3
      lookalike search --describe "red running shoe"
      lookalike search 3f1c2c58-52c0-5d0a-a2a7-5b1f9f1d3f0e --feature look=0.7 --feature words=0.3
    """
    count = open_collection(folder).add_words(fields, feature=feature, shingle=shingle)
    if as_json:
        print_json({"feature": feature, "sets": count})
    else:
        put(f"{count:,} sets of words made\n")
