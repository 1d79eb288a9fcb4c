"""Which format a folder is in."""

from __future__ import annotations

from pathlib import Path

from appliance.errors import LabelledSetError
from appliance.labelled.cases import LabelledSet
from appliance.labelled.coco import coco_set
from appliance.labelled.ribfrac import ribfrac_set


def open_set(folder: Path) -> LabelledSet:
    """Recognise the set that lies in a folder: RibFrac by its CSV, COCO by its JSON.

    Raises:
        LabelledSetError: `labelled-set-unknown` where there is neither, or both;
            `labelled-set-empty`, `labelled-table-invalid` or `labelled-file-missing`.
    """
    tables, documents = sorted(folder.glob("*.csv")), sorted(folder.glob("*.json"))
    if bool(tables) == bool(documents):
        raise LabelledSetError(
            "labelled-set-unknown", f"{len(tables)} CSV and {len(documents)} JSON in the folder"
        )
    if documents and len(documents) != 1:
        raise LabelledSetError("labelled-set-unknown", f"{len(documents)} JSON in the folder")
    found = ribfrac_set(folder, tables) if tables else coco_set(folder, documents[0])
    if not found.cases:
        raise LabelledSetError("labelled-set-empty")
    return found
