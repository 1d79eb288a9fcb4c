"""Sticks as people and strangers make them: signed by the real `ssh-keygen`, or spoilt."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


def new_key(place: Path) -> str:
    """Make a key pair to sign with; the public key as one line."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", place], check=True)
    return place.with_suffix(".pub").read_text()


def sign(file: Path, key: Path, namespace: str = "osteon-site") -> None:
    """Put `FILE.sig` beside a file, as the manual says."""
    file.with_name(f"{file.name}.sig").unlink(missing_ok=True)
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", key, file]
    subprocess.run(command, check=True, capture_output=True)


@dataclass(frozen=True)
class Maker:
    """Who makes a bad stick. `keys`: a folder of theirs that is not on the stick."""

    stick: Path
    signers: Path
    keys: Path

    @property
    def site(self) -> Path:
        """The file that is spoilt."""
        return self.stick / "site.yaml"

    def no_file(self) -> None:
        """Nothing lies there."""
        self.site.unlink()

    def two_files(self) -> None:
        """Which one is meant?"""
        (self.stick / "SITE.YML").write_bytes(self.site.read_bytes())

    def two_signatures(self) -> None:
        """Likewise."""
        for name in ("site.yaml.sig", "SITE.yaml.sig"):
            (self.stick / name).write_bytes(b"")

    def a_link(self) -> None:
        """It leads off the stick."""
        self.site.rename(self.keys / "elsewhere.yaml")
        self.site.symlink_to(self.keys / "elsewhere.yaml")

    def a_pipe(self) -> None:
        """Whoever opens it waits."""
        self.site.unlink()
        os.mkfifo(self.site)

    def a_folder(self) -> None:
        """With the right name."""
        self.site.unlink()
        self.site.mkdir()

    def ten_megabytes(self) -> None:
        """Some other file."""
        self.site.write_text("#" * 10_000_000)

    def a_signature_of_ten_megabytes(self) -> None:
        """Likewise."""
        (self.stick / "site.yaml.sig").write_bytes(b"\0" * 10_000_000)

    def faults(self) -> None:
        """A key is misspelt."""
        self.site.write_text(self.site.read_text().replace("  port: 11112", "  prot: 11112", 1))

    def a_file_that_is_not_there(self) -> None:
        """The YAML names one."""
        self.site.write_text(f"master_key_file: {self.keys}/absent\n{self.site.read_text()}")

    def gb18030(self) -> None:
        """Not UTF-8."""
        self.site.write_bytes(self.site.read_text().replace("Qinghe", "清河").encode("gb18030"))

    def unsigned(self) -> None:
        """As it is."""

    def signed_then_changed(self) -> None:
        """By one line end."""
        sign(self.site, self.keys / "hospital")
        self.site.write_text(self.site.read_text() + "\n")

    def the_signature_of_another_file(self) -> None:
        """By the right key."""
        other = self.keys / "other.yaml"
        other.write_text("a: 1")
        sign(other, self.keys / "hospital")
        shutil.copy(self.keys / "other.yaml.sig", self.stick / "site.yaml.sig")

    def the_signature_of_a_stranger(self) -> None:
        """By a key that nobody enrolled."""
        new_key(self.keys / "stranger")
        sign(self.site, self.keys / "stranger")

    def signed_for_another_purpose(self) -> None:
        """By the right key."""
        sign(self.site, self.keys / "hospital", namespace="file")

    def no_signature_at_all_in_it(self) -> None:
        """Some text."""
        (self.stick / "site.yaml.sig").write_bytes(b"trust me")

    def nobody_enrolled(self) -> None:
        """The box has no file of signers."""
        sign(self.site, self.keys / "hospital")
        self.signers.unlink()
