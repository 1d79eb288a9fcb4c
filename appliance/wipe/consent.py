"""Whether a wipe may begin: decided from the plan and what a person said."""

from __future__ import annotations

from appliance.errors import WipeError
from appliance.wipe.plan import WipePlan


def check_serial(typed: str, plan: WipePlan) -> None:
    """The serial number as typed; gaps and capitals do not count.

    Raises:
        WipeError: `wipe-serial-wrong`.
    """
    if _bare(typed) != _bare(plan.serial):
        raise WipeError("wipe-serial-wrong")


def check_alerts(plan: WipePlan, overridden_by: str) -> None:
    """Nobody may be waiting for an alert, unless a person takes that on themselves, by name.

    Raises:
        WipeError: `wipe-alerts-unknown`, `wipe-alerts-undelivered`.
    """
    waiting = plan.undelivered
    if waiting.is_clear or overridden_by.strip():
        return
    if waiting.messages is None or waiting.studies is None:
        raise WipeError("wipe-alerts-unknown")
    raise WipeError(
        "wipe-alerts-undelivered", f"{waiting.messages} messages, {waiting.studies} studies"
    )


def _bare(text: str) -> str:
    return "".join(text.split()).lower()
