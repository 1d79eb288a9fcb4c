"""DecodeError: images that could not be read."""

from __future__ import annotations

from typing import Final

from appliance.error_catalogue.explanation import Explanation

DECODING: Final = {
    "attribute-invalid": Explanation(
        "An image describes its own pixels in a way that cannot be right.",
        "Report the device and its software version to its maker; send the study again from the "
        "PACS.",
    ),
    "decoder-answer-invalid": Explanation(
        "The child process that reads objects answered with nonsense; it was ended.",
        "The object may be hostile: keep the study and report its case code to the maker.",
    ),
    "decoder-crashed": Explanation(
        "The child process that reads objects crashed on an object.",
        "Read the study without the box, and report its case code to the maker.",
    ),
    "decoder-memory": Explanation(
        "Reading an object took more memory than the child process may have.",
        "Read the study without the box; if it is a usual one, report it to the maker.",
    ),
    "decoder-timeout": Explanation(
        "Reading an object took longer than the child process may take; it was ended.",
        "Look at the machine's load; if it is low, report the case code to the maker.",
    ),
    "deflate-broken": Explanation(
        "A deflated object cannot be unpacked.",
        "Send the study again; if that does not help, set the device to another transfer syntax.",
    ),
    "float-pixels": Explanation(
        "An image stores floating-point pixels, which no CT or film does.",
        "It is probably a computed map; keep the device from sending such series here.",
    ),
    "frame-too-large": Explanation(
        "An image claims more pixels than any detector has.",
        "Look at the sending device; the object is damaged or hostile.",
    ),
    "geometry-missing": Explanation(
        "A slice does not say where it lies in the patient.",
        "Let the device send original axial slices, with Image Position and Orientation.",
    ),
    "header-invalid": Explanation(
        "An object's header cannot be read.",
        "Send the study again; if that does not help, report the device to its maker.",
    ),
    "header-too-long": Explanation(
        "An object's header goes on beyond 32 MiB, or never reaches its pixels.",
        "Look at the sending device; the object is damaged or hostile.",
    ),
    "image-blank": Explanation(
        "All pixels of an image have the same value.",
        "Look at the image in the PACS; send it again if it is not blank there.",
    ),
    "image-in-colour": Explanation(
        "An image that should be grey is in colour.",
        "Keep the device from sending screen pictures as CT or film.",
    ),
    "nesting-too-deep": Explanation(
        "An object's sequences are nested deeper than any real object's.",
        "Look at the sending device; the object is damaged or hostile.",
    ),
    "not-dicom": Explanation(
        "What was received is no DICOM object.",
        "Look at the sending device.",
    ),
    "pixels-corrupt": Explanation(
        "An image's pixels cannot be decoded, or are of another size than its header says.",
        "Send the study again from the device; if it fails again, set the device to send "
        "uncompressed.",
    ),
    "pixels-implausible": Explanation(
        "An image decoded to values that such an image cannot have.",
        "Send the study again from the device; if it fails again, set the device to send "
        "uncompressed.",
    ),
    "pixels-missing": Explanation(
        "An image came without its pixels.",
        "Send the study again; if that does not help, report the device to its maker.",
    ),
    "pixels-truncated": Explanation(
        "A part of an image's pixels is missing.",
        "Send the study again from the device.",
    ),
    "rescale-invalid": Explanation(
        "A CT slice does not say how its values become Hounsfield units.",
        "Let the device send original CT series, not ones that another system computed.",
    ),
    "too-many-frames": Explanation(
        "An object claims more than 4,096 frames.",
        "Look at the sending device; the object is damaged or hostile.",
    ),
    "transfer-syntax-unsupported": Explanation(
        "An image is compressed by a method that this release does not have.",
        "Set the device to send uncompressed, JPEG lossless, JPEG-LS, JPEG 2000 or RLE.",
    ),
    "uid-invalid": Explanation(
        "An object carries no valid study, series or instance UID.",
        "Report the device to its maker.",
    ),
    "volume-too-large": Explanation(
        "A series takes more than 1.25 GiB of memory once decoded.",
        "Let the device send the axial series without overlap, or with a matrix of 512.",
    ),
}
