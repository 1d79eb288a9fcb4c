"""A maker, a server that misbehaves as told, and a box that has taken the first release."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from appliance.errors import OsteonError
from appliance.update.pace import Pace
from tests.simulators.update_box import PATIENT, UpdateBox
from tests.simulators.update_repository import MadePack, RepositoryMaker
from tests.simulators.web_server import Server

OLD, NEW = "1.0.0.1", "1.1.0.1"


class Site:
    """A maker, a server and a box that has taken the first release already."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder = folder
        self.server = server
        self.maker = RepositoryMaker(server.folder)
        self.old = self.maker.release(self.maker.make_pack(OLD))
        self.box = UpdateBox(folder / "box", self.maker.first_root)
        self.box.floors.begin()
        assert self.box.apply(self.http()) == ()
        self.box.commit(self.old)
        self.before = self.maker.copy(folder / "before")

    def http(self, pace: Pace = PATIENT) -> Any:
        return self.box.http(self.server.port, pace)

    def release(self, pack: MadePack | None = None) -> MadePack:
        return self.maker.release(pack or self.maker.make_pack(NEW, 2))

    def replay(self) -> None:
        """Serve what was served before."""
        self.server.folder = self.before

    def refused(self, pace: Pace = PATIENT) -> str:
        """The code with which the attempt ended, or with which the new pack was refused."""
        try:
            refusals = self.box.apply(self.http(pace))
        except OsteonError as error:
            code = error.code
            assert self.box.history[-1].details["code"] == code
        else:
            codes = {refusal.error.code for refusal in refusals}
            code = codes.pop() if codes else ""
            assert not codes
        assert NEW not in self.box.offered.values()
        return code
