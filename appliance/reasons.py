"""Why a study was not read, or read with limits: one sentence for each code, in each language.

`Reason.code` in `appliance.domain` is a key of `REASONS`. The sentence is for the doctor on duty;
what a technician does about a code that is also an error stands in `appliance.error_catalogue`.
"""

# ruff: noqa: RUF001 - the Chinese sentences have their own punctuation
from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class ReasonKind(StrEnum):
    """What a reason does to the study or the image that it stands for."""

    OUT_OF_SCOPE = "out-of-scope"
    """Positively recognised as something that this box does not read."""
    NOT_READ = "not-read"
    """In scope, or scope undeterminable, and not read: a person is told."""
    LIMIT = "limit"
    """Read, but less surely: printed on the result."""


@dataclass(frozen=True, slots=True)
class Wording:
    """A reason's kind and its sentence in English and Chinese."""

    kind: ReasonKind
    en: str
    zh: str


def _out(en: str, zh: str) -> Wording:
    return Wording(ReasonKind.OUT_OF_SCOPE, en, zh)


def _not_read(en: str, zh: str) -> Wording:
    return Wording(ReasonKind.NOT_READ, en, zh)


def _limit(en: str, zh: str) -> Wording:
    return Wording(ReasonKind.LIMIT, en, zh)


_SCOPE: Final = {
    "body-part-not-covered": _out(
        "The image shows a part of the body that no installed model reads.",
        "影像所示部位不在已安装模型的读片范围内。",
    ),
    "derived-picture": _out(
        "The series is computed from another one (projection or screen picture).",
        "该序列由其他序列计算生成（投影或屏幕截图）。",
    ),
    "dose-report": _out("This is a dose report, not an image.", "这是剂量报告，不是影像。"),
    "for-processing-copy": _out(
        "The same film is there in its form for presentation, which is read.",
        "同一图像已有用于显示的版本，已读取该版本。",
    ),
    "localizer": _out("This is a scout view for planning the scan.", "这是定位像。"),
    "modality-not-covered": _out(
        "No installed model reads images of this modality.", "没有已安装的模型读取此类设备的影像。"
    ),
    "not-an-image": _out("The object holds no image.", "该对象不含影像。"),
    "other-series-read": _out(
        "A better suited series of the same scan is read.", "已选择同一次扫描中更合适的序列。"
    ),
    "own-result": _out("This is a result of this box.", "这是本机生成的结果。"),
    "patient-too-young": _out(
        "The patient is younger than the installed model accepts.",
        "患者年龄低于已安装模型的适用范围。",
    ),
    "secondary-capture": _out(
        "This is a photograph, a scan of paper or a screen picture.",
        "这是照片、扫描件或屏幕截图。",
    ),
    "view-not-covered": _out(
        "The film was taken from a side that no installed model reads.",
        "该投照体位不在已安装模型的读片范围内。",
    ),
}

_GEOMETRY: Final = {
    "body-part-contradictory": _not_read(
        "The film names two parts of the body that one film does not show.",
        "该图像同时注明了互相矛盾的两个部位。",
    ),
    "body-part-undetermined": _not_read(
        "The study does not say which part of the body it shows.", "检查未注明部位。"
    ),
    "duplicates-differ": _not_read(
        "Several different slices claim the same place.", "多个不同的层面声称处于同一位置。"
    ),
    "field-too-small": _not_read(
        "The slices cover too short a range of the body.", "扫描范围过短。"
    ),
    "geometry-missing": _not_read(
        "The slices do not say where they lie in the body.", "层面缺少空间位置信息。"
    ),
    "image-too-small": _not_read("The film has too few pixels.", "图像像素过少。"),
    "mixed-orientations": _not_read(
        "The series mixes slices of different orientations or sizes.",
        "该序列混有不同方向或大小的层面。",
    ),
    "no-pack": _not_read("No model is installed.", "未安装任何模型。"),
    "not-axial": _not_read("The slices are not axial.", "该序列不是横断面。"),
    "slices-missing": _not_read("Slices are missing within the series.", "序列中缺少层面。"),
    "slices-not-aligned": _not_read(
        "The slices do not lie on one straight line.", "层面未沿同一直线排列。"
    ),
    "slices-too-thick": _not_read(
        "The slices are thicker or farther apart than the installed model accepts.",
        "层厚或层间距超出模型的适用范围。",
    ),
    "slices-too-thin": _not_read(
        "The slices are thinner than the installed model accepts.", "层厚低于模型的适用范围。"
    ),
    "tilt-too-large": _not_read("The gantry was tilted too far.", "机架倾斜角度过大。"),
    "too-few-slices": _not_read("The series has too few slices.", "序列层数过少。"),
}

