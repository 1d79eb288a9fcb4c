"""The repository to a web server's folder or onto a stick: only what is new, timestamp last."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from appliance.update.layout import METADATA, MODELS_ROLE, ROLLOUT_ROLE
from updates.as_a_box import check_as_a_box
from updates.errors import PublishError
from updates.online import Online, put_timestamp
from updates.repository import Draft, Repository, served_as
from updates.roles import ROOT, RULES, TIMESTAMP, USB_DAYS


def unpublished(repository: Repository, folder: Path) -> dict[str, bytes]:
    """What that folder lacks of the repository.

    Raises:
        PublishError: A box would refuse the repository, or the folder is ahead of it.
    """
    draft = Draft(repository)
    check_as_a_box(draft)
    there = Draft(Repository(folder))
    if there.version(TIMESTAMP) > draft.version(TIMESTAMP):
        raise PublishError(
            f"{folder} has timestamp {there.version(TIMESTAMP)}, this workspace "
            f"{draft.version(TIMESTAMP)}: it belongs to another workspace, or this one is a copy"
        )
    contents = {path: draft.read(path) or b"" for path in repository.paths()}
    return {path: content for path, content in contents.items() if there.read(path) != content}


def export(repository: Repository, online: Online) -> tuple[dict[str, bytes], Draft]:
    """What a stick holds, and the repository's next state.

    The stick's timestamp takes a number of the one sequence, and the server's next one the number
    after it: a box takes whichever is newer, and never meets one number with two contents.
    """
    draft = Draft(repository)
    put_timestamp(draft, online, USB_DAYS)
    check_as_a_box(draft)
    contents = {path: draft.read(path) or b"" for path in _current(draft)}
    put_timestamp(draft, online)
    check_as_a_box(draft)
    return contents, draft


def _current(draft: Draft) -> Iterator[str]:
    """Every root, the newest of all other metadata, and the targets that they name."""
    for version in range(1, draft.version(ROOT) + 1):
        yield f"{METADATA}{version}.{ROOT}.json"
    for role in RULES:
        if role not in {ROOT, TIMESTAMP} and draft.version(role):
            yield f"{METADATA}{draft.version(role)}.{role}.json"
    for role in (MODELS_ROLE, ROLLOUT_ROLE):
        for file in draft.targets_of(role).values():
            yield served_as(file)
    yield f"{METADATA}{TIMESTAMP}.json"
