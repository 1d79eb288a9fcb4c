"""The first metadata of a repository, unsigned: root, targets and the empty delegated roles."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from securesystemslib.signer import Key
from tuf.api.metadata import DelegatedRole, Delegations, Metadata, Role, Root, Targets

from updates.roles import ROOT, RULES, TARGETS, RoleRule


def first_metadata(
    keys: Mapping[str, Collection[Key]],
    now: datetime,
    rules: Iterable[RoleRule] = tuple(RULES.values()),
) -> dict[str, Metadata[Root] | Metadata[Targets]]:
    """Version 1 of root, of targets and of each role that targets delegates to.

    keys: by role; every role of `rules` has as many as its rule says.

    Raises:
        ValueError: A role has more or fewer keys.
    """
    by_name = {rule.name: rule for rule in rules}
    for name, rule in by_name.items():
        if len({key.keyid for key in keys.get(name, ())}) != rule.keys:
            raise ValueError(f"{name} needs {rule.keys} different keys")

    def end(rule: RoleRule) -> datetime:
        return now.replace(microsecond=0) + timedelta(days=rule.days)

    root = Root(
        expires=end(by_name[ROOT]),
        roles={rule.name: Role([], rule.threshold) for rule in by_name.values() if not rule.paths},
        consistent_snapshot=True,
    )
    delegated = [rule for rule in by_name.values() if rule.paths]
    targets = Targets(
        expires=end(by_name[TARGETS]),
        delegations=Delegations({}, {rule.name: _delegated(rule) for rule in delegated}),
    )
    for rule in by_name.values():
        delegator = targets if rule.paths else root
        for key in sorted(keys[rule.name], key=lambda key: key.keyid):
            delegator.add_key(key, rule.name)
    return {
        ROOT: Metadata(root),
        TARGETS: Metadata(targets),
        **{rule.name: Metadata(Targets(expires=end(rule))) for rule in delegated},
    }


def _delegated(rule: RoleRule) -> DelegatedRole:
    return DelegatedRole(rule.name, [], rule.threshold, terminating=True, paths=list(rule.paths))