_DECODING: Final = {
    "attribute-invalid": _not_read(
        "The image describes itself in a way that cannot be right.", "影像的描述信息无效。"
    ),
    "decoder-answer-invalid": _not_read(
        "Reading the image gave an answer without sense.", "读取影像时得到无意义的结果。"
    ),
    "decoder-crashed": _not_read(
        "The program that reads images ended unexpectedly.", "影像读取程序意外终止。"
    ),
    "decoder-memory": _not_read(
        "Reading the image took more memory than allowed.", "读取影像所需内存超出限制。"
    ),
    "decoder-timeout": _not_read("Reading the image took too long.", "读取影像超时。"),
    "deflate-broken": _not_read("The compressed object is damaged.", "压缩对象已损坏。"),
    "float-pixels": _not_read(
        "The image stores its pixels as floating-point numbers.", "影像像素为浮点格式。"
    ),
    "frame-too-large": _not_read("The image claims an impossible size.", "影像声称的尺寸不可能。"),
    "header-invalid": _not_read("The object's header is damaged.", "对象的头信息已损坏。"),
    "header-too-long": _not_read("The object's header has no end.", "对象的头信息过长。"),
    "image-blank": _not_read("The image is empty.", "影像为空白。"),
    "image-in-colour": _not_read("The image is in colour.", "影像为彩色。"),
    "nesting-too-deep": _not_read("The object is nested too deeply.", "对象嵌套过深。"),
    "not-dicom": _not_read("The object is not DICOM.", "该对象不是 DICOM 格式。"),
    "pixels-corrupt": _not_read("The image's pixels are damaged.", "影像像素数据已损坏。"),
    "pixels-implausible": _not_read(
        "The image's values are not those of such an image.", "影像数值不合理。"
    ),
    "pixels-missing": _not_read("The image has no pixels.", "影像没有像素数据。"),
    "pixels-truncated": _not_read(
        "A part of the image's pixels is missing.", "影像像素数据不完整。"
    ),
    "rescale-invalid": _not_read(
        "The CT does not say how its values become Hounsfield units.",
        "CT 缺少换算为亨氏单位的信息。",
    ),
    "too-many-frames": _not_read("The object claims too many frames.", "对象声称的帧数过多。"),
    "transfer-syntax-unsupported": _not_read(
        "The image is compressed in a way that this box does not know.", "影像压缩格式不受支持。"
    ),
    "uid-invalid": _not_read("The object carries no valid identifier.", "对象缺少有效的唯一标识。"),
    "volume-too-large": _not_read("The series is too large.", "序列过大。"),
}

