"""A site's own acceptance of a model pack: measured on its labelled set, judged, and remembered.

A pack that a site refused reads no patient there: its studies end as "could not analyse", aloud.
One that nobody has judged reads, unless the site YAML asks for acceptance first.
"""

from appliance.acceptance.criteria import Breach, Criteria, judge
from appliance.acceptance.measure import Measured, measure
from appliance.acceptance.record import Acceptance, AcceptanceFile
from appliance.acceptance.standing import Standing, bar_unless_acceptable, standing
from appliance.acceptance.undecided import UndecidedFile

__all__ = [
    "Acceptance",
    "AcceptanceFile",
    "Breach",
    "Criteria",
    "Measured",
    "Standing",
    "UndecidedFile",
    "bar_unless_acceptable",
    "judge",
    "measure",
    "standing",
]
