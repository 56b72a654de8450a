"""Render, edit and encode every sample clip and write its truth beside it: `python -m samples.make_samples`.

Goes in: nothing but seeds. Comes out: samples/*.mp4, samples/odd/*, and a .truth.json for each. Needs the
free speech synthesiser flite on the PATH and the project's dev extra; the clips are kept with the project,
so that only those who change this script need either.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from samples import edits
from samples.encoding import Coding, encode, ffmpeg_path
from samples.filming import Film, clean_film
from samples.odd import make_odd
from samples.suspect import suspect
from samples.truth import SourceRow, Truth, write_truth
from samples.voices import require_flite

EDITED = {
    "spliced": edits.spliced,
    "revoiced": edits.revoiced,
    "frames_removed": edits.frames_removed,
    "repeated": edits.repeated,
    "reupload": edits.reupload,
}


def _clean(target: Path) -> Film:
    film = clean_film()
    encode(film.reel, target, Coding(crf=27, title="Sandvik Bay: three days without a ferry"))
    about = "An untouched programme: cuts, one dissolve and one fade through black between six shots."
    truth = Truth(
        about,
        len(film.reel),
        shots=film.shots,
        transitions=film.transitions,
        sources=(SourceRow(0, len(film.reel), None, None),),
    )
    write_truth(target, truth)
    return film


def main() -> None:
    """Make all samples, or those named."""
    parser = argparse.ArgumentParser(description="Make the sample clips and their truth files.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write to")
    parser.add_argument("--only", nargs="*", help=f"some of: suspect, odd, joined, {', '.join(EDITED)}")
    given = parser.parse_args()
    require_flite()
    ffmpeg_path()
    out: Path = given.out
    (out / "odd").mkdir(parents=True, exist_ok=True)
    wanted = set(given.only) if given.only else {"suspect", "odd", "joined", *EDITED}
    if "suspect" in wanted:
        suspect(out / "suspect.mp4")
    if "odd" in wanted:
        make_odd(out / "odd")
    if "joined" in wanted:
        edits.stream_join(out / "joined.mp4")
    if wanted & EDITED.keys():
        film = _clean(out / "clean.mp4")
        for name in sorted(wanted & EDITED.keys()):
            EDITED[name](out / "clean.mp4", film, out / f"{name}.mp4")


if __name__ == "__main__":
    main()
