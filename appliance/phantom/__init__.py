"""The test study that the box sends to itself, and how it knows its own phantom from a patient."""

from appliance.phantom.marks import (
    CALLING_AE_TITLE,
    MANUFACTURER,
    PATIENT_ID,
    here,
    is_phantom,
)

__all__ = [
    "CALLING_AE_TITLE",
    "MANUFACTURER",
    "PATIENT_ID",
    "here",
    "is_phantom",
]
