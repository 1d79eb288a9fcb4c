"""PackError: model packs that may not be loaded."""

from __future__ import annotations

from typing import Final

from appliance.error_catalogue.explanation import Explanation

PACKS: Final = {
    "golden-invalid": Explanation(
        "A golden case of a model pack cannot be read.",
        "Install the pack again; if that does not help, tell the maker.",
    ),
    "pack-description-invalid": Explanation(
        "A pack's pack.yaml has faults; the message names their places.",
        "Install the pack again or update Osteon to the release that the pack needs.",
    ),
    "pack-external-data": Explanation(
        "A pack's network refers to a further file, which could be anything.",
        "Do not use this pack; tell the maker.",
    ),
    "pack-file-altered": Explanation(
        "A file of a model pack is not what was signed.",
        "Install the pack again; if it comes back, check the disk, and ask who else can write "
        "there.",
    ),
    "pack-file-irregular": Explanation(
        "A model pack holds a link or a device in the place of a file.",
        "Install the pack again, by Osteon's own means and not by hand.",
    ),
    "pack-file-missing": Explanation(
        "A file that a model pack needs is not there or not signed for.",
        "Install the pack again.",
    ),
    "pack-file-unlisted": Explanation(
        "A model pack's folder holds a file that was not signed.",
        "Remove what was put there by hand, or install the pack again.",
    ),
    "pack-manifest-invalid": Explanation(
        "A model pack's manifest.json is not a signed list of files.",
        "Install the pack again.",
    ),
    "pack-missing": Explanation(
        "A model pack that should be loaded is not there.",
        "Check the packs' folder and its owner, or install the pack.",
    ),
    "pack-not-accepted": Explanation(
        "The site YAML asks that this site accepts a model before it reads patients, and it has "
        "not accepted this one, or not for this alert threshold.",
        "Measure it on the site's labelled set with `osteon accept`, or take `acceptance.required` "
        "out of the site YAML.",
    ),
    "pack-path-invalid": Explanation(
        "A model pack's signed list names a path outside its folder.",
        "Do not use this pack; tell the maker.",
    ),
    "pack-refused-by-site": Explanation(
        "This site measured the model with `osteon accept` and refused it. It reads no patient.",
        "Wait for another version of the model, or measure it again with `osteon accept`.",
    ),
    "pack-signature-invalid": Explanation(
        "A model pack is not signed by enough of the keys that this box trusts.",
        "Use a pack from the maker. A pack of your own needs the box to trust your key.",
    ),
    "pack-too-large": Explanation(
        "A model pack says that it is larger than any pack may be.",
        "Do not use this pack; tell the maker.",
    ),
    "reader-twice": Explanation(
        "Two readers in this build have the same name: the build itself is wrong.",
        "Install the maker's unaltered release.",
    ),
    "reader-unknown": Explanation(
        "A model pack asks for a reader that this release does not have.",
        "Update Osteon to the release that the pack needs, or remove the pack.",
    ),
    "runtime-twice": Explanation(
        "Two inference libraries in this build have the same name: the build itself is wrong.",
        "Install the maker's unaltered release.",
    ),
    "trust-invalid": Explanation(
        "The file that says which keys may sign packs cannot be believed.",
        "Install the maker's unaltered release.",
    ),
}
