"""FracAtlas films with what the box's own reader marks on them, for `appliance.evaluation`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from appliance.domain import Detection, FilmRegion
from appliance.errors import AnalysisError
from appliance.evaluation import Exam, Lesion, Overlap, Scored, score
from appliance.imaging import Film
from appliance.inference.steps import Network, Parameters
from appliance.inference.steps.film_centre_heatmap import read
from models.training.dr.films import LabelledFilm


def scored(
    network: Network, parameters: Parameters, films: Sequence[LabelledFilm]
) -> tuple[Scored, ...]:
    """Read every film; a mark hits from an intersection over union of 0.5 on."""
    return tuple(score(exam(network, parameters, film), Overlap(0.5)) for film in films)


def exam(network: Network, parameters: Parameters, film: LabelledFilm) -> Exam:
    """One film, a patient of its own: the collection names none. Refused films have no marks."""
    pixels = film.pixels()
    lesions = tuple(Lesion(FilmRegion(*box)) for box in film.boxes_in(pixels.shape).tolist())
    marks: tuple[Detection, ...] = ()
    with suppress(AnalysisError):
        marks = read(Film(pixels, None), network, parameters)
    return Exam(film.path.stem, film.path.stem, lesions, marks, {"part": film.part})
