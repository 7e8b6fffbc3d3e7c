"""Entries in Blender's own menus, and the shortcut."""

from __future__ import annotations

import bpy

from . import thumbnails

_keymap_items: list[tuple[bpy.types.KeyMap, bpy.types.KeyMapItem]] = []


def import_menu(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    self.layout.operator_context = "INVOKE_DEFAULT"
    text = "Objects from Pictures (SphereLinks)"
    self.layout.operator("spherelinks.generate_files", text=text, icon_value=thumbnails.mark())


def image_menu(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    self.layout.separator()
    self.layout.operator("spherelinks.use_image", icon_value=thumbnails.mark())


def register() -> None:
    bpy.types.TOPBAR_MT_file_import.append(import_menu)
    bpy.types.IMAGE_MT_image.append(image_menu)
    keyconfig = bpy.context.window_manager.keyconfigs.addon
    if keyconfig is not None:  # there is none in background mode
        keymap = keyconfig.keymaps.new(name="3D View", space_type="VIEW_3D")
        item = keymap.keymap_items.new("spherelinks.generate", "P", "PRESS", ctrl=True, alt=True, shift=True)
        _keymap_items.append((keymap, item))


def unregister() -> None:
    for keymap, item in _keymap_items:
        keymap.keymap_items.remove(item)
    _keymap_items.clear()
    bpy.types.IMAGE_MT_image.remove(image_menu)
    bpy.types.TOPBAR_MT_file_import.remove(import_menu)
