"""How one key of the site YAML is described, and how those descriptions are read again."""

from __future__ import annotations

from typing import Any, Final, get_args

from annotated_types import Ge, Le
from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

REQUIRED: Final = ...


class Section(BaseModel):
    """A mapping of the site YAML."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )


def option(  # noqa: PLR0913 - a key is described in one place
    description: str,
    *,
    example: Any,  # noqa: ANN401 - any YAML value
    default: Any = REQUIRED,  # noqa: ANN401 - of the field's own type
    unit: str = "",
    at_least: float | None = None,
    at_most: float | None = None,
    fewest: int | None = None,
    shown: bool = True,
    quoted: bool = False,
) -> Any:  # noqa: ANN401 - pydantic's `Field` is declared so too
    """One key: what it is for, an example, its unit and bounds.

    fewest: of a list, how many items it must have. shown: whether the example file has it in use,
    or only as a comment. quoted: whether the example file puts it in quotes.
    """
    return Field(
        default,
        description=description,
        examples=[example],
        ge=at_least,
        le=at_most,
        min_length=fewest,
        json_schema_extra={"unit": unit, "shown": shown, "quoted": quoted},
    )


def section_of(annotation: Any) -> type[Section] | None:  # noqa: ANN401 - any annotation
    """The section within `Section`, `Section | None` or `tuple[Section, ...]`, if there is one."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next(filter(None, map(section_of, get_args(annotation))), None)


def bounds(info: FieldInfo) -> tuple[float, float] | None:
    """Lowest and highest number that a key takes, both included."""
    low = next((rule.ge for rule in info.metadata if isinstance(rule, Ge)), None)
    high = next((rule.le for rule in info.metadata if isinstance(rule, Le)), None)
    if isinstance(low, (int, float)) and isinstance(high, (int, float)):
        return low, high
    return None
