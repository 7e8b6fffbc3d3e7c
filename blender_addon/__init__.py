"""SphereLinks for Blender: a picture becomes an object in the scene.

The package ``client`` speaks to the server and keeps the jobs, in plain Python and on threads. All other modules are
Blender's: they run on its main thread alone, and learn of what the threads did by a timer (``watch``).
"""


def register() -> None:
    from . import registration

    registration.register()


def unregister() -> None:
    from . import registration

    registration.unregister()
