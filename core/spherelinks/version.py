"""Versions of the stages that determine every asset's bytes. A generator's own version is on its card."""

STAGES = {"matte": "6", "sides": "10", "finishing": "8"}
"""Raise a stage's version with every change that may give other bytes for the same request: older assets are then no
longer reused (:mod:`spherelinks.jobs.cache`)."""
