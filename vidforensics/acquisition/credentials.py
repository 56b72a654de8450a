"""Content credentials (C2PA): read and validated offline, with c2pa-python.

A path goes in and a `ContentCredentials` comes out; nothing is ever fetched, neither a remote manifest nor a
revocation list, and certificates are not held against a trust list, because none is shipped: "valid" means
untouched since it was signed, not that the signer is known. Source: C2PA Technical Specification 2.2.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from vidforensics.media import open_evidence, printable
from vidforensics.types import ContentCredentials

NONE = (
    "The file carries no content credentials (C2PA). This means nothing: most devices write none and most "
    "platforms remove them."
)
# Trust is a question of who the reader trusts; without a list every certificate would count as a failure.
_NOT_COUNTED = ("signingCredential.untrusted", "signingCredential.ocsp", "timeStamp.untrusted")
_OFFLINE = {
    "version": 1,
    "verify": {
        "verify_after_reading": True,
        "verify_trust": False,
        "ocsp_fetch": False,
        "remote_manifest_fetch": False,
    },
}
MAX_MANIFEST_CHARACTERS = 2_000_000


def read_credentials(path: Path) -> ContentCredentials:
    """Read the file's own C2PA manifest, if it has one.

    Args:
        path: the clip.

    Returns:
        `none` (also for formats that carry none), `valid`, `invalid` with the reasons, or `unreadable`.

    Raises:
        InputError: the file cannot be read.
    """
    with open_evidence(path) as handle:
        head = handle.read(12)
        media_type = _media_type(head)
        if media_type is None:
            return ContentCredentials("none", NONE)
        handle.seek(0)
        return _read(handle, media_type)


def _media_type(head: bytes) -> str | None:
    """The type to tell the reader, by content; None for formats that C2PA does not embed into."""
    if head[4:8] == b"ftyp":
        return "video/quicktime" if head[8:12] == b"qt  " else "video/mp4"
    if head[:4] == b"RIFF":
        return {b"AVI ": "video/avi", b"WAVE": "audio/wav"}.get(head[8:12])
    return "audio/mpeg" if head[:3] == b"ID3" else None


def _read(handle: BinaryIO, media_type: str) -> ContentCredentials:
    from c2pa import C2paError, Context, Reader

    try:
        with Context.from_dict(_OFFLINE) as context, Reader(media_type, handle, context=context) as reader:
            text = reader.json()
    except C2paError as error:
        return _refused(str(error))
    if len(text) > MAX_MANIFEST_CHARACTERS:
        return ContentCredentials("unreadable", "The file's content credentials are too large to be read.")
    return _judge(json.loads(text))


def _refused(reason: str) -> ContentCredentials:
    """Why the reader gave nothing: no manifest, one kept elsewhere, or one it cannot read."""
    if "ManifestNotFound" in reason or "JumbfNotFound" in reason or "no JUMBF data" in reason:
        return ContentCredentials("none", NONE)
    if "RemoteManifest" in reason or "remote manifest" in reason.lower():
        sentence = (
            "The file names content credentials kept on a server; they were not fetched, to stay offline."
        )
        return ContentCredentials("unreadable", sentence)
    if "NotSupported" in reason:
        return ContentCredentials("none", NONE)
    return ContentCredentials(
        "unreadable", f"The file's content credentials cannot be read ({printable(reason, 160)})."
    )


def _judge(store: Mapping[str, Any]) -> ContentCredentials:
    failures = list(dict.fromkeys(_failures(store)))
    active = store.get("manifests", {}).get(store.get("active_manifest"), {})
    signature = active.get("signature_info") or {}
    signer = printable(
        str(signature.get("issuer") or signature.get("common_name") or "an unnamed signer"), 100
    )
    if failures:
        reasons = ", ".join(failures[:5])
        sentence = f"The content credentials signed by {signer} do not fit this file: {reasons}."
        return ContentCredentials("invalid", sentence, store)
    sentence = (
        f"The content credentials signed by {signer} fit this file: it was not changed since. Whether the "
        "signer can be trusted was not assessed."
    )
    return ContentCredentials("valid", sentence, store)


def _failures(store: Mapping[str, Any]) -> Iterator[str]:
    """The failure codes of the active manifest that count."""
    results = (store.get("validation_results") or {}).get("activeManifest") or {}
    listed = [*(results.get("failure") or ()), *(store.get("validation_status") or ())]
    for entry in listed:
        code = str(entry.get("code", "unknown failure"))
        if not code.startswith(_NOT_COUNTED):
            yield printable(code, 80)
