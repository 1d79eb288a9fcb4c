"""What holds for every test."""

import os
import time
from collections.abc import Iterator

import pytest
from hypothesis import settings

# No test touches the TPM of the machine that it runs on.
os.environ["TPM2TOOLS_TCTI"] = "swtpm:path=/nowhere"
# No test fails because its machine is slow.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")


@pytest.fixture(autouse=True)
def _own_zone() -> Iterator[None]:
    """A role or a menu that runs in the test's process makes the site's zone that of all of it."""
    before = os.environ.get("TZ")
    yield
    if before is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> object:
    """Under CI nothing is skipped: the setup has installed all that a test may want."""
    report: pytest.TestReport = yield
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped under CI: {report.longrepr}"
    return report