_READING: Final = {
    "acceptance-broken": _not_read(
        "It is not known any more which models this hospital has refused.",
        "无法确认本院已拒绝使用哪些模型。",
    ),
    "attempts-exhausted": _not_read(
        "The analysis failed several times and was given up.", "分析多次失败，已放弃。"
    ),
    "film-blank": _not_read("The film shows nothing.", "该图像无内容。"),
    "film-shows-chest": _not_read(
        "The film looks like a chest, which the model for limbs does not read.",
        "该图像疑似胸片，不在四肢模型的读片范围内。",
    ),
    "film-not-recognised": _not_read(
        "The film does not look like a radiograph of a limb.", "该图像不像四肢X线片。"
    ),
    "inference-crashed": _not_read(
        "The analysis program ended unexpectedly.", "分析程序意外终止。"
    ),
    "inference-memory": _not_read(
        "The analysis took more memory than allowed.", "分析所需内存超出限制。"
    ),
    "inference-timeout": _not_read("The analysis took too long.", "分析超时。"),
    "network-answer-invalid": _not_read(
        "The model gave an answer without sense.", "模型给出了无意义的结果。"
    ),
    "pack-missing": _not_read(
        "The model that should read the study is not there.", "用于读取该检查的模型不存在。"
    ),
    "pack-not-accepted": _not_read(
        "This hospital has not accepted the model that should read the study.",
        "本院尚未验收用于读取该检查的模型。",
    ),
    "pack-refused-by-site": _not_read(
        "This hospital has refused the model that should read the study.",
        "本院已拒绝使用用于读取该检查的模型。",
    ),
    "pack-recalled": _not_read(
        "The model that should read the study was recalled by its maker.",
        "用于读取该检查的模型已被制造商召回。",
    ),
    "seal-broken": _not_read(
        "The stored study was damaged or altered.", "存储的检查已损坏或被改动。"
    ),
    "storage-failed": _not_read("The box could not read its disk.", "本机无法读取磁盘。"),
    "thorax-not-recognised": _not_read(
        "No thorax was recognised in the CT.", "CT 中未识别出胸廓。"
    ),
}

_MODEL_FAILED: Final = _not_read("The model could not be run on this box.", "模型无法在本机运行。")
_ANSWER_UNUSABLE: Final = _not_read(
    "The analysis gave an answer that cannot be used.", "分析结果无法使用。"
)
_INSIDE: Final = {
    "detections-invalid": _ANSWER_UNUSABLE,
    "inference-garbage": _ANSWER_UNUSABLE,
    "network-failed": _MODEL_FAILED,
    "network-input-invalid": _MODEL_FAILED,
    "network-load-failed": _MODEL_FAILED,
    "network-shape-open": _MODEL_FAILED,
    "network-shape-other": _MODEL_FAILED,
    "reader-image": _MODEL_FAILED,
    "reader-parameters": _MODEL_FAILED,
    "runtime-missing": _MODEL_FAILED,
    "score-invalid": _ANSWER_UNUSABLE,
    "self-test-failed": _MODEL_FAILED,
    "stage-value-unknown": _not_read(
        "This release does not know a step that the study is in.", "本版本无法识别该检查所处步骤。"
    ),
}
"""What only a technician can tell apart; the catalogue of errors does."""

_LIMITS: Final = {
    "age-unknown": _limit(
        "The patient's age is not stated; the model is for a certain age only.",
        "未注明患者年龄；模型仅适用于特定年龄。",
    ),
    "duplicate-slices": _limit("Slices that came twice were read once.", "重复的层面只读取一次。"),
    "frames-left-out": _limit(
        "A few slices that do not belong to the stack were left out.",
        "少数不属于该层叠的层面未读取。",
    ),
    "gantry-tilted": _limit("The gantry was tilted: lower confidence.", "机架倾斜：可信度较低。"),
    "instances-unreadable": _limit(
        "Some objects of this study could not be read.", "该检查中有部分对象无法读取。"
    ),
    "other-film-not-read": _limit(
        "Another film of this study could not be read.", "该检查中另有图像无法读取。"
    ),
    "slices-apart": _limit(
        "Between the slices there is tissue that none of them shows.", "层面之间有未扫描的组织。"
    ),
    "smooth-kernel": _limit(
        "Reconstructed very smoothly or for lung: lower confidence.",
        "平滑或肺窗重建算法：可信度较低。",
    ),
    "spacing-irregular": _limit("The distance between slices varies slightly.", "层间距略有不均。"),
    "thick-slices": _limit("Thick slices: lower confidence.", "层厚较大：可信度较低。"),
}

REASONS: Final[Mapping[str, Wording]] = MappingProxyType(
    {**_SCOPE, **_GEOMETRY, **_DECODING, **_READING, **_INSIDE, **_LIMITS}
)
"""Every code that a `Reason` may carry."""


def sentence(code: str, language: str) -> str:
    """The sentence of a code; `language` is `en` or `zh`. Raises KeyError for an unknown code."""
    wording = REASONS[code]
    return wording.zh if language == "zh" else wording.en
