"""The pictures that go to the PACS and onto the printed page: where to look, at a glance.

One picture for each of the gravest findings (urgent ones, at most three), each with the list of
all findings: a doctor at night wants the first at once, and leafs through the rest. No word on a
picture is about the patient: the case code is all that leads there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appliance.alerts.catalogue import Catalogue, load
from appliance.imaging import Film, Volume
from appliance.pipeline.results.drawing import FAINT, OTHER, TEXT, URGENT, Area, Canvas
from appliance.pipeline.results.picture_ct import VolumePictures, draw_skeleton
from appliance.pipeline.results.picture_film import draw_film, film_view
from appliance.pipeline.results.request import Located, ResultRequest, located
from appliance.pipeline.results.statements import conclusion

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from appliance.domain import Job

WIDTH: Final = 1440
HEIGHT: Final = 950
_MOST_PICTURES: Final = 3
_MOST_LINES: Final = 6
_LIST: Final = Area(20, 792, 1400, 150)
_LINE: Final = 30
_WHOLE: Final = Area(20, 76, 1400, 700)

Numbered = tuple[int, Located]


def draw_pictures(request: ResultRequest) -> tuple[NDArray[np.uint8], ...]:
    """The pictures of a reading, gravest finding first; without a finding one of what was read.

    Returns RGB arrays of shape (950, 1440, 3).
    """
    if not request.read.findings:
        return (_draw_unmarked(request),)
    items = tuple(enumerate(located(request.read), start=1))
    urgent = tuple(number for number, item in items if item.finding.urgent)
    volumes: dict[Job, VolumePictures] = {}
    return tuple(
        _draw(request, items, number, volumes)
        for number in (urgent or tuple(number for number, _ in items[:1]))[:_MOST_PICTURES]
    )


def _draw(
    request: ResultRequest,
    items: tuple[Numbered, ...],
    shown: int,
    volumes: dict[Job, VolumePictures],
) -> NDArray[np.uint8]:
    texts = load(request.language)
    canvas = Canvas(WIDTH, HEIGHT)
    job = dict(items)[shown].job
    same_image = tuple((number, item) for number, item in items if item.job == job)
    match request.images[job]:
        case Volume() as volume:
            if job not in volumes:
                volumes[job] = VolumePictures(volume, same_image)
            volumes[job].draw(canvas, shown, texts)
        case Film() as film:
            draw_film(canvas, film, same_image, shown, texts)
    heading = texts.text("picture.finding-of", index=shown, count=len(items))
    _frame(canvas, request, texts, heading)
    _list(canvas, texts, items, shown)
    return canvas.pixels()


def _draw_unmarked(request: ResultRequest) -> NDArray[np.uint8]:
    """What the first job read, and in words that nothing in it is above the threshold."""
    texts = load(request.language)
    canvas = Canvas(WIDTH, HEIGHT)
    match request.images[request.read.detections[0].job]:
        case Volume() as volume:
            draw_skeleton(canvas, volume, _WHOLE, texts)
        case Film() as film:
            aspect = film.spacing_mm[0] / film.spacing_mm[1] if film.spacing_mm else 1.0
            canvas.view(film_view(film), aspect, _WHOLE)
    _frame(canvas, request, texts, texts.text("terms.outcome.no-region-above-threshold"))
    canvas.fitting_text(_LIST, conclusion(request, texts), 26)
    return canvas.pixels()


def _frame(canvas: Canvas, request: ResultRequest, texts: Catalogue, heading: str) -> None:
    canvas.text((20, 18), texts.text("picture.title", case=request.case), 40)
    disclaimer = texts.text("terms.disclaimer")
    canvas.text((WIDTH - 20, 24), disclaimer, 30, URGENT, anchor="rt")
    canvas.text((WIDTH // 2, 26), heading, 26, FAINT, anchor="mt")


def _list(canvas: Canvas, texts: Catalogue, items: tuple[Numbered, ...], shown: int) -> None:
    columns = 1 if len(items) <= _MOST_LINES // 2 else 2
    width = _LIST.width // columns
    rest = len(items) - _MOST_LINES
    for place, (number, item) in enumerate(items[:_MOST_LINES]):
        column, row = divmod(place, _MOST_LINES // 2)
        detection = item.finding.detection
        words = texts.finding(detection.bone, detection.side, detection.rib_number, detection.type)
        score = texts.score(detection.score, item.finding.score_range)
        colour = URGENT if item.finding.urgent else OTHER
        area = Area(_LIST.left + column * width, _LIST.top + row * (_LINE + 8), width - 20, _LINE)
        canvas.fitting_text(
            area, f"{number}  {words} · {score}", 26, TEXT if number == shown else colour
        )
    if rest > 0:
        canvas.text(
            (_LIST.left, _LIST.top + (_MOST_LINES // 2) * (_LINE + 8)),
            texts.text("picture.more", count=rest),
            22,
            FAINT,
        )
