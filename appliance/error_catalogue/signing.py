"""SignatureError: what boxes, makers and hospitals sign."""

from __future__ import annotations

from typing import Final

from appliance.error_catalogue.explanation import Explanation

SIGNING: Final = {
    "device-key-invalid": Explanation(
        "What should be a device's key is none.",
        "On the box: `osteon first-boot identity` says what its identity lacks. For a public key: "
        "take the file again from where it came.",
    ),
    "device-key-missing": Explanation(
        "This box has no identity, so that it cannot sign.",
        "Run `osteon first-boot identity` as root, then try again.",
    ),
    "envelope-invalid": Explanation(
        "What should be a signed statement is none, or it was signed for another purpose.",
        "Take the file again from where it came; do not trust what it says.",
    ),
    "envelope-unsigned": Explanation(
        "The statement is not signed by the key, or by as many keys, as it must be.",
        "Do not trust what it says; ask whom it should come from.",
    ),
}
