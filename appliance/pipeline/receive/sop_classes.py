"""What the box accepts: its presentation contexts, which are its conformance statement.

Besides CT and radiographs, it takes what modalities mix into the same study; such objects are
kept and set aside later, since refusing them makes a modality fail the whole transfer.
"""

from __future__ import annotations

from typing import Final

from pydicom import uid
from pynetdicom.presentation import PresentationContext, build_context

VERIFICATION: Final = "1.2.840.10008.1.1"

STORAGE: Final[tuple[str, ...]] = (
    uid.CTImageStorage,
    uid.EnhancedCTImageStorage,
    uid.LegacyConvertedEnhancedCTImageStorage,
    uid.ComputedRadiographyImageStorage,
    uid.DigitalXRayImageStorageForPresentation,
    uid.DigitalXRayImageStorageForProcessing,
    uid.SecondaryCaptureImageStorage,
    uid.MultiFrameSingleBitSecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    uid.MultiFrameTrueColorSecondaryCaptureImageStorage,
    uid.BasicTextSRStorage,
    uid.EnhancedSRStorage,
    uid.ComprehensiveSRStorage,
    uid.Comprehensive3DSRStorage,
    uid.XRayRadiationDoseSRStorage,
    uid.GrayscaleSoftcopyPresentationStateStorage,
    uid.KeyObjectSelectionDocumentStorage,
    uid.EncapsulatedPDFStorage,
)

TRANSFER_SYNTAXES: Final[tuple[str, ...]] = (
    uid.ExplicitVRLittleEndian,
    uid.ImplicitVRLittleEndian,
    uid.JPEGLosslessSV1,
    uid.JPEGLossless,
    uid.JPEGLSLossless,
    uid.JPEG2000Lossless,
    uid.HTJ2KLossless,
    uid.HTJ2KLosslessRPCL,
    uid.RLELossless,
    uid.DeflatedExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.JPEGExtended12Bit,
    uid.JPEGBaseline8Bit,
    uid.JPEGLSNearLossless,
    uid.JPEG2000,
    uid.HTJ2K,
)
"""In order of preference where a peer offers several in one context: without loss first."""


def supported_contexts() -> list[PresentationContext]:
    """One context for each SOP class, as pynetdicom's negotiation wants them."""
    syntaxes: list[str | uid.UID] = [*TRANSFER_SYNTAXES]
    storage = [build_context(name, syntaxes) for name in STORAGE]
    echo: list[str | uid.UID] = [
        uid.ExplicitVRLittleEndian,
        uid.ImplicitVRLittleEndian,
        uid.ExplicitVRBigEndian,
    ]
    return [build_context(VERIFICATION, echo), *storage]
