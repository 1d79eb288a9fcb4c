"""The system image of a box: what is raised, and what a technician is told."""

from __future__ import annotations

from typing import Final

from appliance.error_catalogue.explanation import Explanation

SYSTEM_IMAGES: Final = {
    "os-boot-entry-missing": Explanation(
        "The system that is to run next has no entry of the boot loader.",
        "Nothing has changed; the running system goes on. Send the maker a support bundle.",
    ),
    "os-boot-loader-failed": Explanation(
        "The boot loader's partition, or systemd, did not do what it was asked for.",
        "See `journalctl -u osteon-os-install`; nothing has changed, and it is tried again.",
    ),
    "os-install-failed": Explanation(
        "The new system could not be written into the other slot. The running one is untouched.",
        "It is tried again by itself. If it comes back: `journalctl -u osteon-os-install`, and "
        "check the disk.",
    ),
    "os-not-an-image": Explanation(
        "This machine was not flashed with an image of ours: its system is Debian's to update.",
        "Use `apt`, and `provisioning/install` for Osteon itself.",
    ),
    "os-nothing-kept": Explanation(
        "There is no system before the running one on this box.",
        "Nothing was changed. A newer system by network or stick is the way on.",
    ),
    "os-nothing-to-start": Explanation(
        "No system waits for a restart.",
        "`osteon update status` shows how the system stands. `systemctl reboot` restarts as it is.",
    ),
    "os-on-trial": Explanation(
        "The new system has just been started and is on trial: it is kept or taken back by itself.",
        "Wait a quarter of an hour, and try again if it was kept.",
    ),
    "os-recalled-alone": Explanation(
        "The maker has recalled the running system, and none is kept to go back to. It goes on: "
        "a box that finds fractures is better than none.",
        "Bring a newer system by network or stick soon, or flash the box; tell the maker.",
    ),
    "os-record-broken": Explanation(
        "The record of the system's updates could not be read. The box began it anew with the "
        "system that runs; what had failed here may be tried again.",
        "Check the disk if it comes back.",
    ),
    "os-restart-waits": Explanation(
        "A system was installed a day ago or earlier, and this box has not been restarted into it.",
        "Run `osteon update os restart` at a quiet moment, or set `update.restart_from` and "
        "`update.restart_until`.",
    ),
    "os-rollback-unanswered": Explanation(
        "What installs systems on this box did not answer in time. It may be writing a new system, "
        "or have begun to go back.",
        "Look at the history of the updates: it says whether the system was taken back. If not, "
        "wait some minutes and try again. If it comes back, send the maker a support bundle.",
    ),
    "os-rollback-unconfirmed": Explanation(
        "What was typed is not the word that was asked for. Nothing has changed.",
        "Choose it again if this box is to run the system before.",
    ),
    "os-study-under-way": Explanation(
        "A study is under way: this box does not restart now.",
        "Wait until `osteon studies` shows none that is under way, and try again.",
    ),
    "os-taken-back": Explanation(
        "A new system failed on this box or was recalled; the one before it runs again. The failed "
        "one is never installed again here; the maker sees it in the status.",
        "Nothing at once: the box works as before. `osteon update status` says why.",
    ),
    "os-unhealthy": Explanation(
        "A boot of a new system lacks what worked under the old one. It is started again, and the "
        "old one comes back once its tries are used up.",
        "Nothing: wait for it. `osteon update history` names what was missing.",
    ),
}
