"""The operators, for users and scripts."""

from . import batch, connection, generate, history, jobs, place, sources

classes = (
    *generate.classes,
    *place.classes,
    *jobs.classes,
    *sources.classes,
    *batch.classes,
    *connection.classes,
    *history.classes,
)
