"""Whatever a child does, its parent gets a bounded answer or a named fault, and lives on."""

from __future__ import annotations

import gc
import os
import resource
import select
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from appliance.childprocess import Child, ChildError, Fault, Limits
from appliance.clock import SystemClock
from appliance.errors import OsteonError

MODULE = "tests.simulators.child_module"
LIMITS = Limits(memory_bytes=1 << 30, reply_bytes=1 << 20)
LONG = 30.0


@pytest.fixture
def child() -> Iterator[Child]:
    with Child(MODULE, LIMITS, SystemClock()) as one:
        yield one


@pytest.mark.parametrize("kind", ["u1", "i1", "<u2", "<i2", "<i4", "<f4", "<f8"])
def test_arrays_come_back_as_they_went(child: Child, kind: str) -> None:
    sent = (np.arange(60).astype(kind).reshape(3, 4, 5), np.zeros((0, 7), kind))
    answer = child.request({"do": "echo"}, sent, within_s=LONG)
    assert answer.header == {"seen": 2}
    for before, after in zip(sent, answer.arrays, strict=True):
        assert after.dtype == before.dtype
        np.testing.assert_array_equal(after, before)
    assert not answer.arrays[0].flags.writeable


def test_a_strided_array_travels_by_value(child: Child) -> None:
    sent = np.arange(24, dtype=np.int16).reshape(4, 6)[::-1, ::2]
    (back,) = child.request({"do": "echo"}, [sent], within_s=LONG).arrays
    np.testing.assert_array_equal(back, sent)


def test_the_child_reaches_no_network_and_says_so(child: Child) -> None:
    seen = child.request({"do": "network"}, within_s=LONG).header["interfaces"]
    assert child.isolated == (set(seen) <= {"lo"})


def test_nothing_of_the_parent_leaks_into_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSTEON_TEST_SECRET", "1")
    with Child(MODULE, LIMITS, SystemClock(), {"ADDED": "1"}) as child:
        seen = child.request({"do": "environment"}, within_s=LONG).header
    assert seen["arguments"] == []
    assert "OSTEON_TEST_SECRET" not in seen["names"]
    assert "ADDED" in seen["names"]


def test_a_refusal_keeps_the_child_alive(child: Child) -> None:
    with pytest.raises(OsteonError) as caught:
        child.request({"do": "refuse"}, within_s=LONG)
    assert (caught.value.code, caught.value.detail) == ("network-answer-invalid", "3 of 4")
    assert child.request({"do": "echo"}, within_s=LONG).header == {"seen": 0}


@pytest.mark.parametrize(
    ("request_", "fault", "detail"),
    [
        ({"do": "exit"}, Fault.CRASHED, "exit 3"),
        ({"do": "die"}, Fault.CRASHED, f"signal {signal.SIGSEGV.value}"),
        ({"do": "hoard"}, Fault.MEMORY, "1024 MiB"),
        ({"do": "raw", "body": "not JSON"}, Fault.GARBAGE, "header is not JSON"),
        ({"do": "raw", "body": "[" * 100_000}, Fault.GARBAGE, "header is not JSON"),
        ({"do": "raw", "body": '{"a": NaN}'}, Fault.GARBAGE, "header is not JSON"),
        ({"do": "raw", "body": "{}"}, Fault.GARBAGE, "header has another shape"),
        (
            {"do": "raw", "body": '{"header": {}, "arrays": []}'},
            Fault.GARBAGE,
            "answer has another shape",
        ),
        ({"do": "raw", "body": "", "length": 2**32 - 1}, Fault.GARBAGE, "frame out of bounds"),
        (
            {"do": "raw", "body": '{"header": {}, "arrays": [{}]}'},
            Fault.GARBAGE,
            "arrays without memory",
        ),
        ({"do": "unsealed"}, Fault.GARBAGE, "memory is not sealed"),
        ({"do": "layout", "changes": {"shape": [33]}}, Fault.GARBAGE, "array out of bounds"),
        ({"do": "layout", "changes": {"shape": [-1]}}, Fault.GARBAGE, "array out of bounds"),
        ({"do": "layout", "changes": {"shape": [2**63, 2]}}, Fault.GARBAGE, "array out of bounds"),
        ({"do": "layout", "changes": {"offset": -8}}, Fault.GARBAGE, "array out of bounds"),
        ({"do": "layout", "changes": {"type": "O"}}, Fault.GARBAGE, "array out of bounds"),
        ({"do": "large", "bytes": (1 << 20) + 1}, Fault.CRASHED, None),
    ],
)
def test_misdeeds_are_named_and_the_child_is_gone(
    child: Child, request_: dict[str, object], fault: Fault, detail: str | None
) -> None:
    with pytest.raises(ChildError) as caught:
        child.request(request_, within_s=LONG)
    assert caught.value.fault is fault
    if detail is not None:
        assert caught.value.detail == detail
    assert not Path(f"/proc/{child.pid}").exists()


def test_a_bug_is_named_by_place_and_never_by_its_text(child: Child) -> None:
    with pytest.raises(ChildError) as caught:
        child.request({"do": "bug"}, within_s=LONG)
    assert caught.value.fault is Fault.CRASHED
    assert caught.value.detail.startswith("ValueError at child_module.py:")
    assert "Zhang" not in str(caught.value)


def test_a_hanging_child_is_killed_at_the_deadline(child: Child) -> None:
    with pytest.raises(ChildError) as caught:
        child.request({"do": "hang"}, within_s=0.2)
    assert caught.value.fault is Fault.TIMEOUT
    assert not Path(f"/proc/{child.pid}").exists()


def test_a_stopped_child_that_takes_nothing_is_killed_at_the_deadline(child: Child) -> None:
    os.kill(child.pid, signal.SIGSTOP)
    with pytest.raises(ChildError) as caught:
        child.request({"do": "echo", "filler": "x" * 2_000_000}, within_s=0.3)
    assert caught.value.fault is Fault.TIMEOUT


def test_a_module_that_does_not_start_is_a_crash() -> None:
    with pytest.raises(ChildError) as caught:
        Child("tests.simulators.no_such_module", LIMITS, SystemClock())
    assert caught.value.fault is Fault.CRASHED


def test_a_machine_without_descriptors_is_a_named_fault_and_leaks_none() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    gc.collect()  # what other tests left behind is not to go in the middle of this one
    before = _open_descriptors()
    lowest_free = os.dup(0)
    os.close(lowest_free)
    for spare in range(6):
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free + spare, hard))
        try:
            with pytest.raises(ChildError) as caught:
                Child(MODULE, LIMITS, SystemClock())
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert (caught.value.fault, caught.value.detail) == (Fault.CRASHED, "EMFILE")
        assert _open_descriptors() == before


def _open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_hung_child_dies_with_its_parent() -> None:
    """The parent is killed while the child is busy and looks at nothing."""
    script = f"""
        import threading
        from appliance.childprocess import Child, ChildError, Limits
        from appliance.clock import SystemClock
        child = Child("{MODULE}", Limits(1 << 30, 1 << 20), SystemClock())
        threading.Thread(target=child.request, args=({{"do": "hang"}},), kwargs={{"within_s": 60}},
            daemon=True).start()
        print(child.pid, flush=True)
        threading.Event().wait()
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        watched = os.pidfd_open(pid)
        parent.kill()
    ended, _, _ = select.select([watched], [], [], LONG)
    os.close(watched)
    assert ended, "the child outlived its parent"
