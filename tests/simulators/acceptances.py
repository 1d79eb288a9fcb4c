"""What a site said of a model, without measuring it."""

from __future__ import annotations

from appliance.acceptance import Acceptance, Breach, Criteria
from appliance.domain import ModelIdentity


def acceptance(model: ModelIdentity, *breaches: Breach, alert: float = 0.6) -> Acceptance:
    """An acceptance; with breaches a refusal."""
    return Acceptance(
        model=model,
        set_format="coco",
        set_digest="c" * 64,
        fractured=20,
        intact=30,
        unread=0,
        report=0.4,
        alert=alert,
        figures={"sensitivity-alert": (0.9, 0.8, 1.0), "specificity-alert": (None, None, None)},
        criteria=Criteria(0.8, 0.9, 1.0, 20, 30, 0.1),
        breaches=breaches,
        by="Dr. Wang 王",
        at=1_800_000_000.0,
    )
