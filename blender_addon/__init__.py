"""SphereLinks for Blender: a picture becomes an object in the scene.

The package ``client`` talks to the server and manages the jobs, in plain Python and on threads. All other modules use
Blender: they run only on its main thread, and learn what the threads did from a timer (``watch``).
"""


def register() -> None:
    from . import registration

    registration.register()


def unregister() -> None:
    from . import registration

    registration.unregister()
