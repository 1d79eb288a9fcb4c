"""The installer's words; what it does is proven in `tests/system`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

INSTALL = Path(__file__).parents[2] / "provisioning/install"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([INSTALL, *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "words",
    [
        ("--purge",),
        ("--uninstall", "--yes"),
        ("--yes",),
        ("--unistall",),
        ("--into-image", "--uninstall"),
        ("now",),
    ],
)
def test_wrong_use_does_nothing_and_says_what_is_right(words: tuple[str, ...]) -> None:
    done = run(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "FAILED" in done.stderr
    assert "--uninstall [--purge [--yes]]" in done.stderr


def test_help_says_every_use_and_status() -> None:
    done = run("--help")
    assert done.returncode == 0
    for words in ("install --uninstall --purge", "Exit status: 0 done; 1 ", "as root"):
        assert words in done.stdout
    assert "set -eu" not in done.stdout
