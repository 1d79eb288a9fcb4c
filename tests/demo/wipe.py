"""`make demo-wipe`: a full box is wiped before your eyes. Exit status 0 when all of it is gone.

As root the box's data lie on a LUKS2 disk (a loop device); else in plain folders.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.panel import Panel

from tests.demo.__main__ import OUTPUT
from tests.simulators.box import OSTEON, ROOT
from tests.simulators.wiping import (
    WipeBox,
    attached,
    canaries_in,
    decrypted,
    encrypted_disk,
    filled_box,
    opens_with_any,
    opens_with_passphrase,
)

console = Console(highlight=False)


def main() -> int:
    """Fill a box, wipe it, and look for what is left."""
    output = Path(os.environ.get(OUTPUT) or tempfile.mkdtemp(prefix="osteon-demo-"))
    output.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="od")))
        console.print(Panel("A box with 40 sealed studies, its keys, identity and site YAML."))
        box = filled_box(folder / "box", studies=40)
        shutil.copytree(box.state, folder / "backup")
        shutil.copy(box.identity / "device.csr", output / "device.csr")
        words: list[str] = []
        medium = None
        if os.geteuid() == 0:
            medium = encrypted_disk(folder, box.state, mib=48)
            shutil.rmtree(box.state)
            device = stack.enter_context(attached(medium))
            found = canaries_in(decrypted(medium, folder / "plain"))
            console.print(
                f"Its data lie on {device}, LUKS2: {canaries_in(medium)} of 200 patients'"
            )
            console.print(f"names in clear on the raw disk, {found} when its key opens it.")
            # Of a volume that is closed nobody knows what waits on it: a person takes that on.
            words = ["--volume", device, "--override-undelivered", "Dr. Wang"]
        faults = play(box, words, output)
        faults += left(box, folder, medium)
    for fault in faults:
        console.print(f"[bold red]fault:[/] {fault}")
    console.print(f"Certificate, as file and as picture: {output}")
    console.print("[bold red]DEMO FAILED" if faults else "[bold green]DEMO-WIPE PASSED")
    return 1 if faults else 0


def play(box: WipeBox, words: list[str], output: Path) -> list[str]:
    """The verbs as a technician types them; what did not go as it must."""
    show(box, "--plan", *words[:2])
    wrong = show(box, "--operator", "Li Wei", "--serial", "0000", *words)
    done = show(
        box,
        *("--operator", "Li Wei", "--title", "Technician", "--organisation", "Qinghe IT"),
        *("--media-destination", "recycling", "--serial", box.serial, "--to", str(output)),
        *words,
    )
    if not done == 0 != wrong:
        return ["the wipe did not end as it must"]
    certificate = box.certificate()
    checked = run("verify-certificate", str(certificate), "--request", str(output / "device.csr"))
    page = certificate.with_suffix(".pdf")
    picture = output / page.stem
    command = ["pdftoppm", "-r", "110", "-png", "-singlefile", page, picture]
    subprocess.run(command, check=True)
    return [] if checked == 0 else ["the certificate does not hold"]


def show(box: WipeBox, *words: str) -> int:
    """Run `osteon wipe` with this box's places; its exit status."""
    places = ("--config", box.config, "--identity", box.identity, "--journal", box.journal)
    return run(*map(str, places), *words, shown=words)


def last_of(said: str) -> str:
    """What comes after the plan, which was shown before."""
    return said[max(0, said.find("· statement")) :] if "· statement" in said else ""


def run(*words: str, shown: tuple[str, ...] = ()) -> int:
    """Run `osteon wipe`, its words on the screen."""
    console.print(f"\n[bold]$ osteon wipe {' '.join(shown or words)}", soft_wrap=True)
    sys.stdout.flush()
    done = subprocess.run(
        [*OSTEON, "wipe", *words], check=False, cwd=ROOT, capture_output=True, text=True
    )
    said = last_of(done.stdout) if "--operator" in words else done.stdout
    console.print(f"{said}{done.stderr}", markup=False, end="")
    return done.returncode


def left(box: WipeBox, folder: Path, medium: Path | None) -> list[str]:
    """Look for what must not be there any more."""
    console.print("\n[bold]What is left")
    faults = []
    opened = opens_with_any(folder / "backup", folder)
    console.print(f"files on the box that open an old backup: {len(opened)}")
    faults += [f"{name} opens an old backup" for name in opened]
    console.print(f"files left of the box: {len(list(box.folder.iterdir()))}")
    faults += [f"left: {place}" for place in box.folder.iterdir()]
    if medium is not None:
        found, opens = canaries_in(medium), opens_with_passphrase(medium)
        words = "opens" if opens else "does not open any more"
        console.print(f"patients' names on the raw disk: {found}; with its passphrase it {words}")
        if found or opens:
            faults.append("the disk still tells")
    return faults


if __name__ == "__main__":
    sys.exit(main())
