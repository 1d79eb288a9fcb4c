"""Notices about the box itself, which a technician is told by mail while work goes on."""

from __future__ import annotations

from typing import Final

from appliance.error_catalogue.explanation import Explanation

HEALTH: Final = {
    "certificate-expires": Explanation(
        "A certificate that the site YAML names has expired or will soon.",
        "Have it renewed, put the new file in the place of the old one, and restart Osteon.",
    ),
    "clock-jumped": Explanation(
        "The clock of this box was moved; times in alerts and results may be wrong by as much.",
        "Find out who or what set the clock, and let a time server (NTP) keep it.",
    ),
    "clock-unsynchronised": Explanation(
        "No time server keeps the clock of this box: its times drift away from the hospital's.",
        "Name the hospital's time server in /etc/systemd/timesyncd.conf; where there is none, set "
        "`health.clock_needs_server: false` and set the clock by hand every month.",
    ),
    "no-images": Explanation(
        "No image has arrived for longer than this site calls usual.",
        "Send one from a modality. Check its DICOM destination, the cable and the network.",
    ),
    "receiver-silent": Explanation(
        "The receiver does not answer on its port: modalities cannot send.",
        "Look at `systemctl status osteon-receive` and its log; restart it. Images stay at the "
        "modality meanwhile and are to be sent again.",
    ),
    "role-restarting": Explanation(
        "A part of Osteon ends and is started again, over and over.",
        "Read its log: `journalctl -u osteon-PART`. Its last error says what it lacks.",
    ),
    "study-stuck": Explanation(
        "A study has not moved on for longer than it should take: nobody has been told about it.",
        "See `osteon studies`. Read the images as if this box did not exist, then restart "
        "osteon-analyse and look at its log.",
    ),
    "unit-failed": Explanation(
        "A part of Osteon failed again and again and is not running now. The other parts go on.",
        "Read its log: `journalctl -u UNIT -n 50`. It is tried again after 20 minutes; at "
        "once with `systemctl restart osteon.target`.",
    ),
    "unit-without-key": Explanation(
        "A part of Osteon does not start: there is no master key that this machine can open. "
        "Without the receiver nothing is received; modalities keep their images and show an error.",
        "Put `/etc/credstore.encrypted/osteon.master-key` back as it was on this machine, then "
        "`systemctl restart osteon.target`. A new key would not open the studies that lie here.",
    ),
}
