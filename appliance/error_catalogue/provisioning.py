"""First boot: the device's identity, the stick with the site YAML, the hand-over sheet."""

from __future__ import annotations

from typing import Final

from appliance.error_catalogue.explanation import Explanation

PROVISIONING: Final = {
    "fingerprint-differs": Explanation(
        "What was typed or ordered is not the fingerprint of the site YAML on the stick.",
        "Do not use this file before you know why: compare `sha256sum site.yaml` on the computer "
        "where it was written with what the box shows.",
    ),
    "identity-broken": Explanation(
        "The device's identity does not fit together or does not open on this machine: the disk "
        "came from another machine, its TPM was cleared, Secure Boot was changed, or files are "
        "damaged.",
        "Undo that change. If it is meant to be so, move the folder /etc/osteon/identity away and "
        "run `osteon first-boot identity`: the box is then a new device with a new certificate.",
    ),
    "printer-not-in-yaml": Explanation(
        "The site YAML has no printer of this name.",
        "Take one of the names in the message, or make a PDF with --output.",
    ),
    "sheet-without-place": Explanation(
        "The hand-over sheet has nowhere to go.",
        "Add `--output FILE` or `--print PRINTER`.",
    ),
    "signer-fingerprint-differs": Explanation(
        "What was typed is not the fingerprint of the key on the stick. It was not enrolled.",
        "Do not use this key before you know why: ask its owner for the fingerprint once more.",
    ),
    "signer-key-invalid": Explanation(
        "The file on the stick is no public key that may sign a site YAML.",
        "Take the file that ends with `.pub`: one line that begins with `ssh-ed25519`, "
        "`ecdsa-sha2-nistp256`, `ecdsa-sha2-nistp384` or `ssh-rsa`.",
    ),
    "signer-key-missing": Explanation(
        "No public key lies in the top folder of the stick.",
        "Copy it there under the name `signer.pub`, and try again.",
    ),
    "signer-name-unfit": Explanation(
        "This cannot be the name of who signs: at most 40 letters, digits, dots, dashes, "
        "underscores and @, without gaps.",
        "Choose it again, and type another one.",
    ),
    "signer-unknown": Explanation(
        "Nobody of that name may sign here. Nothing has changed.",
        "Choose it again, and type one of the names as they are shown.",
    ),
    "signer-withdrawal-unconfirmed": Explanation(
        "What was typed is not the word that was asked for. Nothing has changed.",
        "Choose it again if somebody is to sign no more.",
    ),
    "site-signature-wrong": Explanation(
        "The signature beside the site YAML is not one of this file by an enrolled key; the file "
        "was not taken.",
        "Sign the file again after its last change: `ssh-keygen -Y sign -n osteon-site -f KEY "
        "site.yaml`, with a key that stands in /etc/osteon/site-signers.",
    ),
    "site-signers-missing": Explanation(
        "The site YAML is signed, but this box knows nobody who may sign.",
        "Enrol the key in /etc/osteon/site-signers (see the manual), or take the signature off the "
        "stick and confirm the fingerprint.",
    ),
    "site-unsigned": Explanation(
        "The site YAML has no signature, and nobody is there to confirm its fingerprint.",
        "Sign it, or run `osteon first-boot import` at the box and compare the fingerprint.",
    ),
    "stick-ambiguous": Explanation(
        "More than one site YAML, or more than one signature, lies on the stick.",
        "Leave one `site.yaml`, and at most one `site.yaml.sig`, in its top folder.",
    ),
    "stick-empty": Explanation(
        "No site YAML lies in the top folder of the stick.",
        "Name the file `site.yaml` and put it there, not into a subfolder.",
    ),
    "stick-file-irregular": Explanation(
        "The site YAML or its signature is a link, a folder or a device, not a plain file.",
        "Copy the file itself onto the stick.",
    ),
    "stick-file-too-large": Explanation(
        "The site YAML or its signature is far longer than such a file is.",
        "Look whether it is the right file.",
    ),
    "stick-named-twice": Explanation(
        "Both a folder and a label were given.",
        "Give either --from or --from-label.",
    ),
    "stick-unreadable": Explanation(
        "The stick's folder or a file on it cannot be read.",
        "Try the stick in another computer, or use another stick.",
    ),
    "volume-ambiguous": Explanation(
        "More than one disk or stick carries the label.",
        "Leave one of them in the box, or name a mounted folder with --from.",
    ),
    "volume-missing": Explanation(
        "No disk or stick carries the label, or the command was not run as root.",
        "Give the stick the label OSTEON, plug it in, wait some seconds and try again as root; or "
        "mount it and name its folder with --from.",
    ),
    "volume-not-mounted": Explanation(
        "The stick could not be mounted.",
        "Run the command as root. Try the stick in another computer, or format it anew as FAT.",
    ),
    "volume-unsupported": Explanation(
        "The stick has a file system that this box does not open.",
        "Format it as FAT (vfat, exfat), or use ext4, ISO 9660 or UDF.",
    ),
}
