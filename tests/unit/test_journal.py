import json
import logging

import pytest

from appliance import journal


def test_an_event_is_one_json_object(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "osteon"):
        journal.event("study-reported", case="ABC-D3F2", seconds=1.5)
    assert json.loads(caplog.messages[0]) == {
        "event": "study-reported",
        "case": "ABC-D3F2",
        "seconds": 1.5,
    }


@pytest.mark.parametrize("field", ["patient_name", "patient_id", "uid", "text"])
def test_a_field_that_could_name_a_patient_has_no_way_in(field: str) -> None:
    with pytest.raises(ValueError, match="allow-list"):
        journal.event("study-reported", **{field: "DOE^JANE"})
