"""Other keys for a role, or the same for longer: bundles that its delegator's holders sign."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
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


def exchange(
    draft: Draft,
    removed: Collection[str],
    added: Mapping[str, Collection[Key]],
    now: datetime,
    roles: Collection[str] = tuple(RULES),
) -> Bundle:
    """Take keys, by holder or key id, out of roles, and put others in.

    What the changed roles have signed is signed again by those who remain: the list of models with
    the packs that the rollout names; other packs, which nobody is meant to fetch, are dropped.

    Raises:
        PublishError: No such key, or too few would remain.
    """
    documents = {role: next_targets(draft, role, now) for role in (ROOT, TARGETS)}
    changed: dict[str, set[str]] = {ROOT: set(), TARGETS: set()}
    for delegator, document in documents.items():
        for role in _roles_of(document.signed):
            if role in roles and _exchange(document.signed, role, removed, added.get(role, ())):
                changed[delegator].add(role)
    touched = changed[ROOT] | changed[TARGETS]
    if not touched:
        raise PublishError("no role has such a key")
    if unknown := added.keys() - touched:
        raise PublishError(f"no keys to add for {', '.join(sorted(unknown))}")
    bundle = Bundle({}, authority(draft))
    if changed[ROOT]:
        bundle.documents[ROOT] = documents[ROOT]
    if changed[TARGETS] or TARGETS in touched:
        bundle.documents[TARGETS] = documents[TARGETS]
    if MODELS_ROLE in touched:
        _sign_models_again(draft, bundle, now)
    if OS_ROLE in touched:
        bundle.documents[OS_ROLE] = next_targets(draft, OS_ROLE, now)
    return bundle


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
