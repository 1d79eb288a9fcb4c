"""What a bundle is about, in words that a signer can check against what was agreed."""

from __future__ import annotations

from rich.console import Console
from tuf.api.metadata import Root, TargetFile, Targets

from appliance.cli.presentation import table
from appliance.inference.pack_schema import parse_spec
from appliance.inference.package import DESCRIPTION
from appliance.update.layout import MODELS_ROLE, OS_ROLE, Release
from appliance.update.os.contents import ImageContents
from appliance.update.xz import unpack
from updates.bundle import Bundle
from updates.keys import holder_of
from updates.repository import Meta


def show_contents(console: Console, bundle: Bundle) -> None:
    """Versions and ends, keys that come and go, packs with their digests."""
    shown = table("document", "version", "valid until", "about")
    for name, document in bundle.documents.items():
        signed = document.signed
        until, version = signed.expires.strftime("%Y-%m-%d"), str(signed.version)
        if "/" in name:
            version, until = name.rpartition("/")[2], ""
        shown.add_row(name, version, until, "\n".join(_about(name, document, bundle)))
    console.print(shown)


def _about(name: str, document: Meta, bundle: Bundle) -> list[str]:
    signed = document.signed
    if "/" in name:
        return _pack(document, bundle)
    if name == MODELS_ROLE:
        releases = [Release.from_custom(each.custom) for each in _manifests(signed)]
        return [f"{each.name} {each.version} {each.digest[:12]}" for each in releases]
    if name == OS_ROLE:
        return [line for each in _manifests(signed) for line in _image(each, bundle)]
    before = bundle.authority.get(name)
    return _keys(signed, before.signed if before else None)


def _image(listed: TargetFile, bundle: Bundle) -> list[str]:
    """A system image; of a new one each file with its hash, to be held against one's own build."""
    release = Release.from_custom(listed.custom)
    title = f"{release.name} {release.version} index {release.rollback_index}"
    packed = bundle.files.get(release.digest)
    if packed is None:
        return [title]
    contents = ImageContents.parse(unpack(packed, listed.length))
    return [f"{title}, new", *(f"{file.part} {file.sha256}" for file in contents.files)]


def _manifests(models: Targets) -> list[TargetFile]:
    return [file for file in models.targets.values() if file.custom is not None]


def _pack(document: Meta, bundle: Bundle) -> list[str]:
    listed = document.signed.targets[DESCRIPTION]
    spec = parse_spec(unpack(bundle.files[listed.hashes["sha256"]], listed.length))
    point = spec.operating_point
    return [spec.summary, f"report from {point.report}, alert from {point.alert}"]


def _keys(delegator: Root | Targets, before: Root | Targets | None) -> list[str]:
    """Each role's threshold and holders; `+` and `-` for what changes."""
    lines = []
    for role in _roles(delegator):
        named = delegator.get_delegated_role(role)
        now = {keyid: holder_of(delegator.get_key(keyid)) for keyid in named.keyids}
        words = [*now.values()]
        if before is not None and role in _roles(before):
            was = {
                keyid: holder_of(before.get_key(keyid))
                for keyid in before.get_delegated_role(role).keyids
            }
            words = [("+" if keyid not in was else "") + name for keyid, name in now.items()]
            words += [f"-{name}" for keyid, name in was.items() if keyid not in now]
        lines.append(f"{role}: {named.threshold} of {', '.join(words)}")
    return lines


def _roles(delegator: Root | Targets) -> list[str]:
    if isinstance(delegator, Root):
        return list(delegator.roles)
    return list((delegator.delegations and delegator.delegations.roles) or ())
