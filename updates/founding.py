"""The first metadata of a repository, unsigned: root, targets and the empty delegated roles."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from securesystemslib.signer import Key, Signer
from tuf.api.metadata import DelegatedRole, Delegations, Metadata, Role, Root, Targets

from appliance.inference.manifest import Trust
from updates.repository import Meta, dated
from updates.roles import ROOT, RULES, TARGETS, RoleRule


def first_metadata(
    keys: Mapping[str, Collection[Key]],
    now: datetime,
    rules: Iterable[RoleRule] = tuple(RULES.values()),
) -> dict[str, Meta]:
    """Version 1 of root, of targets and of each role that targets delegates to.

    keys: by role; every role of `rules` has as many as its rule says.

    Raises:
        ValueError: A role has more or fewer keys.
    """
    by_name = {rule.name: rule for rule in rules}
    for name, rule in by_name.items():
        if len({key.keyid for key in keys.get(name, ())}) != rule.keys:
            raise ValueError(f"{name} needs {rule.keys} different keys")

    root = Root(
        roles={rule.name: Role([], rule.threshold) for rule in by_name.values() if not rule.paths},
        consistent_snapshot=True,
    )
    delegated = [rule for rule in by_name.values() if rule.paths]
    targets = Targets(
        delegations=Delegations({}, {each.name: _delegated(each) for each in delegated})
    )
    for rule in by_name.values():
        delegator = targets if rule.paths else root
        for key in sorted(keys[rule.name], key=lambda key: key.keyid):
            delegator.add_key(key, rule.name)
    founded: dict[str, Meta] = {ROOT: Metadata(root), TARGETS: Metadata(targets)}
    founded |= {rule.name: Metadata(Targets()) for rule in delegated}
    for name, metadata in founded.items():
        dated(metadata, 1, now, now + timedelta(days=by_name[name].days))
    return founded


def _delegated(rule: RoleRule) -> DelegatedRole:
    return DelegatedRole(rule.name, [], rule.threshold, terminating=True, paths=list(rule.paths))


def sole_trust(signer: Signer) -> Trust:
    """A trust in which one key does everything, to open what nobody has signed yet."""
    rules = [replace(rule, keys=1, threshold=1) for rule in RULES.values()]
    now = datetime.fromtimestamp(0, UTC)  # the expiry does not matter
    founded = first_metadata({rule.name: [signer.public_key] for rule in rules}, now, rules)
    for role in (ROOT, TARGETS):
        founded[role].sign(signer)
    return Trust.from_bytes(founded[ROOT].to_bytes(), founded[TARGETS].to_bytes())
