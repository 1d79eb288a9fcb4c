"""What holds for every test."""

import os

import pytest
from hypothesis import settings

# No test touches the TPM of the machine that it runs on.
os.environ["TPM2TOOLS_TCTI"] = "swtpm:path=/nowhere"
# No test fails because its machine is slow.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> object:
    """Under CI nothing is skipped: the setup has installed all that a test may want."""
    report: pytest.TestReport = yield
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped under CI: {report.longrepr}"
    return report
