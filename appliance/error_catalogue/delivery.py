"""DeliveryError: mails, pages and objects that did not get out."""

from __future__ import annotations

from typing import Final

from appliance.error_catalogue.explanation import Explanation

DELIVERY: Final = {
    "attachment-unreadable": Explanation(
        "Something that was to be sent cannot be read from the state folder any more.",
        "Check the disk. Find the study with `osteon studies`, and telephone its doctor.",
    ),
    "ca-file-unusable": Explanation(
        "A file with certificate authorities is missing or holds none.",
        "Check the `ca_file` in the site YAML: a PEM file that Osteon's user may read.",
    ),
    "channel-failed": Explanation(
        "An alert channel failed in a way that it does not know; it is tried again.",
        "If it comes back, send the log to the maker; the message names the kind of failure.",
    ),
    "channel-twice": Explanation(
        "Two alert channels in this build have the same name: the build itself is wrong.",
        "Install the maker's unaltered release.",
    ),
    "content-not-for-channel": Explanation(
        "A channel was asked to carry what it must not, such as a page by mail.",
        "Nothing left the box. Install the maker's unaltered release, and tell the maker.",
    ),
    "delivery-crashed": Explanation(
        "A delivery failed in a way that Osteon did not foresee; it is tried again.",
        "If it comes back, send the log to the maker; the message names the kind of failure.",
    ),
    "delivery-given-up": Explanation(
        "Result objects could not be stored for days and are no longer tried. Alerts never end so.",
        "Find out why the PACS did not take them; the studies are listed by `osteon studies`.",
    ),
    "language-unknown": Explanation(
        "There are no texts in the language that was asked for.",
        "Set `site.language` to one that `osteon config example` lists.",
    ),
    "mail-address-invalid": Explanation(
        "The mail server cannot be given an address as it stands in the site YAML.",
        "Check `mail.sender` and the addresses under `alerts`.",
    ),
    "mail-certificate": Explanation(
        "The mail server's certificate is not one that this box trusts.",
        "Check `mail.host` against it; for an authority of the site's own set `mail.ca_file`.",
    ),
    "mail-deferred": Explanation(
        "The mail server put the alert off; it is tried again.",
        "If it goes on, ask who runs the mail server; the number in the message is its answer.",
    ),
    "mail-disconnected": Explanation(
        "The mail server broke the connection; the alert is tried again.",
        "If it goes on, ask who runs the mail server, and check `mail.port` and `mail.security`.",
    ),
    "mail-host-unknown": Explanation(
        "The mail server's name cannot be found.",
        "Check `mail.host` and this machine's DNS settings.",
    ),
    "mail-login-refused": Explanation(
        "The mail server refused the login.",
        "Check `mail.login` and the password in the file that `mail.password_file` names.",
    ),
    "mail-login-unsupported": Explanation(
        "The mail server takes no login of a kind that Osteon knows.",
        "Take `mail.login` out if the server needs none; else ask who runs it for PLAIN or LOGIN.",
    ),
    "mail-refused": Explanation(
        "The mail server refused the alert for good.",
        "Check the sender and the recipients in the site YAML with who runs the mail server.",
    ),
    "mail-starttls-missing": Explanation(
        "The mail server offers no encryption on this port; nothing was sent.",
        "Set `mail.security: tls` and its port, mostly 465, or ask who runs the mail server.",
    ),
    "mail-timeout": Explanation(
        "The mail server did not answer in time; the alert is tried again.",
        "Check the network, a firewall, and whether `mail.port` and `mail.security` fit.",
    ),
    "mail-tls-failed": Explanation(
        "No encrypted connection to the mail server could be agreed on.",
        "Check `mail.port` and `mail.security`; an old server may need an update.",
    ),
    "mail-unreachable": Explanation(
        "The mail server cannot be reached; the alert is tried again.",
        "Check the network, a firewall, `mail.host` and `mail.port`.",
    ),
    "outbox-item-missing": Explanation(
        "A message that was being delivered is gone from the analyser's ledger.",
        "The ledger was rebuilt or restored: look at the latest studies with `osteon studies`.",
    ),
    "pacs-aborted": Explanation(
        "The PACS broke off the association; the object is tried again.",
        "If it goes on, look into the log of the PACS.",
    ),
    "pacs-cannot-process": Explanation(
        "The PACS could not process the object; the status is in the message.",
        "Look into the log of the PACS, and give its administrator the status.",
    ),
    "pacs-certificate": Explanation(
        "The PACS' certificate is not one that this box trusts.",
        "Check its `host` against the certificate; for the site's own authority set its `ca_file`.",
    ),
    "pacs-host-unknown": Explanation(
        "The name of the PACS cannot be found.",
        "Check its `host` under `pacs` in the site YAML, and this machine's DNS settings.",
    ),
    "pacs-no-answer": Explanation(
        "The PACS did not answer in time; the object is tried again.",
        "Check the load of the PACS and the network.",
    ),
    "pacs-out-of-resources": Explanation(
        "The PACS has no room; the object is tried again.",
        "Tell the administrator of the PACS.",
    ),
    "pacs-refuses-association": Explanation(
        "The PACS does not take associations from this box.",
        "Let its administrator enter this box's AE title and address; check `pacs` in the YAML.",
    ),
    "pacs-refuses-class": Explanation(
        "The PACS does not take structured reports or secondary captures.",
        "Let its administrator allow both; until then findings go out by mail and paper only.",
    ),
    "pacs-refuses-object": Explanation(
        "The PACS refused the object; the status is in the message.",
        "Look into the log of the PACS, and give its administrator the status.",
    ),
    "pacs-tls-failed": Explanation(
        "No encrypted connection to the PACS could be agreed on.",
        "Check its `port` and `tls` under `pacs`; an old PACS may need an update.",
    ),
    "pacs-unreachable": Explanation(
        "The PACS cannot be reached; the object is tried again.",
        "Check the network, and `host`, `port` and `tls` under `pacs` in the site YAML.",
    ),
    "page-missing": Explanation(
        "An alert has no page to print.",
        "The alert goes out by mail all the same. Tell the maker.",
    ),
    "page-size": Explanation(
        "A page is empty or too large to print.",
        "The alert goes out by mail all the same. Tell the maker.",
    ),
    "printer-busy": Explanation(
        "The printer is busy and takes no page now; the page is tried again.",
        "Wait a few minutes; if it stays so, look at the printer's display.",
    ),
    "printer-certificate": Explanation(
        "The printer's certificate is not one that this box trusts.",
        "Check the printer's name in its `uri`; for an authority of the site set its `ca_file`.",
    ),
    "printer-gave-up": Explanation(
        "The printer gave a page up or somebody cancelled it; it is tried again.",
        "Look at the printer's display.",
    ),
    "printer-held": Explanation(
        "The printer holds a page back and waits for somebody.",
        "Release the job at the printer, and switch off its holding of jobs.",
    ),
    "printer-out-of-paper": Explanation(
        "The printer has no paper; the page is tried again.",
        "Put paper into the printer.",
    ),
    "printer-printed-nothing": Explanation(
        "The printer said that it was done and counted no page.",
        "Look whether paper came out. If it did, set `counts_pages: false` for this printer.",
    ),
    "printer-refused": Explanation(
        "The printer does not take the page; its answer is in the message.",
        "Check the printer's `uri`, and that it takes PDF over IPP.",
    ),
    "printer-stopped": Explanation(
        "The printer has stopped: a jam, an open door, no toner.",
        "Look at the printer's display.",
    ),
    "printer-stuck": Explanation(
        "The printer took a page and did not finish it in time; it is tried again.",
        "Look at the printer's display, and switch it off and on.",
    ),
    "printer-unreachable": Explanation(
        "The printer cannot be reached; the page is tried again.",
        "Check that it is on, the network, and its `uri` in the site YAML.",
    ),
    "summary-missing": Explanation(
        "An alert has nothing to say in a mail.",
        "The page is printed all the same. Tell the maker.",
    ),
    "summary-unfit": Explanation(
        "An alert's case code is none, so that it was not put into a mail.",
        "The page is printed all the same. Tell the maker.",
    ),
}
