"""The real inference child, which also knows the tests' reader."""

from __future__ import annotations

from appliance.childprocess import serve
from appliance.clock import SystemClock
from appliance.inference.worker import Worker
from tests.simulators import bright_squares

if __name__ == "__main__":
    assert bright_squares.NAME
    serve(Worker(SystemClock()).handle)
