"""The options of the command line: each declared once, those that go together as one record.

A verb names a record such as `Work` as one of its parameters and is decorated with `grouped`; typer then sees
the record's fields, each with a default, as options of the verb.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer

from vidforensics.errors import UsageError
from vidforensics.terminal import printable, session

if TYPE_CHECKING:
    from vidforensics.isolation import Limits
    from vidforensics.runtime import Progress

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
Report = Annotated[
    Path,
    typer.Argument(
        metavar="REPORT.json", readable=False, help="The report.json of a case folder.", show_default=False
    ),
]
CaseFolder = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="DIR", help="The case folder to make. [default: cases/NAME]", show_default=False
    ),
]
OutFolder = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="The folder to make.", show_default=False)
]
Index = Annotated[
    Path,
    typer.Option("--index", metavar="DIR", help="The index: a folder that scan made.", show_default=False),
]
CaseIndex = Annotated[
    Path | None,
    typer.Option("--index", metavar="DIR", help="Also look the clip up in this index.", show_default=False),
]
VscFile = Annotated[
    Path | None,
    typer.Option(
        "--vsc", metavar="FILE", help="Also write all matches as VSC's matching CSV.", show_default=False
    ),
]
VcslFile = Annotated[
    Path | None,
    typer.Option("--vcsl", metavar="FILE", help="The same as VCSL's JSON.", show_default=False),
]
Suspect = Annotated[
    Path,
    typer.Argument(metavar="SUSPECT", readable=False, help="The clip in question.", show_default=False),
]
Reference = Annotated[
    Path,
    typer.Argument(
        metavar="REFERENCE", readable=False, help="The clip it may come from.", show_default=False
    ),
]
CompareFolder = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        help="A folder to make, with compare.html and the edit list for video editors.",
        show_default=False,
    ),
]
ScanPaths = Annotated[
    list[Path],
    typer.Argument(metavar="PATH...", readable=False, help="Files, and folders to walk.", show_default=False),
]
Posts = Annotated[
    Path | None,
    typer.Option(
        "--posts",
        metavar="FILE",
        help="Who posted which file: CSV, JSONL, or a folder of yt-dlp .info.json files.",
        show_default=False,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, metavar="N", help="Files at once. [default: one per processor]"),
]
Engine = Annotated[str, typer.Option("--engine", metavar="local", help="Where the work is done.")]
RetryFailed = Annotated[
    bool, typer.Option("--retry-failed", help="Try files again that failed before and have not changed.")
]
Footage = Annotated[
    Path,
    typer.Option("--footage", metavar="DIR", help="A folder of videos to edit.", show_default=False),
]
Seed = Annotated[int, typer.Option("--seed", help="Seed of every choice.")]
Sources = Annotated[int, typer.Option("--sources", min=2, metavar="N", help="How many clips are edited.")]
WorkFolder = Annotated[
    Path | None,
    typer.Option("--work", metavar="DIR", help="Where the made clips lie meanwhile.", show_default=False),
]
Keep = Annotated[bool, typer.Option("--keep", help="Leave the made clips there.")]
ModelFolder = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Folder for the model; it must not exist yet.")
]
Side = Literal["fit", "test", "all"]
SplitSide = Annotated[
    Side, typer.Option("--side", help="Which side of the split by speaker and scene teaches.")
]
LayoutOption = Annotated[
    Literal["footage", "av-deepfake1m", "lav-df", "partialspoof"],
    typer.Option("--layout", help="Whose layout the folder has; footage is forged, the others have truth."),
]
MeasuredSide = Annotated[Side, typer.Option("--side", help="Which side of the split by scene is measured.")]
Networks = Annotated[
    int, typer.Option("--networks", min=1, max=9, help="How many networks of sync are averaged.")
]
TrainedModel = Annotated[
    Literal["sync", "gaps"],
    typer.Option("--model", help="sync: voices that are not the mouth's, from people filmed as they spoke; "
                 "gaps: missing frames, from anything that moves."),
]  # fmt: skip
Steps = Annotated[
    int | None,
    typer.Option("--steps", min=1, help="Steps of training per network. [default: 400, of gaps 4500]"),
]
Measurements = Annotated[
    Path | None, typer.Option("--work", metavar="DIR", help="Keep measurements of the footage there.")
]
MovedClip = Annotated[
    Path | None,
    typer.Option("--clip", help="The evidence, where it has moved since.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document per clip, one per line.")]
OneJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
ModelsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object per model, one per line.")]
EveryCandidate = Annotated[bool, typer.Option("--all", help="List candidates below the operating point too.")]
FailOnFlag = Annotated[bool, typer.Option("--fail-on-flag", help="Exit with 10 when something was flagged.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes; errors only.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say more on standard error.")]
TimeLimit = Annotated[
    float,
    typer.Option("--time-limit", min=1.0, metavar="SECONDS", help="Stop a file that takes longer than this."),
]
MemoryLimit = Annotated[
    int,
    typer.Option(
        "--memory-limit",
        min=512,
        max=1 << 20,
        metavar="MB",
        help="Stop a file whose worker needs more than this.",
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


@dataclass(frozen=True, slots=True)
class Work:
    """How a file is worked on, and how much is said meanwhile."""

    time_limit: TimeLimit = 4 * 3600.0
    memory_limit: MemoryLimit = 6144
    quiet: Quiet = False
    verbose: Verbose = False

    def limits(self) -> Limits:
        """What the worker process may use."""
        from vidforensics.isolation import Limits

        return Limits(time_s=self.time_limit, memory_bytes=self.memory_limit << 20)

    def session(self) -> AbstractContextManager[Progress]:
        """Logging and progress as the user asked."""
        return session(self.quiet, self.verbose)

    def note(self, problems: Iterable[str]) -> None:
        """Tell what was lost in decoding; the report says it too."""
        for problem in problems if not self.quiet else ():
            typer.echo(f"note: {printable(problem)}", err=True)


@dataclass(frozen=True, slots=True)
class Written:
    """What is written of a clip besides its report."""

    keyframes: KeyframeFormat = "jpeg"
    blocks: Blocks = False
    blocks_between: BlocksBetween = None

    def options(self) -> dict[str, Any]:
        """Fields of `pipeline.Options`.

        Raises:
            UsageError: there is no such format or no such stretch.
        """
        between = self.blocks_between
        if self.keyframes not in {"jpeg", "png"}:
            raise UsageError(f"--keyframes {self.keyframes}: choose jpeg or png.")
        if between is not None and not 0 <= between[0] < between[1]:
            raise UsageError(
                f"--blocks-between {between[0]:g} {between[1]:g}: the start must lie before the end."
            )
        start_s, end_s = between or (None, None)
        return {
            "keyframe_format": self.keyframes,
            "blocks": self.blocks or between is not None,
            "blocks_start_s": start_s,
            "blocks_end_s": end_s,
        }


def grouped(verb: Callable[..., None]) -> Callable[..., None]:
    """A verb for typer: its parameters that are records of options become the records' fields.

    Args:
        verb: a function whose parameters are annotated with option types or with dataclasses of them.

    Returns:
        A function of the same name and text that takes every option by name and gives `verb` the records.
    """
    hints = get_type_hints(verb, include_extras=True)
    given = inspect.signature(verb).parameters.values()
    records = {p.name: hints[p.name] for p in given if is_dataclass(hints[p.name])}

    def call(**values: Any) -> None:
        built = {
            name: kind(**{f.name: values.pop(f.name) for f in fields(kind)}) for name, kind in records.items()
        }
        verb(**values, **built)

    options = [o for p in given for o in _options(p.name, hints[p.name], p.default)]
    call.__name__, call.__doc__ = verb.__name__, verb.__doc__
    call.__annotations__ = {o.name: o.annotation for o in options}
    call.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]  # what typer reads
    return call


def _options(name: str, kind: Any, default: Any) -> Iterator[inspect.Parameter]:
    """What typer is to see of one parameter: itself, or the fields of its record."""
    if not is_dataclass(kind):
        yield inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        return
    hints = get_type_hints(kind, include_extras=True)
    for f in fields(kind):
        yield inspect.Parameter(
            f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=hints[f.name]
        )
