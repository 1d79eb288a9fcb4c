"""What the release machine signs alone: rollout, snapshot and timestamp."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata, MetaFile, Snapshot, TargetFile, Targets, Timestamp

from appliance.update.layout import ROLLOUT_ROLE, ROLLOUT_TARGET
from appliance.update.rollout import Rollout
from updates.keys import Passphrase, signer_among
from updates.repository import Draft, Meta, dated
from updates.roles import ROOT, RULES, SNAPSHOT, TARGETS, TIMESTAMP

SignerOf = Callable[[str, Draft], Signer]
"""The key of an online role as this state names it."""


@dataclass(frozen=True, slots=True)
class Online:
    """The release machine: its keys, and the time at which it signs."""

    signer_of: SignerOf
    now: datetime


def online_signers(folder: Path, passphrase: Passphrase) -> SignerOf:
    """Keys from the workspace's `online/` folder, each opened once."""
    opened: dict[str, Signer] = {}

    def of(role: str, draft: Draft) -> Signer:
        keyids = draft.delegator(role).get_delegated_role(role).keyids
        for keyid in keyids:
            if keyid in opened:
                return opened[keyid]
        signer = signer_among(sorted(folder.glob("*.pem")), keyids, passphrase)
        opened[signer.public_key.keyid] = signer
        return signer

    return of


def current_rollout(draft: Draft) -> Rollout:
    """The rollout as it stands; an empty one where there is none yet."""
    file = draft.targets_of(ROLLOUT_ROLE).get(ROLLOUT_TARGET)
    return Rollout({}) if file is None else Rollout.parse(draft.target(file))


def put_rollout(draft: Draft, rollout: Rollout, online: Online) -> None:
    """Sign the next rollout; `put_timestamp` must follow."""
    content = rollout.to_json()
    file = TargetFile.from_data(ROLLOUT_TARGET, content, ["sha256"])
    draft.put_target(file, content)
    metadata = Metadata(Targets(targets={ROLLOUT_TARGET: file}))
    _sign(draft, ROLLOUT_ROLE, metadata, online)


def put_timestamp(draft: Draft, online: Online, days: int = RULES[TIMESTAMP].days) -> None:
    """Sign the next snapshot over all roles, and the next timestamp over that.

    days: how long the timestamp holds.
    """
    roles = [TARGETS, *_delegated(draft)]
    contents = {role: draft.get_bytes(role) for role in roles}
    meta = {
        f"{role}.json": MetaFile.from_data(draft.version(role), content, ["sha256"])
        for role, content in contents.items()
        if content is not None
    }
    content = _sign(draft, SNAPSHOT, Metadata(Snapshot(meta=meta)), online)
    snapshot = MetaFile.from_data(draft.version(SNAPSHOT), content, ["sha256"])
    _sign(draft, TIMESTAMP, Metadata(Timestamp(snapshot_meta=snapshot)), online, days)


def _delegated(draft: Draft) -> Mapping[str, object]:
    delegations = draft.need(TARGETS).signed.delegations
    return (delegations and delegations.roles) or {}


def _sign(
    draft: Draft, role: str, metadata: Meta, online: Online, days: int | None = None
) -> bytes:
    until = online.now + timedelta(days=days or RULES[role].days)
    # No longer than the root that vouches for it, whatever is asked for.
    until = min(until, draft.need(ROOT).signed.expires)
    dated(metadata, draft.version(role) + 1, online.now, until)
    metadata.sign(online.signer_of(role, draft))
    return draft.put(role, metadata)
