"""The verbs, of which only the one that is asked for is loaded, and what becomes of their errors."""

from __future__ import annotations

import importlib
import signal
from contextlib import suppress
from typing import Any

import click

from lookalike import __version__
from lookalike.cli import EXIT_INTERRUPTED, STOPPED
from lookalike.cli.streams import EXIT_ERROR, tell, unwritable
from lookalike.errors import LookalikeError


class Verbs(click.Group):
    """Loads a verb when it is asked for, keeps their order, and turns errors into one line and an exit status."""

    NAMES = (
        "add",
        "search",
        "import",
        "words",
        "explain",
        "remove",
        "list",
        "info",
        "groups",
        "clusters",
        "index",
        "tune",
        "evaluate",
        "migrate",
        "verify",
        "rebuild",
        "serve",
        "config",
        "completion",
    )
    """In the order of a first session with the tool."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the verbs."""
        return list(self.NAMES)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return the verb `name`: the command of that name in the module of that name."""
        if name not in self.NAMES:
            return None
        # Python's own words are followed by an underscore.
        module = name + "_" if name in ("import", "list") else name
        verb: click.Command = getattr(importlib.import_module(f"lookalike.cli.{module}"), module)
        return verb

    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb."""
        signal.signal(
            signal.SIGINT, signal.default_int_handler
        )  # from here on there may be something to tidy up
        try:
            return super().invoke(ctx)
        except LookalikeError as error:
            tell(str(error))
            ctx.exit(EXIT_ERROR)
        except KeyboardInterrupt:
            tell(STOPPED)
            ctx.exit(EXIT_INTERRUPTED)
        except BrokenPipeError:
            ctx.exit(0)  # the reader, `head` say, has had enough


@click.group(
    "lookalike", cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="lookalike")
def lookalike() -> None:
    """Finds pictures, or any vectors, that look alike.

    \b
    Examples:
      lookalike add ~/Pictures                       index a folder
      lookalike search holiday.jpg                   what looks like this picture?
      lookalike search shoe.jpg --text "red shoes"   ... and matches these words?
      lookalike search shoe.jpg --html hits.html --open

    A collection is a folder, or on a server: the one that -c names, or $LOOKALIKE_COLLECTION, or collection = "..." in
    lookalike.toml here, or .lookalike here.

    \b
    Exit statuses:
      0  done                          3  done, but some files were skipped
      1  an error, told in one line    4  verify found damage
      2  wrong usage                   130  stopped by Ctrl-C
    """


def run() -> int:
    """Run the verb that the process was started with, and return the exit status."""
    try:
        status = lookalike.main(prog_name="lookalike", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else EXIT_ERROR
    except click.ClickException as error:
        with suppress(OSError):  # there is nobody to tell
            error.show()
        return error.exit_code
    except OSError as error:  # of click, which prints help and version
        tell(str(unwritable(error)))
        return EXIT_ERROR
