"""Everything the add-on adds to Blender, and takes away again."""

from __future__ import annotations

import bpy

from . import history, menus, operators, panels, preferences, session, settings, thumbnails, watch
from .client.options import Description
from .translations import translations

_classes = (*preferences.classes, *settings.classes, *operators.classes, *history.classes, *panels.classes)


def register() -> None:
    bpy.app.translations.register(preferences.PACKAGE, translations)
    for each in _classes:
        bpy.utils.register_class(each)
    settings.attach()
    now = session.open_session(preferences.PACKAGE)
    settings.show_options(now.info.description() if now.info else Description())
    thumbnails.register()
    menus.register()
    watch.register()


def unregister() -> None:
    watch.unregister()
    menus.unregister()
    session.close_session()
    settings.hide_options()
    settings.detach()
    for each in reversed(_classes):
        bpy.utils.unregister_class(each)
    bpy.app.translations.unregister(preferences.PACKAGE)
