"""`lookalike completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from lookalike.cli.streams import put


@click.command(short_help="Print a shell completion script.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes verbs, options and files in your shell.

    \b
    Examples:
      lookalike completion bash >> ~/.bashrc
      lookalike completion zsh >> ~/.zshrc
      lookalike completion fish > ~/.config/fish/completions/lookalike.fish
    """
    script = get_completion_class(shell)
    assert script is not None  # the choice above names only shells that click knows
    root = click.get_current_context().find_root().command
    put(script(root, {}, "lookalike", "_LOOKALIKE_COMPLETE").source() + "\n")
