"""The parent's side: start a child, ask it, and be rid of it when it misbehaves."""

from __future__ import annotations

import errno
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

from numpy.typing import NDArray

import appliance
from appliance.childprocess import wire
from appliance.childprocess.confinement import Limits
from appliance.clock import Clock
from appliance.errors import OsteonError

_CODE: Final = re.compile(r"[a-z][a-z0-9-]{0,60}")
_DETAIL: Final = re.compile(r"[ -~]{0,160}")
_REAP_S: Final = 0.5
"""How long a child whose channel broke may take to show its exit status before it is killed."""


class Fault(StrEnum):
    """How a child failed."""

    CRASHED = "crashed"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    GARBAGE = "garbage"


class ChildError(Exception):
    """The child gave no usable answer and is dead now; start another one."""

    def __init__(self, fault: Fault, detail: str = "") -> None:
        super().__init__(f"{fault}: {detail}" if detail else str(fault))
        self.fault = fault
        self.detail = detail


class Child:
    """One running child. Not thread-safe, but `close` may come from any thread.

    Standard input is the channel, standard output the lifeline; standard error goes nowhere, since
    native libraries write there what they please.
    """

    def __init__(
        self,
        module: str,
        limits: Limits,
        clock: Clock,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start `python -m module` and wait until it is confined and ready.

        environment: added to a minimal one; the parent's own is not passed on.

        Raises ChildError when it does not get ready within `limits.start_s`.
        """
        self._limits = limits
        self._clock = clock
        try:
            self._process, self._channel, self._lifeline = _launch(module, environment or {})
        except OSError as error:  # no processes, memory or descriptors left
            raise ChildError(Fault.CRASHED, errno.errorcode.get(error.errno or 0, "")) from None
        ready = self._exchange(wire.Message(asdict(limits)), limits.start_s)
        self.isolated = ready.header.get("isolated") is True
        """Whether the child can reach no network."""

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def request(
        self, header: wire.Json, arrays: Sequence[NDArray[Any]] = (), *, within_s: float
    ) -> wire.Message:
        """Ask, and return the answer.

        Raises:
            OsteonError: what the child's handler raised, with its code; the child lives on.
            ChildError: no usable answer within `within_s` seconds; the child is dead.
        """
        answer = self._exchange(wire.Message(header, tuple(arrays)), within_s)
        match answer.header:
            case {"answer": dict(content)}:
                return wire.Message(content, answer.arrays)
            case {"error": str(code), "detail": str(detail)} if _CODE.fullmatch(code):
                raise OsteonError(code, _printable(detail))
        raise self._failure(Fault.GARBAGE, "answer has another shape")

    def close(self) -> None:
        """Kill the child, whatever it does; it holds nothing worth saving."""
        self._process.kill()
        self._process.wait()
        self._channel.close()
        self._lifeline.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _exchange(self, message: wire.Message, within_s: float) -> wire.Message:
        remaining = self._countdown(within_s)
        try:
            wire.send(self._channel, message, remaining)
            answer = wire.receive(self._channel, self._limits.reply_bytes, remaining)
        except TimeoutError:
            raise self._failure(Fault.TIMEOUT, f"{within_s:g} s") from None
        except wire.WireError as error:
            raise self._failure(Fault.GARBAGE, str(error)) from None
        except (EOFError, OSError):
            raise self._failure(Fault.CRASHED, self._ending()) from None
        match answer.header:
            case {"fault": "memory"}:
                raise self._failure(Fault.MEMORY, f"{self._limits.memory_bytes >> 20} MiB")
            case {"fault": str(), "detail": str(detail)}:
                raise self._failure(Fault.CRASHED, _printable(detail))
            case _:
                return answer

    def _countdown(self, seconds: float) -> Callable[[], float]:
        end = self._clock.monotonic() + seconds

        def remaining() -> float:
            left = end - self._clock.monotonic()
            if left <= 0:
                raise TimeoutError
            return left

        return remaining

    def _failure(self, fault: Fault, detail: str) -> ChildError:
        self.close()
        return ChildError(fault, detail)

    def _ending(self) -> str:
        """How a child whose channel broke ended."""
        try:
            status = self._process.wait(_REAP_S)
        except subprocess.TimeoutExpired:
            return "channel closed"
        return f"signal {-status}" if status < 0 else f"exit {status}"


def _printable(detail: str) -> str:
    """The text, unless it is not what an honest child would send."""
    return detail if _DETAIL.fullmatch(detail) else ""


def _launch(
    module: str, environment: Mapping[str, str]
) -> tuple[subprocess.Popen[bytes], socket.socket, BinaryIO]:
    """Start the process; returns it with the parent's ends of its channel and its lifeline."""
    with ExitStack() as kept:
        channel, far_end = map(kept.enter_context, socket.socketpair())
        far_lifeline, lifeline = os.pipe()
        kept.callback(os.close, far_lifeline)
        held = kept.enter_context(os.fdopen(lifeline, "wb", buffering=0))
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", module],
            stdin=far_end.fileno(),
            stdout=far_lifeline,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=_environment() | dict(environment),
            start_new_session=True,
        )
        kept.pop_all()
        far_end.close()
        os.close(far_lifeline)
        return process, channel, held


def _environment() -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(Path(appliance.__file__).parent.parent),
        # Threads at import time would forbid the user namespace; runtimes bring their own threads.
        "OPENBLAS_NUM_THREADS": "1",
    }
