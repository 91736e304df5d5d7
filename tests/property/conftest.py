"""Hypothesis in this level: no verdict depends on how busy the machine is."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "property", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.load_profile("property")
