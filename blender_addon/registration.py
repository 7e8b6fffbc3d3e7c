"""Registers everything that the add-on adds to Blender, and removes it again."""

from __future__ import annotations

import bpy

from . import history, menus, operators, panels, preferences, session, settings, thumbnails, watch
from .client.options import Form
from .translations import translations

_classes = (*preferences.classes, *settings.classes, *operators.classes, *panels.classes)


def register() -> None:
    bpy.app.translations.register(preferences.PACKAGE, translations())
    for each in _classes:
        bpy.utils.register_class(each)
    settings.attach()
    now = session.open_session(preferences.PACKAGE)
    preferences.take_back(now.folder)
    settings.show_options(now.info.form() if now.info else Form())
    thumbnails.register()
    menus.register()
    watch.register()


def unregister() -> None:
    watch.unregister()
    menus.unregister()
    history.clear()
    preferences.keep_aside(session.current().folder)
    session.close_session()
    settings.hide_options()
    settings.detach()
    for each in reversed(_classes):
        bpy.utils.unregister_class(each)
    bpy.app.translations.unregister(preferences.PACKAGE)
