"""Labelled sets: RibFrac's format, a COCO file for films, and the reports of the box itself.

`open_set` recognises the format of a folder. Cases are read one at a time, since a set may be far
larger than memory. Faults are `LabelledSetError`s that name a row or a number, never a file: file
names in hospitals hold names of patients.
"""

from appliance.labelled.cases import Labelled, LabelledCase, LabelledSet, Loaded
from appliance.labelled.digest import digest_of
from appliance.labelled.formats import open_set
from appliance.labelled.reports import Report, read_report, report_of

__all__ = [
    "Labelled",
    "LabelledCase",
    "LabelledSet",
    "Loaded",
    "Report",
    "digest_of",
    "open_set",
    "read_report",
    "report_of",
]
