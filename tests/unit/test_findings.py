import pytest

from appliance.domain import Bone, Detection, FilmRegion, Side
from appliance.pipeline.findings import named_by_tags
from tests.simulators.headers import film as film_facts

REGION = FilmRegion(0, 0, 10, 10)


@pytest.mark.parametrize(
    ("tags", "bone", "side"),
    [
        ({"body_part": "ANKLE", "laterality": "L"}, Bone.ANKLE, Side.LEFT),
        ({"body_part": "HUMERUS", "laterality": "R"}, Bone.UPPER_ARM, Side.RIGHT),
        ({"body_part": "EXTREMITY"}, Bone.UNDETERMINED, Side.UNDETERMINED),
        (
            {"body_part": "EXTREMITY", "study_description": "FIBROMA OF TIBIA"},
            Bone.LEG,
            Side.UNDETERMINED,
        ),
        ({"body_part": "HAND FOOT", "laterality": "B"}, Bone.UNDETERMINED, Side.UNDETERMINED),
    ],
)
def test_the_tags_name_what_the_network_does_not(
    tags: dict[str, str], bone: Bone, side: Side
) -> None:
    empty = {
        "series_description": "",
        "protocol_name": "",
        "study_description": "",
        "laterality": "",
    }
    film = film_facts(1, **{**empty, **tags})
    named = named_by_tags(Detection("x", 0.5, REGION), film)
    assert (named.bone, named.side) == (bone, side)


def test_what_the_network_names_stays() -> None:
    own = Detection("x", 0.5, REGION, Bone.HIP, side=Side.RIGHT)
    film = film_facts(1, body_part="ANKLE", laterality="L")
    assert named_by_tags(own, film) == own
