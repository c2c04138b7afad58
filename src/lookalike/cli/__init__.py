"""The command line: one file a verb."""

from __future__ import annotations

import click

from lookalike import __version__
from lookalike.cli.add import add
from lookalike.cli.common import Verbs
from lookalike.cli.completion import completion
from lookalike.cli.explain import explain
from lookalike.cli.import_ import import_
from lookalike.cli.info import info
from lookalike.cli.list_ import list_
from lookalike.cli.rebuild import rebuild
from lookalike.cli.remove import remove
from lookalike.cli.search import search
from lookalike.cli.verify import verify


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="lookalike")
def main() -> None:
    """Finds pictures, or any vectors, that look alike.

    \b
    Examples:
      lookalike add ~/Pictures                       index a folder
      lookalike search holiday.jpg                   what looks like this picture?
      lookalike search shoe.jpg --text "red shoes"   ... and matches these words?
      lookalike search shoe.jpg --html hits.html --open

    A collection is a folder: the one that -c names, or $LOOKALIKE_COLLECTION, or .lookalike here.

    \b
    Exit statuses:
      0  done                          3  done, but some files were skipped
      1  an error, told in one line    4  verify found damage
      2  wrong usage                   130  stopped by Ctrl-C
    """


for verb in (add, search, import_, explain, remove, list_, info, verify, rebuild, completion):
    main.add_command(verb)
