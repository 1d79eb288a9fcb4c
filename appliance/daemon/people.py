"""Who asks at the door, by the kernel's word and the system's groups."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path
from typing import Final

from appliance.audit.wire import Peer
from appliance.daemon.door import Person

TECHNICIANS: Final = "osteon"
PATIENTS: Final = "osteon-patients"
_UNITS: Final = frozenset({"osteon-receive", "osteon-analyse", "osteon-deliver", "osteon-update"})
"""Users of the other units, which nobody logs in as."""
_NOBODY_LOGGED_IN: Final = 2**32 - 1


def person_of(peer: Peer) -> Person:
    """The person or unit behind a connection.

    Somebody who became root is named by the login they came with (proc(5), loginuid). Root and the
    user that this process runs as (`osteon run`) may do everything: they hold the keys anyway.
    """
    groups = _groups_of(peer.uid)
    is_owner = peer.uid in {0, os.getuid()}
    login = _name_of(peer.uid)
    # By name: the group that a unit runs in is systemd's doing, and stands in no user list.
    speaks_for_others = is_owner or login in _UNITS
    came_as = _login_uid(peer.pid)
    if came_as is not None and came_as != peer.uid:
        login = f"{_name_of(came_as)} as {login}"
    return Person(
        login=login,
        may_record=speaks_for_others or TECHNICIANS in groups,
        speaks_for_others=speaks_for_others,
        may_see_patients=is_owner or PATIENTS in groups,
    )


def _groups_of(uid: int) -> frozenset[str]:
    try:
        user = pwd.getpwuid(uid)
    except KeyError:
        return frozenset()
    names = set()
    for number in os.getgrouplist(user.pw_name, user.pw_gid):
        try:
            names.add(grp.getgrgid(number).gr_name)
        except KeyError:
            continue
    return frozenset(names)


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _login_uid(pid: int) -> int | None:
    try:
        number = int(Path(f"/proc/{pid}/loginuid").read_text())
    except (OSError, ValueError):
        return None
    return None if number == _NOBODY_LOGGED_IN else number
