"""What `pack.yaml` may say: frozen models, no unknown key, every key described."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from appliance.domain import Bone, FractureType, PackScope
from appliance.errors import PackError

Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Text = Annotated[str, Field(min_length=1)]
Label = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
Licence = Annotated[str, Field(pattern=r"^[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*$")]
Sentences = tuple[Text, ...]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class AtLeast(_Part):
    """A lower bound."""

    at_least: Annotated[float, Field(ge=0)] = Field(description="Smallest value that is accepted.")


class Span(_Part):
    """A lower and an upper bound, both included."""

    at_least: Positive = Field(description="Smallest value that is accepted.")
    at_most: Positive = Field(description="Largest value that is accepted.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.at_least > self.at_most:
            raise ValueError("at_least is above at_most")
        return self


class ScoreSpan(_Part):
    """A lowest and a highest score, both included."""

    at_least: Fraction = Field(description="Lowest score that occurred.")
    at_most: Fraction = Field(description="Highest score that occurred.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.at_least > self.at_most:
            raise ValueError("at_least is above at_most")
        return self


class Inputs(_Part):
    """What the gate lets through to this pack."""

    modalities: Annotated[tuple[Text, ...], Field(min_length=1)] = Field(
        description="DICOM modalities, such as CT."
    )
    body_parts: tuple[str, ...] = Field(
        description="Values of Body Part Examined that the pack accepts."
    )
    age_years: AtLeast = Field(description="Patient's age.")
    slice_thickness_mm: Span | None = Field(default=None, description="Volumes only.")
    smallest_extent_mm: Positive | None = Field(
        default=None, description="Volumes only: shortest extent along the slice normal."
    )
    smallest_side_px: Count | None = Field(
        default=None, description="Films only: shortest side that can be read."
    )


class NetworkSpec(_Part):
    """The network file."""

    file: Text = Field(description="The ONNX file: INT8, one input, one output, static shapes.")
    input: Annotated[tuple[Count, ...], Field(min_length=2, max_length=6)] = Field(
        description="Shape of the float32 input, batch axis first."
    )


class ReaderSpec(_Part):
    """What turns an image into batches and answers into detections."""

    name: Label = Field(description="A reader of `appliance/inference/steps`.")
    parameters: dict[str, Any] = Field(default_factory=dict, description="Its parameters.")


class FindingSpec(_Part):
    """One kind of thing that the pack marks."""

    label: Label = Field(description="As the reader returns it.")
    bone: Bone = Field(description="Where it is; a reader may be more exact.")
    type: FractureType = Field(description="How the fracture looks, where the pack tells.")


class OperatingPoint(_Part):
    """Scores from which something is shown, and from which it may alert."""

    report: Fraction = Field(description="A region at or above it is reported.")
    alert: Fraction = Field(description="A region at or above it may be urgent.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.report > self.alert:
            raise ValueError("report is above alert")
        return self


class Tolerance(_Part):
    """How far runtimes and devices may differ on the golden cases."""

    score: Fraction = Field(description="Difference of scores.")
    position: Positive = Field(description="Distance of centres: mm (volume) or pixels (film).")


class Budget(_Part):
    """What one reading may take."""

    memory_mib: Annotated[int, Field(ge=256, le=65536)] = Field(
        description="Private memory of the inference child."
    )
    latency_s: Positive = Field(description="Longest reading on the reference machine.")


class GoldenSpec(_Part):
    """One golden case."""

    image: Text = Field(description="The image, as npz.")
    expected: Text = Field(description="The detections that must come of it, as JSON.")


class PackSpec(_Part):
    """The whole of `pack.yaml`."""

    format: Literal[1] = Field(description="Version of this format.")
    name: Label = Field(description="The pack's name, as configuration and results show it.")
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+\.\d+$")] = Field(
        description="X.Y.Z.B, quoted."
    )
    rollback_index: Annotated[int, Field(ge=0)] = Field(
        description="Rises when older packs must no longer be loaded."
    )
    licence: Licence | None = Field(
        default=None,
        description="Of all files of the pack together, as an SPDX expression. Left out: not "
        "stated.",
    )
    summary: Text = Field(description="What it does, in one sentence.")
    intended_use: Text = Field(description="For whom and what it is meant.")
    limits: Sentences = Field(description="What it cannot see, one sentence each.")
    contraindications: Sentences = Field(description="When it must not be used.")
    image: Literal["volume", "film"] = Field(description="What it reads.")
    inputs: Inputs = Field(description="What the gate lets through.")
    network: NetworkSpec = Field(description="The network file.")
    reader: ReaderSpec = Field(description="Before and after the network.")
    bones: Annotated[tuple[Bone, ...], Field(min_length=1)] = Field(
        description="What it looks at; printed with 'no region above the threshold in ...'."
    )
    findings: Annotated[tuple[FindingSpec, ...], Field(min_length=1)] = Field(
        description="What it marks."
    )
    operating_point: OperatingPoint = Field(description="Thresholds on the score.")
    measured_scores: ScoreSpan | None = Field(
        default=None,
        description="Scores that occurred where the pack was evaluated; what one outside of them "
        "means was not measured. Left out: not known.",
    )
    tolerance: Tolerance = Field(description="Allowed differences on the golden cases.")
    budget: Budget = Field(description="Memory and time.")
    golden: Annotated[tuple[GoldenSpec, ...], Field(min_length=1)] = Field(
        description="Cases that every runtime must get right before it reads a patient."
    )

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        volume = self.image == "volume"
        inputs = self.inputs
        if volume != (inputs.slice_thickness_mm is not None):
            raise ValueError("slice_thickness_mm belongs to volumes, and to each of them")
        if volume != (inputs.smallest_extent_mm is not None):
            raise ValueError("smallest_extent_mm belongs to volumes, and to each of them")
        if volume == (inputs.smallest_side_px is not None):
            raise ValueError("smallest_side_px belongs to films, and to each of them")
        labels = [finding.label for finding in self.findings]
        if len(set(labels)) != len(labels):
            raise ValueError("two findings have one label")
        return self

    def finding(self, label: str) -> FindingSpec | None:
        """The finding of that label; None for a label that this pack does not have."""
        return next((finding for finding in self.findings if finding.label == label), None)

    @property
    def scope(self) -> PackScope:
        """What the gate holds a study against."""
        inputs, span = self.inputs, self.inputs.slice_thickness_mm
        return PackScope(
            pack=self.name,
            image=self.image,
            modalities=inputs.modalities,
            body_parts=inputs.body_parts,
            youngest_years=inputs.age_years.at_least,
            slice_thickness_mm=None if span is None else (span.at_least, span.at_most),
            smallest_extent_mm=inputs.smallest_extent_mm,
            smallest_side_px=inputs.smallest_side_px,
        )


class _UniqueKeys(yaml.SafeLoader):
    """PyYAML lets the last of two equal keys win; here two are an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if len(set(map(str, keys))) != len(keys):
            raise yaml.YAMLError("a key stands twice")
        return super().construct_mapping(node, deep)


def parse_spec(content: bytes) -> PackSpec:
    """Read `pack.yaml`.

    Raises:
        PackError: `pack-description-invalid`, with the places of all faults.
    """
    try:
        # By way of JSON: strict types, yet a list may become a tuple and a word an enum.
        tree = json.dumps(yaml.load(content, _UniqueKeys))  # noqa: S506 - a SafeLoader
        return PackSpec.model_validate_json(tree)
    except ValidationError as error:
        places = (".".join(map(str, fault["loc"])) or "(top)" for fault in error.errors())
        raise PackError("pack-description-invalid", ", ".join(places)) from None
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        raise PackError("pack-description-invalid", type(error).__name__) from None
