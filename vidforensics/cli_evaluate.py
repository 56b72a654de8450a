"""The `evaluate` commands: the published benchmarks, on any folder of footage."""

from __future__ import annotations

import typer

from vidforensics.cli_options import (
    Footage,
    Keep,
    LayoutOption,
    MeasuredSide,
    OneJson,
    Quiet,
    Seed,
    Sources,
    Verbose,
    WorkFolder,
    grouped,
)
from vidforensics.terminal import session

evaluate_app = typer.Typer(no_args_is_help=True, help="The published benchmarks, on any footage.")


@evaluate_app.command("trace")
@grouped
def evaluate_trace(
    *,
    footage: Footage,
    seed: Seed = 1,
    sources: Sources = 12,
    scratch: WorkFolder = None,
    keep: Keep = False,
    as_json: OneJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Edit clips of any footage in known ways, trace them, and score what was found beside other tools."""
    from vidforensics import schema, verbs_evaluate
    from vidforensics.evaluation.render import markdown

    with session(quiet, verbose) as progress:
        document = verbs_evaluate.evaluate_trace(
            footage, seed=seed, sources=sources, work=scratch, keep=keep, progress=progress
        )
    typer.echo(schema.dumps(document) if as_json else markdown(document))


@evaluate_app.command("flag")
@grouped
def evaluate_flag(
    *,
    footage: Footage,
    seed: Seed = 1,
    sources: Sources = 12,
    side: MeasuredSide = "test",
    layout: LayoutOption = "footage",
    scratch: WorkFolder = None,
    keep: Keep = False,
    as_json: OneJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Forge clips of any footage in known stretches, flag them, and score what was found and what was not.

    With --layout the folder is a published set whose truth is known: its files are flagged as they are.
    """
    from vidforensics import schema, verbs_evaluate
    from vidforensics.evaluation import flag_known, flag_render

    with session(quiet, verbose) as progress:
        if layout != "footage":
            known = verbs_evaluate.evaluate_flag_known(footage, layout, progress=progress)
            typer.echo(schema.dumps(known) if as_json else flag_known.markdown(known))
            return
        document = verbs_evaluate.evaluate_flag(
            footage, seed=seed, sources=sources, side=side, work=scratch, keep=keep, progress=progress
        )
    typer.echo(schema.dumps(document) if as_json else flag_render.markdown(document))
