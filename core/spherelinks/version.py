"""Versions of the stages that decide an asset's bytes for every generator. A generator's own is on its card."""

STAGES = {"matte": "1", "finishing": "2"}
"""Raise a stage's version with every change after which the same request may give other bytes: assets that were made
before are not given out for it any more (:mod:`spherelinks.jobs.cache`)."""
