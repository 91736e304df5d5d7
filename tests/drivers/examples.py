"""How many examples Hypothesis draws for a test; and no verdict depends on how busy the machine is."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

SOAK = 100
_CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
_USUAL = 100
"""Examples of a test that does not say how many."""

settings.register_profile("property", _CALM, max_examples=_USUAL)
settings.register_profile("soak", _CALM, max_examples=_USUAL * SOAK)


def examples(number: int) -> settings:
    """So many, and a hundred times as many where the profile that is loaded is that of a soak."""
    return settings(_CALM, max_examples=number * settings.default.max_examples // _USUAL)
