"""LabelledSetError: labelled sets that a model cannot be measured on."""

from __future__ import annotations

from typing import Final

from appliance.error_catalogue.explanation import Explanation

LABELLED: Final = {
    "labelled-box-outside": Explanation(
        "A box of the COCO file lies outside its film; boxes and film do not belong together.",
        "Check whether the films were reduced after they had been labelled.",
    ),
    "labelled-file-missing": Explanation(
        "A scan or film that the table lists is not in the folder, or twice, or cannot be read.",
        "Bring the file that stands in this row, or take the row out.",
    ),
    "labelled-film-invalid": Explanation(
        "A film of the set cannot be read.",
        "Films are DICOM, or PNG, JPEG or TIFF in grey with 8 or 16 bits. Export it again.",
    ),
    "labelled-folder-missing": Explanation(
        "The stick has no folder `osteon-accept`, in which the labelled set is looked for.",
        "Copy the set into a folder of that name in the top folder of the stick, labels and images "
        "as page 07 of the manual says, and try again.",
    ),
    "labelled-grid-differs": Explanation(
        "A label volume does not have the grid of its image: it would mark other places.",
        "Export labels and image anew from the same program, without resampling.",
    ),
    "labelled-label-unlisted": Explanation(
        "The label volume of a scan and the rows of the CSV do not name the same fractures.",
        "Give each label of the volume exactly one row, and no row to a label that is not there.",
    ),
    "labelled-report-invalid": Explanation(
        "A file that should be one of this box's structured reports is not.",
        "Export the SR objects of the series that Osteon made from the PACS again.",
    ),
    "labelled-report-missing": Explanation(
        "There is no report of the box on one of the cases of the set.",
        "Put a report for each case into the folder, named as the case: PUBLIC_ID.dcm, or the name "
        "of the film with .dcm at its end.",
    ),
    "labelled-set-empty": Explanation(
        "The labelled set lists no scan and no film.",
        "List each one in the table; an intact scan has the row for the background.",
    ),
    "labelled-set-long": Explanation(
        "Measuring the whole set would take longer than a visit to the menu may last. Nothing was "
        "recorded.",
        "Leave exams out of the set, table and images, as many as the message says; at least 20 "
        "with a fracture and 20 without have to stay.",
    ),
    "labelled-set-other": Explanation(
        "The set holds films and the model reads volumes, or the other way round.",
        "Name the model that reads such images with --pack.",
    ),
    "labelled-set-unknown": Explanation(
        "The folder holds no labelled set: neither CSVs as RibFrac has them, nor one COCO JSON.",
        "Put the table of the set into the folder that is named, and only one kind of it.",
    ),
    "labelled-table-invalid": Explanation(
        "The table of the labelled set has a fault at the place that is named.",
        "Mend the row. A CSV needs public_id, label_id and label_code; a COCO file needs images, "
        "annotations and categories.",
    ),
    "labelled-volume-invalid": Explanation(
        "A volume of the set is not a NIfTI-1 file of one CT or of its labels.",
        "Export it again as NIfTI-1 (.nii or .nii.gz) in millimetres, with its orientation.",
    ),
}
