"""The maker with three people, their keys in encrypted files, and a release machine."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import click
import pytest
import yaml
from click.testing import CliRunner

from appliance.inference.manifest import Trust
from updates.cli.verbs import publish_group
from updates.errors import PublishError
from updates.repository import Draft
from updates.roles import RULES
from updates.workspace import Workspace

PEOPLE = ("alice", "bob", "carol")
RELEASE = "release"
OFFLINE = tuple(rule.name for rule in RULES.values() if not rule.is_online)
ONLINE = tuple(rule.name for rule in RULES.values() if rule.is_online)
PASSPHRASE = "a passphrase of the tests"


@dataclass(frozen=True)
class Maker:
    """Below `folder`: `workspace/`, `sticks/` with the private keys, `public/` with the others."""

    folder: Path

    @classmethod
    def founded(cls, folder: Path) -> Self:
        """One after the ceremony."""
        maker = cls(folder)
        maker.hold_ceremony()
        return maker

    def copied(self, folder: Path) -> Self:
        """The same again, to be changed."""
        return type(self)(Path(shutil.copytree(self.folder, folder)))

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.folder / "workspace")

    @property
    def passphrase_file(self) -> Path:
        file = self.folder / "passphrase"
        if not file.exists():
            file.touch(0o600)
            file.write_text(f"{PASSPHRASE}\n")
        return file

    def run(self, *words: str | Path) -> str:
        """`osteon-publish`; what it printed. PublishError where it refuses."""
        command = list(map(str, words))
        known = _options(command)
        if "--workspace" in known:
            command += ["--workspace", str(self.workspace.folder)]
        if "--passphrase-file" in known and "--passphrase-file" not in command:
            command += ["--passphrase-file", str(self.passphrase_file)]
        done = CliRunner().invoke(publish_group, command, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    def refusal(self, *words: str | Path) -> str:
        """Why `osteon-publish` refuses that; nothing of the maker's has changed."""
        before = self.tree()
        with pytest.raises(PublishError) as caught:
            self.run(*words)
        assert self.tree() == before
        return str(caught.value)

    def key(self, role: str, holder: str) -> Path:
        """A private key's file; made, with its public half handed over, when it is missing."""
        home = self.workspace.online if holder == RELEASE else self.folder / "sticks" / holder
        file = home / f"{role}.{holder}.pem"
        if not file.exists():
            home.mkdir(parents=True, exist_ok=True)
            self.run("new-key", role, holder, "--out", home)
        return file

    def public(self, *keys: tuple[str, str]) -> Path:
        """A folder with the public halves of these (role, holder)."""
        folder = self.folder / "public" / "-".join(f"{role}.{holder}" for role, holder in keys)[:80]
        folder.mkdir(parents=True, exist_ok=True)
        for role, holder in keys:
            half = self.key(role, holder).with_suffix(".pub.json")
            (folder / half.name).write_bytes(half.read_bytes())
        return folder

    def sign(self, bundle: Path, holder: str, *roles: str, packs_only: bool = False) -> str:
        """One person signs with the keys of these roles."""
        only = ["--packs-only"] if packs_only else []
        keys = [word for role in roles for word in ("--key", str(self.key(role, holder)))]
        return self.run("sign", bundle, "--yes", *only, *keys)

    def propose_first(self) -> Path:
        """Everybody's keys, and the bundle of the ceremony that nobody has signed."""
        keys = [(role, holder) for role in OFFLINE for holder in PEOPLE]
        keys += [(role, RELEASE) for role in ONLINE]
        bundle = self.folder / "ceremony.zip"
        self.run("ceremony", "--keys", self.public(*keys), "--out", bundle)
        return bundle

    def hold_ceremony(self) -> None:
        """The whole ceremony."""
        bundle = self.propose_first()
        for holder in PEOPLE[:2]:
            self.sign(bundle, holder, *OFFLINE)
        self.run("accept", bundle)

    def release(self, pack: Path) -> None:
        """Build a pack, let all three people sign it, and take it into the repository."""
        bundle = self.folder / "pack.zip"
        self.run("build", pack, "--out", bundle)
        self.sign(bundle, "alice", "models")
        self.sign(bundle, "bob", "models", packs_only=True)
        self.sign(bundle, "carol", "models")
        self.sign(bundle, "alice", "models")
        self.run("accept", bundle)

    @property
    def first_root(self) -> bytes:
        """What ships with a box."""
        return (self.workspace.folder / "repository/metadata/1.root.json").read_bytes()

    @property
    def trust(self) -> Trust:
        """What a box trusts that has the newest metadata."""
        return Draft(self.workspace.repository).trust

    def tree(self) -> dict[str, bytes]:
        """Every file of the maker's."""
        return {
            file.relative_to(self.folder).as_posix(): file.read_bytes()
            for file in sorted(self.folder.rglob("*"))
            if file.is_file()
        }

    def verbs(self) -> list[str]:
        """What the history says, oldest first."""
        return [line["verb"] for line in self.workspace.history()]


def changed_pack(pack: Path, folder: Path, **changes: Any) -> Path:
    """A copy of a pack with another description."""
    copy = Path(shutil.copytree(pack, folder / pack.name))
    said = yaml.safe_load((copy / "pack.yaml").read_text())
    (copy / "pack.yaml").write_text(yaml.safe_dump(said | changes))
    return copy


def _options(command: list[str]) -> set[str]:
    """The options of the verb that a command names."""
    found: click.Command = publish_group
    for word in command:
        if not isinstance(found, click.Group):
            break
        found = found.commands[word]
    return {name for option in found.params for name in option.opts}
