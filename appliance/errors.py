"""Every error of the box, in one tree; imports nothing of the box.

OsteonError
├── ConfigError        the site YAML or a secret beside it           (exit 2)
├── StorageError       disk, ledger, master key
├── ReceiveError       an object or a peer that the receiver turns away
├── DecodeError        bytes that could not be read in the child
├── AnalysisError      a reading that did not finish
├── PackError          a model pack that may not be loaded
├── UpdateError        an update that was refused or did not arrive
├── SignatureError     a signed statement that does not hold, or a key that cannot sign
├── DeliveryError      a message, page or object that did not get out
├── CheckError         what `osteon check` found out of order, and no other error names
├── LabelledSetError   a labelled set that a model cannot be measured on
├── WipeError          a wipe that was refused, or that did not end clean
├── UsageError         a command used in a way that cannot work      (exit 2)
└── Notice             told to a technician, never raised: work goes on

Each has a stable code (kebab-case). `CATALOGUE` holds, for each code, what it means and what the
technician can do; the manual is generated from it, and a test checks that no code is missing.
"""

from __future__ import annotations

from pathlib import PurePath


class OsteonError(Exception):
    """Something that a person may have to mend. `detail` says what happened; it holds no PHI."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


class ConfigError(OsteonError):
    """The site YAML or a secret beside it cannot be used."""


class StorageError(OsteonError):
    """The disk, a ledger or the master key failed."""


class ReceiveError(OsteonError):
    """The receiver turns this object or peer away."""


class DecodeError(OsteonError):
    """Bytes that could not be read; raised by what speaks with the decoding child."""


class AnalysisError(OsteonError):
    """A reading did not finish."""


class PackError(OsteonError):
    """A model pack may not be loaded."""


class UpdateError(OsteonError):
    """An update was refused or did not arrive; what runs goes on."""


class SignatureError(OsteonError):
    """A signed statement does not hold, or a key cannot sign."""


class DeliveryError(OsteonError):
    """A message, page or object did not get out. `permanent`: trying again cannot help."""

    def __init__(self, code: str, detail: str = "", *, permanent: bool = False) -> None:
        super().__init__(code, detail)
        self.permanent = permanent


class CheckError(OsteonError):
    """A live check found something out of order."""


class LabelledSetError(OsteonError):
    """A labelled set cannot be measured on. Rows and numbers are named, never files."""


class WipeError(OsteonError):
    """A wipe was refused, or did not end clean."""


class UsageError(OsteonError):
    """A command was used in a way that cannot work."""


class Notice(OsteonError):  # noqa: N818 - never raised: it is told
    """Work goes on, and a technician should look at something before it stops."""


def place_of(error: BaseException) -> str:
    """`Type at file:line` of where it was raised; unlike its text, that quotes no object."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    file = PurePath(trace.tb_frame.f_code.co_filename).name
    return f"{type(error).__name__} at {file}:{trace.tb_lineno}"
