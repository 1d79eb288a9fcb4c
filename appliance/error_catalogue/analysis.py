"""AnalysisError: readings that did not finish."""

from __future__ import annotations

from typing import Final

from appliance.error_catalogue.explanation import Explanation

ANALYSIS: Final = {
    "detections-invalid": Explanation(
        "The inference child named regions that its pack cannot have made; the study counts as "
        "not analysed.",
        "Send the log to the maker: the pack or its reader is wrong.",
    ),
    "device-fell-back": Explanation(
        "A model runs on the processor, since the device that it should run on does not serve.",
        "Check the device and its driver; until then readings are slower, and go on.",
    ),
    "film-blank": Explanation(
        "A radiograph shows nothing, or the same everywhere.",
        "Look at it at the modality: the exposure or the transfer failed.",
    ),
    "film-not-recognised": Explanation(
        "A radiograph does not look like the films of limbs that the model learnt from.",
        "Look at it: it shows another part of the body than its tags say, or no patient at all.",
    ),
    "film-shows-chest": Explanation(
        "A radiograph that its tags call a limb shows two lung fields.",
        "Look at it, and correct the body part at the modality: its default may be wrong.",
    ),
    "inference-crashed": Explanation(
        "The inference child died while it read a study; the study counts as not analysed.",
        "Osteon starts a fresh child by itself and tries again. If it comes back, set `device: "
        "cpu`; then check the machine's memory and graphics driver.",
    ),
    "inference-garbage": Explanation(
        "The inference child answered with something that is no answer.",
        "Osteon starts a fresh child by itself and tries again. If it comes back, reinstall "
        "the release and send the log to the maker.",
    ),
    "inference-memory": Explanation(
        "Inference needed more memory than the pack's budget allows.",
        "A very large study, or a pack that is wrong for this release: read it another way, "
        "and tell the maker.",
    ),
    "inference-timeout": Explanation(
        "Inference did not finish before its deadline and was stopped.",
        "Check what else keeps the machine busy, and its cooling. On a slow machine raise the "
        "deadline in the site YAML.",
    ),
    "network-answer-invalid": Explanation(
        "A network answered with another shape or with numbers that are not finite; nothing of "
        "it was used.",
        "Osteon starts a fresh child by itself and tries again. If it comes back, set `device: "
        "cpu` and tell the maker.",
    ),
    "network-failed": Explanation(
        "The inference library reported an error while it ran the network.",
        "Osteon starts a fresh child by itself and tries again. If it comes back, set `device: "
        "cpu` and update the driver.",
    ),
    "network-input-invalid": Explanation(
        "A reader made something of an image that the network does not take.",
        "The image is unusual or the pack wrong: keep the study and tell the maker.",
    ),
    "network-load-failed": Explanation(
        "The inference library could not load a verified network.",
        "Update Osteon to the release that the pack needs; with a graphics card or NPU, set "
        "`device: cpu`.",
    ),
    "network-shape-open": Explanation(
        "A network's input or output has no fixed shape.",
        "The pack is wrong: use another version of it and tell the maker.",
    ),
    "network-shape-other": Explanation(
        "A network takes another input than its pack says.",
        "The pack is wrong: use another version of it and tell the maker.",
    ),
    "reader-image": Explanation(
        "A pack's reader was given an image of another kind.",
        "The pack is wrong for this release: use another version of it and tell the maker.",
    ),
    "reader-parameters": Explanation(
        "A pack gives its reader parameters that it does not take.",
        "Update Osteon to the release that the pack needs, or use another version of the pack.",
    ),
    "runtime-missing": Explanation(
        "No inference library on this machine can run the pack.",
        "Reinstall Osteon with all its packages; check `device` in the site YAML.",
    ),
    "score-invalid": Explanation(
        "A network gave a score that is no probability; nothing of it was used.",
        "Set `device: cpu` for the pack and tell the maker.",
    ),
    "self-test-failed": Explanation(
        "A pack got one of its own golden cases wrong on this machine; it reads no patient "
        "until it gets them right.",
        "Set `device: cpu`. If it fails there too, test the machine's memory and reinstall the "
        "pack.",
    ),
    "stage-value-unknown": Explanation(
        "The ledger holds a step of a study that this release does not know.",
        "Go back to the release that wrote it, or send the study again from the PACS.",
    ),
    "thorax-not-recognised": Explanation(
        "A CT that should show the chest shows no lungs with bone around them.",
        "Look at the study: it is of another region, or its values are not Hounsfield units.",
    ),
}
