"""The repository to a web server's folder or onto a stick: only what is new, timestamp last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from appliance.update.layout import (
    METADATA,
    MODELS_ROLE,
    OS_ROLE,
    ROLLOUT_ROLE,
    is_os_name,
    os_release_target,
)
from appliance.update.layout import TARGETS as TARGETS_FOLDER
from updates.as_a_box import check_as_a_box
from updates.errors import PublishError
from updates.image_building import image_of, targets_of
from updates.online import Online, current_rollout, put_timestamp
from updates.repository import Contents, Draft, Repository, served_as
from updates.roles import ROOT, RULES, TIMESTAMP, USB_DAYS


def unpublished(repository: Repository, folder: Path) -> Mapping[str, bytes]:
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
    return Contents(draft, (path for path in repository.paths() if _differs(draft, there, path)))


def _differs(draft: Draft, there: Draft, path: str) -> bool:
    """A target's name holds its hash: where one of that length lies, it is that one."""
    if path.startswith(TARGETS_FOLDER):
        return there.size(path) != draft.size(path)
    return there.read(path) != draft.read(path)


def export(repository: Repository, online: Online) -> tuple[Mapping[str, bytes], Draft]:
    """What a stick holds, and the repository's next state.

    The stick's timestamp takes a number of the one sequence, and the server's next one the number
    after it: a box takes whichever is newer, and never meets one number with two contents.
    """
    draft = Draft(repository)
    put_timestamp(draft, online, USB_DAYS)
    check_as_a_box(draft)
    contents = Contents(draft, _current(draft))
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
    yield from _rolled_out_images(draft)
    yield f"{METADATA}{TIMESTAMP}.json"


def _rolled_out_images(draft: Draft) -> Iterator[str]:
    """System images are large: a stick holds those that boxes are meant to take, and no other."""
    targets = draft.targets_of(OS_ROLE)
    for name, image in current_rollout(draft).packs.items():
        if is_os_name(name):
            file = targets[os_release_target(name, image.version)]
            yield served_as(file)
            yield from (served_as(targets[path]) for path in targets_of(image_of(draft, file)))
