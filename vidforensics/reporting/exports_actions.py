"""Edits and relations of sound by the words of the C2PA action vocabulary.

Edits go in, names of actions come out: those of the C2PA Technical Specification 2.2 (section "Actions")
where it has a word for what was done, else the toolkit's own name, as the specification asks of others.
"""

from __future__ import annotations

from vidforensics.reporting.words import clean
from vidforensics.types import Edit, EditDecision, EditKind, SoundRelation

_ACTIONS: dict[EditKind, str] = {
    "crop": "c2pa.cropped",
    "mirror": "c2pa.orientation",
    "rotate": "c2pa.orientation",
    "letterbox": "c2pa.resized",
    "overlay": "c2pa.placed",
    "picture_in_picture": "c2pa.placed",
    "colour": "c2pa.adjustedColor",
    "speed": "c2pa.changedSpeed",
    "reencode": "c2pa.transcoded",
    "frame_rate": "c2pa.transcoded",
    "trim": "c2pa.trimmed",
    "insert": "c2pa.placed",
    "reorder": "c2pa.edited",
    "loop": "c2pa.edited",
}
_SOUND_ACTIONS: dict[SoundRelation, str] = {
    "replaced": "c2pa.dubbed",
    "mixed": "c2pa.dubbed",
    "shifted": "c2pa.edited",
    "muted": "c2pa.removed",
}


def action(edit: Edit) -> str:
    """Name of the action that an edit is.

    >>> action(Edit("crop")), action(Edit("perspective"))
    ('c2pa.cropped', 'vidforensics.perspective')
    """
    return _ACTIONS.get(edit.kind, f"vidforensics.{edit.kind}")


def sound_action(relation: SoundRelation) -> str | None:
    """Name of the action that a relation of sound tells of; None where nothing was done or known."""
    return _SOUND_ACTIONS.get(relation)


def edit_words(edit: Edit) -> str:
    """An edit as its action, kind, box and numbers, on one line."""
    parts = [f"{action(edit)} ({edit.kind.replace('_', ' ')}"]
    if edit.box is not None:
        parts.append(" box " + " ".join(f"{v:.3f}" for v in edit.box))
    parts += [f", {clean(k, 60)} {v:g}" for k, v in edit.detail.items()]
    return "".join(parts) + ")"


def decision_words(row: EditDecision) -> list[str]:
    """What a row of the edit decision list says, one line per fact, the source first."""
    if row.reference:
        lines = [f"reference {row.reference_start_s or 0.0:.3f} s to {row.reference_end_s or 0.0:.3f} s"]
    else:
        reason = row.detail.get("not_assessed")
        lines = ["no source found" if reason is None else f"not assessed: {clean(str(reason), 200)}"]
    lines += [edit_words(e) for e in row.edits]
    if row.reference:
        named = sound_action(row.sound)
        words = row.sound.replace("_", " ")
        lines.append(f"sound {words}" if named is None else f"{named} (sound {words})")
    return lines
