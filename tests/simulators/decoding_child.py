"""A decoding child that fails in the way that the instance's number says."""

from __future__ import annotations

import os
import signal
from dataclasses import asdict

from appliance.childprocess import Message, serve
from appliance.domain import InstanceHeader, PatientFacts
from appliance.errors import DecodeError
from tests.simulators.headers import instance


def _answer(request: Message) -> Message:
    match request.header.get("id"):
        case 0:
            os.kill(os.getpid(), signal.SIGSEGV)
        case 1:
            signal.pause()
        case 2:
            return Message({"more": bytearray(4 * 2**30)[:1] == b""})
        case 3:
            return Message({"header": {"facts": {"spooled_id": "3; drop"}}})
        case 4:
            return Message({"header": None})
        case 6:
            patient = PatientFacts("", "", "", "", "", "", "")
            return Message({"header": asdict(InstanceHeader(instance(99), patient, "{}"))})
        case 5:
            raise DecodeError("not-dicom")
    return Message({})


if __name__ == "__main__":
    serve(_answer)
