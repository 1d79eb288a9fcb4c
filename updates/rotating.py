"""Other keys for a role, or the same for longer: bundles that its delegator's holders sign."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from securesystemslib.signer import Key
from tuf.api.metadata import Metadata, Root, Targets

from appliance.update.layout import MODELS_ROLE, OS_ROLE, Release, file_target
from updates.building import authority, list_manifest, next_targets
from updates.bundle import Bundle, manifest_document
from updates.errors import PublishError
from updates.keys import holder_of
from updates.online import current_rollout
from updates.repository import Draft, Meta
from updates.roles import ROOT, RULES, TARGETS

_OFFLINE = (ROOT, TARGETS, MODELS_ROLE, OS_ROLE)


def renew(draft: Draft, roles: Iterable[str], now: datetime) -> Bundle:
    """The same metadata, for as long again as the role's metadata hold."""
    for role in (wanted := tuple(roles)):
        if role not in _OFFLINE:
            raise PublishError(f"{role} is signed online: see `refresh`")
    return Bundle({role: next_targets(draft, role, now) for role in wanted}, authority(draft))


@dataclass(frozen=True, slots=True)
class Exchange:
    """Which keys go and come.

    removed: holders or key ids. added: by role. roles: those that it is about. stops_packs: it may
    leave packs of the rollout with too few signatures; boxes then stop using them.
    """

    removed: Collection[str]
    added: Mapping[str, Collection[Key]]
    roles: Collection[str] = tuple(RULES)
    stops_packs: bool = False


def exchange(draft: Draft, wanted: Exchange, now: datetime) -> Bundle:
    """Take keys out of roles, and put others in.

    What the changed roles have signed is signed again by those who remain: the list of models with
    the packs that the rollout names; other packs, which nobody is meant to fetch, are dropped.

    Raises:
        PublishError: No such key, too few would remain, or a pack would have too few signatures.
    """
    documents = {role: next_targets(draft, role, now) for role in (ROOT, TARGETS)}
    bundle, touched = Bundle({}, authority(draft)), set[str]()
    for delegator, document in documents.items():
        changed = _exchange_all(document.signed, wanted)
        touched |= changed
        if changed or delegator in touched:
            bundle.documents[delegator] = document
    if not touched:
        raise PublishError("no role has such a key")
    if unknown := wanted.added.keys() - touched:
        raise PublishError(f"no keys to add for {', '.join(sorted(unknown))}")
    if MODELS_ROLE in touched:
        _sign_models_again(draft, bundle, now)
        if not wanted.stops_packs:
            _refuse_unsigned_packs(bundle)
    if OS_ROLE in touched:
        bundle.documents[OS_ROLE] = next_targets(draft, OS_ROLE, now)
    return bundle


def _exchange_all(delegator: Root | Targets, wanted: Exchange) -> set[str]:
    """Change the keys of each role that it names; returns those that have changed."""
    return {
        role
        for role in _roles_of(delegator)
        if role in wanted.roles
        and _exchange(delegator, role, wanted.removed, wanted.added.get(role, ()))
    }


def _roles_of(delegator: Root | Targets) -> Collection[str]:
    if isinstance(delegator, Root):
        return delegator.roles
    return (delegator.delegations and delegator.delegations.roles) or ()


def _exchange(
    delegator: Root | Targets, role: str, removed: Collection[str], added: Iterable[Key]
) -> bool:
    """Change one role's keys; whether anything changed."""
    named = delegator.get_delegated_role(role)
    before = list(named.keyids)
    for key in added:
        delegator.add_key(key, role)
    for keyid in before:
        if keyid in removed or holder_of(delegator.get_key(keyid)) in removed:
            delegator.revoke_key(keyid, role)
    if len(named.keyids) < named.threshold:
        raise PublishError(f"{role} would have fewer keys than it needs: add one")
    return named.keyids != before


def _refuse_unsigned_packs(bundle: Bundle) -> None:
    """A pack that lost too many is used no more on boxes that it came with on their disk."""
    short = [name for name, _ in bundle.manifests() if not bundle.standing(name).is_complete]
    if short:
        raise PublishError(
            f"{', '.join(short)}: too few signatures would be left, and boxes that came with it "
            "would stop using it. Release and roll out a build that others have signed, then come "
            "back; or --stop-packs"
        )


def _sign_models_again(draft: Draft, bundle: Bundle, now: datetime) -> None:
    wanted = {pack.digest for pack in current_rollout(draft).packs.values()}
    models = next_targets(draft, MODELS_ROLE, now)
    before, models.signed.targets = models.signed.targets, {}
    for file in before.values():
        if (
            file.custom is None
            or (release := Release.from_custom(file.custom)).digest not in wanted
        ):
            continue
        manifest: Meta = Metadata.from_bytes(draft.target(file))
        bundle.documents[manifest_document(release)] = manifest
        list_manifest(models.signed, manifest, release)
        for each in manifest.signed.targets.values():
            sha256 = each.hashes["sha256"]
            path = file_target(sha256)
            models.signed.targets[path] = before[path]
            bundle.files[sha256] = draft.target(before[path])
    bundle.documents[MODELS_ROLE] = models
