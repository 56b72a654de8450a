"""The `models` commands: which model files are present, and how they get there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import typer

from vidforensics.cli_options import ModelsJson, Quiet
from vidforensics.terminal import model_line, shown

models_app = typer.Typer(no_args_is_help=True, help="Which model files are present, where from, which hash.")


@models_app.command("list")
def models_list(as_json: ModelsJson = False) -> None:
    """Say which model files are present, where they come from, and their hashes."""
    for row in (*_fetched(), *_trained()):
        typer.echo(json.dumps(row) if as_json else model_line(row))


def _fetched() -> Iterator[dict[str, Any]]:
    from vidforensics import models

    for model in models.MODEL_FILES:
        yield {
            "name": model.name,
            "state": models.state(model),
            "purpose": model.purpose,
            "source": model.source,
            "licence": model.licence,
            "sha256": model.sha256,
        }


def _trained() -> Iterator[dict[str, Any]]:
    """Those of `train`: shipped, or the user's own in their place, whose licence is theirs to know."""
    from vidforensics import models

    for name, purpose in models.TRAINED.items():
        source = models.trained_source(name)
        yield {
            "name": name,
            "state": models.trained_state(name),
            "purpose": purpose,
            "source": source,
            "licence": "Apache-2.0" if source.startswith("shipped") else None,
            "sha256": models.trained_sha256(name),
        }


@models_app.command("install")
def models_install(quiet: Quiet = False) -> None:
    """Fetch the models of faces, speech and voices once, pinned by hash; needs a network and pip."""
    from vidforensics import models

    for path in models.install():
        if not quiet:
            typer.echo(f"{shown(path)}: present", err=True)
