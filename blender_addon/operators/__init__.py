"""What the user and scripts can do, by the module that does it."""

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
