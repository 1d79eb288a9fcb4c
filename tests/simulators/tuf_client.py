"""python-tuf's own client before a folder that a web server serves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import Updater
from tuf.ngclient.fetcher import FetcherInterface

from updates.repository import served_as


class Client:
    """A box that looks at what a web server serves: python-tuf, from the first root on."""

    def __init__(self, home: Path, root: bytes) -> None:
        self._home, self._root = home, root
        home.mkdir(exist_ok=True)

    def digests(self, served: Path, *paths: str) -> dict[str, str]:
        """Refresh; the SHA-256 of those of these targets that are offered there, whole."""
        client = Updater(
            str(self._home),
            "metadata/",
            fetcher=_FolderFetcher(served),
            target_base_url="targets/",
            bootstrap=self._root,
        )
        client.refresh()
        found = {}
        for path in paths:
            target = client.get_targetinfo(path)
            if target is not None:
                content = (served / served_as(target)).read_bytes()
                target.verify_length_and_hashes(content)
                found[path] = hashlib.sha256(content).hexdigest()
        return found


class _FolderFetcher(FetcherInterface):
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _fetch(self, url: str) -> Iterator[bytes]:
        try:
            return iter(((self._folder / url).read_bytes(),))
        except FileNotFoundError:
            raise DownloadHTTPError("not there", 404) from None
