"""Who gets which signed pack, and when: pure changes of the rollout, and what a person types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from appliance.update.layout import Release, is_sha256
from appliance.update.rollout import PackRollout, Rollout, Wave
from updates.errors import PublishError


def parse_wave(text: str, now: datetime) -> Wave:
    """`5%`, `5%@2026-12-01T06:00Z` or `ID,ID@...`: which boxes, and from when (else from now).

    Raises:
        PublishError: It is neither.
    """
    which, _, when = text.partition("@")
    try:
        begins = datetime.fromisoformat(when) if when else now
    except ValueError:
        raise PublishError(f"{when} is no time such as 2026-12-01T06:00Z") from None
    if begins.tzinfo is None:
        begins = begins.replace(tzinfo=UTC)
    if which.endswith("%"):
        try:
            percent = float(which.removesuffix("%"))
        except ValueError:
            percent = -1.0
        if not 0 < percent <= 100:  # noqa: PLR2004 - of a hundred
            raise PublishError(f"{which} is no share such as 5%")
        return Wave(begins.timestamp(), percent=percent)
    devices = which.split(",")
    if not all(map(is_sha256, devices)):
        raise PublishError(f"{which} is neither a share such as 5% nor device ids (64 digits)")
    return Wave(begins.timestamp(), devices=frozenset(devices))


def started(rollout: Rollout, release: Release, waves: Iterable[Wave]) -> Rollout:
    """That pack for these boxes, in place of whatever was rolled out under its name."""
    if release.digest in rollout.recalled:
        raise PublishError(f"{release.name} {release.version} is recalled; that is for good")
    pack = PackRollout(release.digest, release.version, tuple(waves))
    return replace(rollout, packs={**rollout.packs, release.name: pack})


def halted(rollout: Rollout, name: str, *, is_halted: bool) -> Rollout:
    """Nobody further takes the pack (or again they do); who has it keeps it."""
    if name not in rollout.packs:
        raise PublishError(f"no rollout of {name}")
    pack = replace(rollout.packs[name], is_halted=is_halted)
    return replace(rollout, packs={**rollout.packs, name: pack})


def recalled(rollout: Rollout, release: Release) -> Rollout:
    """Nobody may use that pack any more, wherever it runs. For good."""
    packs: Mapping[str, PackRollout] = {
        name: pack for name, pack in rollout.packs.items() if pack.digest != release.digest
    }
    return Rollout(packs, rollout.recalled | {release.digest})
