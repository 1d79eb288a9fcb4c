"""The software bill of materials as CycloneDX 1.6 (ECMA-424) JSON, from what is installed here.

Every distribution that Python finds is listed with its version, licence, package URL and what it
needs; each model pack with the SHA-256 of its signed manifest and the licence that it states.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import Final

import appliance
from appliance.domain import ModelIdentity

Json = dict[str, object]

_OWN: Final = "osteon"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_OSI: Final = "License :: OSI Approved :: "
_LONGEST_NAME: Final = 100
"""A longer `License` field holds the whole text of the licence, not its name."""
_SPACE: Final = uuid.UUID("6f4b0c9e-5c0b-4c55-9a59-0d6cbb1c6a4e")


@dataclass(frozen=True, slots=True)
class Package:
    """One installed distribution."""

    name: str
    version: str
    summary: str
    licences: tuple[Json, ...]
    needs: tuple[str, ...]
    """Normalised names, whether or not they are installed."""

    @property
    def reference(self) -> str:
        """Its package URL (purl), unique in the document."""
        return f"pkg:pypi/{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Model:
    """One model pack. licence: an SPDX expression; None where its `pack.yaml` states none."""

    identity: ModelIdentity
    licence: str | None


def installed() -> tuple[Package, ...]:
    """Every distribution that Python finds here, by name; the one that is imported, once."""
    found: dict[str, Package] = {}
    for each in metadata.distributions():
        name = normalised(each.metadata["Name"] or "")
        if name:
            found.setdefault(name, _package(name, each))
    return tuple(found[name] for name in sorted(found))


def bill_of_materials(
    packages: Iterable[Package], models: Iterable[Model], build: str, now: float
) -> Json:
    """The document. build: hash over our own program (hex). now: wall seconds."""
    listed = {each.name: each for each in packages}
    ourselves = listed.pop(_OWN, None)
    packs = tuple(models)
    own = f"pkg:pypi/{_OWN}@{appliance.__version__}"
    needed = _references(ourselves.needs if ourselves else (), listed)
    components = [
        *(_library(each) for each in listed.values()),
        *(_model(each) for each in packs),
    ]
    dependencies = [
        {
            "ref": own,
            "dependsOn": [*needed, *(_model_reference(each) for each in packs)],
        },
        *(
            {"ref": each.reference, "dependsOn": _references(each.needs, listed)}
            for each in listed.values()
        ),
    ]
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_SPACE, f'{build} {stamp}')}",
        "version": 1,
        "metadata": {
            "timestamp": stamp,
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": _OWN,
                "version": appliance.__version__,
                "purl": own,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                "hashes": [{"alg": "SHA-256", "content": build}],
            },
        },
        "components": components,
        "dependencies": dependencies,
    }


def normalised(name: str) -> str:
    """A distribution's name as indexes and package URLs write it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _package(name: str, found: metadata.Distribution) -> Package:
    return Package(
        name=name,
        version=found.version,
        summary=_text(found.metadata.json.get("summary")),
        licences=tuple(_licences(found)),
        needs=tuple(sorted(set(_needs(found.requires or ())))),
    )


def _licences(found: metadata.Distribution) -> Iterator[Json]:
    """An SPDX expression where the package has one; else the names that it gives."""
    about = found.metadata.json
    if expression := _text(about.get("license_expression")):
        yield {"expression": expression}
        return
    named = [each for each in about.get("classifier", ()) if each.startswith(_OSI)]
    if named:
        for each in named:
            yield {"license": {"name": each.removeprefix(_OSI)}}
        return
    text = _text(about.get("license"))
    if text and "\n" not in text and len(text) <= _LONGEST_NAME:
        yield {"license": {"name": text}}


def _text(field: str | list[str] | None) -> str:
    return field.strip() if isinstance(field, str) else ""


def _needs(requirements: Iterable[str]) -> Iterator[str]:
    """Names of PEP 508 requirements, without those of optional extras."""
    for requirement in requirements:
        name = _NAME.match(requirement)
        if name is not None and "extra ==" not in requirement:
            yield normalised(name.group())


def _references(names: Iterable[str], listed: Mapping[str, Package]) -> list[str]:
    return sorted({listed[name].reference for name in names if name in listed})


def _library(package: Package) -> Json:
    found: Json = {
        "type": "library",
        "bom-ref": package.reference,
        "name": package.name,
        "version": package.version,
        "purl": package.reference,
    }
    if package.summary:
        found["description"] = package.summary
    if package.licences:
        found["licenses"] = list(package.licences)
    return found


def _model(model: Model) -> Json:
    found: Json = {
        "type": "machine-learning-model",
        "bom-ref": _model_reference(model),
        "name": model.identity.name,
        "version": model.identity.version,
        "description": "Model pack; the hash is that of its signed manifest",
        "hashes": [{"alg": "SHA-256", "content": model.identity.digest}],
    }
    if model.licence is not None:
        found["licenses"] = [{"expression": model.licence}]
    return found


def _model_reference(model: Model) -> str:
    return f"model:{model.identity.name}@{model.identity.version}"
