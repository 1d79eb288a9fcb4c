"""CheckError: what `osteon check` finds out of order and no other error names."""

from __future__ import annotations

from typing import Final

from appliance.error_catalogue.explanation import Explanation

CHECKING: Final = {
    "certificate-unreadable": Explanation(
        "A certificate file that the site YAML names cannot be read, or holds no certificate.",
        "Check the file: PEM, readable by Osteon's user.",
    ),
    "check-crashed": Explanation(
        "A check failed in a way that Osteon did not foresee; the kind of failure is in brackets.",
        "Run `osteon check` again; if it comes back, send what it prints with `--json` to the "
        "maker.",
    ),
    "check-not-allowed": Explanation(
        "This user may not look at what the check needs to see.",
        "Run it as root: `sudo osteon check`.",
    ),
    "check-timeout": Explanation(
        "What was looked at did not answer in time.",
        "Check the network to it and that it is on. If only a model is late, the box is busy: run "
        "`osteon check` again when it is idle.",
    ),
    "clock-unreadable": Explanation(
        "The system did not say how well its clock is kept.",
        "Look at `timedatectl` by hand.",
    ),
    "host-unknown": Explanation(
        "A host name of the site YAML cannot be found.",
        "Check the name, and the DNS server of this machine (`resolvectl status`); an address in "
        "digits needs no DNS.",
    ),
    "modality-never-sent": Explanation(
        "This modality has not sent anything to this box yet.",
        "Send one image from it. If it is refused, compare AE titles, address and port on both "
        "sides.",
    ),
    "modality-quiet": Explanation(
        "This modality has not sent anything for days.",
        "If it was in use, check its DICOM destination, the cable and the network.",
    ),
    "packs-missing": Explanation(
        "There is no model pack: the box can receive, and analyse nothing.",
        "Check `packs.folder` in the site YAML; it holds one folder for each pack.",
    ),
    "printer-complains": Explanation(
        "The printer prints, and wants something; its own words are in brackets.",
        "Look at the printer's display: mostly paper or toner will soon be out.",
    ),
    "test-not-delivered": Explanation(
        "The test message did not reach somebody who would get an alert.",
        "Run `osteon check` to see whether the mail server or the printer answers, and look at "
        "`journalctl -u osteon-deliver`.",
    ),
    "test-not-filed": Explanation(
        "The receiver took the phantom, and it is not in its ledger.",
        "Check that `--config` is the file that the running box uses: another state folder would "
        "explain it. Look at `journalctl -u osteon-receive`.",
    ),
    "test-not-read": Explanation(
        "The phantom went all the way, and the box could not analyse it.",
        "The code says why; `osteon check` looks at the model packs. A patient's study may fare "
        "the same.",
    ),
    "test-not-sent": Explanation(
        "The listener did not take the phantom.",
        "Check that Osteon runs (`systemctl status osteon.target`) and that `--config` is the file "
        "that it uses; then look at `journalctl -u osteon-receive`.",
    ),
    "test-not-taken-up": Explanation(
        "The phantom was received, and the analyser has not taken it up.",
        "The analyser does not run or hangs: `systemctl status osteon-analyse`, then "
        "`journalctl -u osteon-analyse`.",
    ),
    "test-stuck": Explanation(
        "The phantom stopped on its way through the analysis; the last state is in brackets.",
        "Look at `journalctl -u osteon-analyse`; `osteon show CASE` has the whole timeline.",
    ),
    "test-unrecognised": Explanation(
        "The box did not recognise its own phantom and took it for a patient.",
        "Tell those who were told that the named case was a test, acknowledge it with "
        "`osteon ack`, and tell the maker.",
    ),
}
