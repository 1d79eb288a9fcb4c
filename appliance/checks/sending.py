"""Sends the phantom to our own listener, as a modality would."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom.presentation import build_context

from appliance.config.schema import Site
from appliance.errors import CheckError
from appliance.phantom import CALLING_AE_TITLE, here
from appliance.pipeline.deliver.requestor import Requestor

_CONNECT_S: Final = 10.0
_ANSWER_S: Final = 30.0
_SUCCESS: Final = 0x0000


def send(site: Site, images: Sequence[Dataset]) -> None:
    """Store all images in one association. Raises CheckError("test-not-sent")."""
    entity = Requestor(ae_title=CALLING_AE_TITLE)
    entity.connection_timeout = _CONNECT_S
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = _ANSWER_S
    contexts = [
        build_context(sop_class, ExplicitVRLittleEndian)
        for sop_class in dict.fromkeys(image.SOPClassUID for image in images)
    ]
    association = entity.associate(
        here(site.dicom.address).host,
        site.dicom.port,
        contexts=contexts,
        ae_title=site.dicom.ae_title,
    )
    if not association.is_established:
        why = "the association was refused" if association.is_rejected else "nobody answers"
        raise CheckError("test-not-sent", f"{why} on port {site.dicom.port}")
    try:
        for image in images:
            answer = association.send_c_store(image)
            if answer.get("Status") != _SUCCESS:
                status = f"0x{answer.Status:04X}" if "Status" in answer else "no answer"
                raise CheckError("test-not-sent", status)
    except RuntimeError as error:
        raise CheckError("test-not-sent", "the association was lost") from error
    finally:
        if association.is_established:
            association.release()
