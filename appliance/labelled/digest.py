"""Which set it was: a hash over everything that a measurement read."""

from __future__ import annotations

import hashlib

from appliance.errors import LabelledSetError
from appliance.labelled.cases import LabelledSet


def digest_of(labelled: LabelledSet) -> str:
    """SHA-256 (hex) over the content of every table and image, in order; names do not count.

    Raises:
        LabelledSetError: `labelled-file-missing`.
    """
    whole = hashlib.sha256()
    for file in (*labelled.tables, *(file for case in labelled.cases for file in case.files)):
        try:
            with file.open("rb") as content:
                whole.update(hashlib.file_digest(content, "sha256").digest())
        except OSError as error:
            raise LabelledSetError("labelled-file-missing", type(error).__name__) from None
    return whole.hexdigest()
