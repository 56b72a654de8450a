"""The command line: one function per verb that parses, calls the library function, and prints.

Data goes to standard output, everything else to standard error; exit codes are those of errors.py.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from vidforensics import __version__
from vidforensics.cli_evaluate import evaluate_app
from vidforensics.cli_models import models_app
from vidforensics.cli_options import (
    CaseFolder,
    CaseIndex,
    Clip,
    Clips,
    CompareFolder,
    Engine,
    EveryCandidate,
    FailOnFlag,
    Footage,
    Index,
    Json,
    Measurements,
    ModelFolder,
    MovedClip,
    Networks,
    OneJson,
    OutFolder,
    Posts,
    Reference,
    Report,
    RetryFailed,
    ScanPaths,
    Seed,
    SplitSide,
    Steps,
    Suspect,
    TrainedModel,
    VcslFile,
    VscFile,
    Work,
    Workers,
    Written,
    grouped,
)
from vidforensics.errors import ExitCode, IndexUnusableError, UsageError, VidforensicsError
from vidforensics.terminal import (
    count,
    flag_lines,
    headline_lines,
    printable,
    shown,
    verify_lines,
)
from vidforensics.terminal_trace import compare_lines, scan_lines, trace_lines

app = typer.Typer(
    name="vidforensics",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Tell where every second of a suspect video came from and what was done to it. "
    "Works offline and only ever reads the evidence. Findings are evidence, not verdicts.",
    epilog="Exit codes: 0 done, 1 internal error, 2 usage, 3 some or all inputs failed, "
    "4 a model is missing, 5 the index cannot be used, 10 flagged (with --fail-on-flag), 130 interrupted.",
)
app.add_typer(models_app, name="models")
app.add_typer(evaluate_app, name="evaluate")

HEADLINES = 5
SCAN_SCHEMA = "vidforensics.scan/1"


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


@app.command(short_help="Everything about one clip, into a case folder with a report.")
@grouped
def inspect(
    *,
    clip: Clip,
    index: CaseIndex = None,
    out: CaseFolder = None,
    written: Written,
    fail_on_flag: FailOnFlag = False,
    work: Work,
) -> None:
    """Examine one suspect clip and write a case folder with its report."""
    from vidforensics import verbs

    with work.session() as progress:
        case = verbs.inspect(
            clip, index=index, out=out, options=written.options(), limits=work.limits(), progress=progress
        )
    work.note(case.problems)
    typer.echo(f"Report: {shown(case.folder / 'report.html')}")
    for line in headline_lines(case.headlines, HEADLINES):
        typer.echo(line)
    _leave_flagged(fail_on_flag and case.flag_count > 0)


@app.command(short_help="Keyframes with exact times and the sound, with a manifest.")
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


@app.command(short_help="Joined, cut, dubbed or repeated stretches; what was not assessed.")
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
    from vidforensics import verbs

    def look_at(clip: Path) -> dict[str, Any]:
        with work.session() as progress:
            return verbs.flag(clip, every_candidate=every_candidate, limits=work.limits(), progress=progress)

    documents = _each(clips, look_at, as_json, flag_lines)
    _leave_flagged(fail_on_flag and any(document["segments"] for document in documents))


@app.command(short_help="Fingerprint videos into an index; goes on where it stopped.")
@grouped
def scan(
    *,
    paths: ScanPaths,
    index: Index,
    posts: Posts = None,
    workers: Workers = None,
    engine: Engine = "local",
    retry_failed: RetryFailed = False,
    as_json: OneJson = False,
    work: Work,
) -> None:
    """Fingerprint every video under some paths into an index; run it again to go on where it stopped."""
    from vidforensics import schema, verbs

    if engine != "local":
        raise UsageError(f"--engine {engine}: this version scans on one machine; leave it out.")
    with work.session() as progress:
        done = verbs.scan(
            paths,
            index=index,
            posts=posts,
            workers=workers,
            retry_failed=retry_failed,
            limits=work.limits(),
            progress=progress,
        )
    for failure in done.failed:
        typer.echo(printable(failure.reason), err=True)
    work.note(done.posts_problems)
    document = {"schema": SCAN_SCHEMA, **schema.plain(done)}
    for line in [schema.dumps(document)] if as_json else scan_lines(done):
        typer.echo(line)
    if done.failed:
        raise typer.Exit(ExitCode.INPUT_FAILED)


@app.command(short_help="Where a clip, or any piece of it, occurs in an index.")
@grouped
def trace(
    *,
    clips: Clips,
    index: Index,
    vsc: VscFile = None,
    vcsl: VcslFile = None,
    as_json: Json = False,
    work: Work,
) -> None:
    """Find where a clip, or any piece of it, occurs in an index, and what was done to it."""
    from vidforensics import placing, verbs

    for target in filter(None, (vsc, vcsl)):
        placing.refuse_existing(target)
    found: list[dict[str, Any]] = []

    def look_up(clip: Path) -> dict[str, Any]:
        with work.session() as progress:
            found.append(verbs.trace(clip, index=index, limits=work.limits(), progress=progress))
        return found[-1]

    try:
        _each(clips, look_up, as_json, trace_lines)
    finally:
        if found:
            verbs.write_matches(found, vsc=vsc, vcsl=vcsl)


@app.command(short_help="Two files: what comes from where, and what was done to it.")
@grouped
def compare(
    *,
    suspect: Suspect,
    reference: Reference,
    out: CompareFolder = None,
    as_json: OneJson = False,
    work: Work,
) -> None:
    """Hold a suspect against one reference: where every second of it comes from, and what was done to it."""
    from vidforensics import schema, verbs

    with work.session() as progress:
        document = verbs.compare(suspect, reference, out=out, limits=work.limits(), progress=progress)
    for line in [schema.dumps(document)] if as_json else compare_lines(document):
        typer.echo(line)
    if out is not None and not as_json:
        typer.echo(f"Page: {shown(out / 'compare.html')}")


@app.command(short_help="Retrain the classifier on your own footage.")
@grouped
def train(
    *,
    footage: Footage,
    out: ModelFolder,
    model: TrainedModel = "sync",
    seed: Seed = 1,
    side: SplitSide = "all",
    networks: Networks = 5,
    steps: Steps = None,
    scratch: Measurements = None,
    as_json: OneJson = False,
    work: Work,
) -> None:
    """Train a model of the classifier on your own footage, and say what it is worth on what it never met."""
    from vidforensics import schema, verbs

    with work.session() as progress:
        metrics = verbs.train(
            footage,
            out=out,
            model=model,
            seed=seed,
            side=side,
            networks=networks,
            steps=steps,
            work=scratch,
            limits=work.limits(),
            progress=progress,
        )
    typer.echo(schema.dumps(metrics) if as_json else (out / "MODEL_CARD.md").read_text("utf-8"))


@app.command(short_help="Derive every finding of a report anew; say which hold.")
@grouped
def verify(*, report: Report, clip: MovedClip = None, as_json: OneJson = False, work: Work) -> None:
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


def _each(
    clips: list[Path],
    look: Callable[[Path], dict[str, Any]],
    as_json: bool,
    lines: Callable[[dict[str, Any]], Iterable[str]],
) -> list[dict[str, Any]]:
    """Look at one clip after the other and print each; clips that fail are named, the others go on."""
    from vidforensics import schema

    documents, failed = [], ExitCode.DONE
    for clip in clips:
        try:
            document = look(clip)
        except IndexUnusableError:
            raise
        except VidforensicsError as error:
            failed = _say_error(error)
            continue
        documents.append(document)
        for line in [schema.dumps(document)] if as_json else lines(document):
            typer.echo(line)
    if failed:
        raise typer.Exit(failed if len(clips) == 1 else ExitCode.INPUT_FAILED)
    return documents


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
