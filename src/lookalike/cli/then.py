"""`--then` of `lookalike search`: what follows is a search among the hits of what comes before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from lookalike.cli.common import QueryCommand, SearchOptions, query_options, read_query

if TYPE_CHECKING:
    from lookalike.collection.then import Then

THEN = "--then"


class ChainedCommand(QueryCommand):
    """A verb with criteria after `--then`, which it gets as `then`; its other options may stand anywhere."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse each criterion by itself."""
        own, *others = _parted(args)
        steps = []
        for part in others:
            of_step, of_verb = _sorted(part, self)
            own = [*of_verb, *own]
            steps.append(of_step)
        rest = super().parse_args(ctx, own)
        if not ctx.resilient_parsing:
            ctx.params["then"] = [_parsed(step, ctx) for step in steps]
        return rest


@click.command(cls=QueryCommand, add_help_option=False)
@click.argument("query", required=False)
@click.option("--describe", metavar="WORDS")
@click.option("--among", type=click.IntRange(1, 10_000), default=100)
@query_options()
def criterion(query: str | None, describe: str | None, among: int, options: SearchOptions) -> Then:
    """Return what one criterion asks for."""
    from lookalike.collection.query import TextQuery
    from lookalike.collection.then import Then

    if query is not None and describe is not None:
        raise click.UsageError(f"{THEN} has a QUERY and --describe; give one of them")
    return Then(
        TextQuery(describe) if describe is not None else None if query is None else read_query(query),
        features=options["features"],
        text=options["text"],
        where=options["where"],
        blend=options["blend"],
        text_weight=options["text_weight"],
        max_distance=options["max_distance"],
        among=among,
    )


def _parsed(args: list[str], ctx: click.Context) -> Any:
    with criterion.make_context(f"{ctx.info_name} ... {THEN}", args, parent=ctx.parent) as own:
        return criterion.invoke(own)


def _parted(args: list[str]) -> list[list[str]]:
    """Return arguments in parts, the second and the following of which come after `--then`."""
    parts: list[list[str]] = [[]]
    for place, arg in enumerate(args):
        if arg == "--":
            parts[-1] += args[place:]
            break
        if arg == THEN:
            parts.append([])
        else:
            parts[-1].append(arg)
    return parts


def _sorted(args: list[str], verb: click.Command) -> tuple[list[str], list[str]]:
    """Return the arguments of a criterion, and those that are the verb's alone, such as `-k` and `--json`."""
    own = _options(criterion)
    others = {name: option for name, option in _options(verb).items() if name not in own}
    for name in ("-k", "--max-megapixels"):
        others[name] = own.pop(name)
    of_step: list[str] = []
    of_verb: list[str] = []
    rest = iter(args)
    for arg in rest:
        if arg == "--":
            of_step += [arg, *rest]
            break
        name = arg.partition("=")[0] if arg.startswith("--") else arg[:2]
        is_option = arg.startswith("-") and arg != "-"
        option = (own.get(name) or others.get(name)) if is_option else None
        side = of_verb if is_option and name in others else of_step
        side.append(arg)
        alone = arg == name and option is not None and not option.is_flag and name != "--blend"
        if alone and (value := next(rest, None)) is not None:
            side.append(value)
    return of_step, of_verb


def _options(command: click.Command) -> dict[str, click.Option]:
    return {
        name: option for option in command.params if isinstance(option, click.Option) for name in option.opts
    }
