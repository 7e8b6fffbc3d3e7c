"""Imports a GLB as an object of the scene: placed, named, and with its origin recorded."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any, Literal

import addon_utils
import bpy
from mathutils import Matrix

from .client import glb
from .client.errors import Failure
from .client.jobs import Job
from .client.server import SIDES

JOB = "spherelinks_job"
"""The custom property that marks our objects."""

CATALOG = "5f1b7c0e-6a3d-4f0b-9a52-6e8d3c2b1a70"
_LOD = re.compile(r"_LOD([1-9])(\.\d+)?$")
_COLLIDER = re.compile(r"-convcolonly(\.\d+)?$")


def place(context: bpy.types.Context, job: Job, asset: Path, thumbnail: Path | None) -> bpy.types.Object:
    """Import an asset as one object, named after its picture, at the job's placement.

    Coarser levels of detail and the collider become its children, which are not rendered. Raises Failure.
    """
    how = job.placement
    fresh = _imported(asset, how.get("shading", "NORMALS"))
    main = next(
        (o for o in fresh if o.type == "MESH" and not _LOD.search(o.name) and not _COLLIDER.search(o.name)), None
    )
    if main is None:
        raise Failure("bad_answer", "The asset holds no mesh.")
    _name(fresh, main, job.name)
    home = context.collection
    if how.get("ownCollection"):
        home = bpy.data.collections.new(job.name)
        context.scene.collection.children.link(home)
    for each in fresh:
        _move(each, home)
        each.rotation_mode = "XYZ"
        if each is not main:
            each.parent = main
            each.hide_render = True
            if _COLLIDER.search(each.name):
                each.display_type = "WIRE"
            else:
                each.hide_set(True)
    main.location = how.get("location", (0.0, 0.0, 0.0))
    main.rotation_euler = (0.0, 0.0, how.get("turn", 0.0))
    _remember(main, job, glb.extras(asset))
    old: bpy.types.Object | None = context.scene.objects.get(how.get("replace", ""))
    if is_ours(old):
        _replace(old, main, fresh)
    context.view_layer.update()  # it still lists removed objects
    for each in context.view_layer.objects:
        each.select_set(each is main)
    context.view_layer.objects.active = main
    if how.get("markAsset"):
        _mark(context, main, thumbnail)
    return main


def is_ours(candidate: bpy.types.Object | None) -> bool:
    """Whether an object came from here."""
    properties: Any = candidate
    return candidate is not None and JOB in properties


def next_on_grid(location: list[float], index: int, count: int, spacing: float) -> list[float]:
    """The position of the index-th of `count` objects on a grid centred at `location`."""
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    x, y = index % columns - (columns - 1) / 2, (rows - 1) / 2 - index // columns
    return [location[0] + x * spacing, location[1] + y * spacing, location[2]]


def _imported(asset: Path, shading: Literal["NORMALS", "FLAT", "SMOOTH"]) -> list[bpy.types.Object]:
    """The objects that Blender's own importer creates from a GLB, without the collections it adds."""
    if not hasattr(bpy.types, "IMPORT_SCENE_OT_gltf"):
        addon_utils.enable("io_scene_gltf2")
    known = {o.as_pointer() for o in bpy.data.objects}
    collections = {c.as_pointer() for c in bpy.data.collections}
    try:
        bpy.ops.import_scene.gltf(filepath=str(asset), import_shading=shading)
    except RuntimeError as error:
        raise Failure("bad_answer", f"Blender cannot import the asset: {str(error).strip()}") from error
    fresh = [o for o in bpy.data.objects if o.as_pointer() not in known]
    for each in fresh:
        _move(each, bpy.context.scene.collection)
    for collection in [c for c in bpy.data.collections if c.as_pointer() not in collections]:
        bpy.data.collections.remove(collection)
    return fresh


def _move(each: bpy.types.Object, home: bpy.types.Collection) -> None:
    if each.name not in home.objects:
        home.objects.link(each)
    for other in each.users_collection:
        if other != home:
            other.objects.unlink(each)


def _name(fresh: list[bpy.types.Object], main: bpy.types.Object, name: str) -> None:
    for each in fresh:
        level, collider = _LOD.search(each.name), _COLLIDER.search(each.name)
        each.name = f"{name}_LOD{level[1]}" if level else f"{name}-convcolonly" if collider else name
        if isinstance(each.data, bpy.types.Mesh) and not collider:
            each.data.name = each.name
            for material in each.data.materials:
                material.name = each.name
                for node in material.node_tree.nodes:
                    if isinstance(node, bpy.types.ShaderNodeTexImage) and node.image:
                        node.image.name = each.name


def _remember(main: bpy.types.Object, job: Job, extras: dict[str, Any]) -> None:
    """Where the object came from, as custom properties."""
    made_by, source = [extras.get(part, {}) for part in ("generator", "engine")], extras.get("source", {})
    properties = {
        JOB: job.job_id,
        "spherelinks_server": job.server,
        "spherelinks_picture": job.name,
        "spherelinks_source": source.get("sha256", ""),
        **{f"spherelinks_source_{view}": source[f"{view}Sha256"] for view in SIDES if f"{view}Sha256" in source},
        "spherelinks_generator": f"{made_by[0].get('name', '')} {made_by[0].get('version', '')}".strip(),
        "spherelinks_engine": f"{made_by[1].get('name', '')} {made_by[1].get('version', '')}".strip(),
        "spherelinks_options": json.dumps(extras.get("options", job.options), sort_keys=True),
    }
    for name, value in properties.items():
        main[name] = value


def _replace(old: bpy.types.Object, new: bpy.types.Object, fresh: list[bpy.types.Object]) -> None:
    """Replace an object by another, which takes over its transform, parent, collections, children and name."""
    new.parent, new.parent_type, new.parent_bone = old.parent, old.parent_type, old.parent_bone
    new.matrix_parent_inverse = old.matrix_parent_inverse.copy()
    new.rotation_mode = old.rotation_mode
    new.matrix_basis = old.matrix_basis.copy()
    homes = old.users_collection
    for each in fresh:
        for home in homes:
            if each.name not in home.objects:
                home.objects.link(each)
        for home in each.users_collection:
            if home not in homes:
                home.objects.unlink(each)
    name = old.name
    gone = [old]
    for child in list(old.children):
        if _LOD.search(child.name) or _COLLIDER.search(child.name):
            gone.append(child)
        else:
            kept: Matrix = child.matrix_parent_inverse.copy()
            child.parent = new
            child.matrix_parent_inverse = kept
    for each in gone:
        data = each.data
        bpy.data.objects.remove(each)
        if isinstance(data, bpy.types.Mesh) and data.users == 0:
            bpy.data.meshes.remove(data)
    new.name = name


def _mark(context: bpy.types.Context, main: bpy.types.Object, thumbnail: Path | None) -> None:
    """Mark the object as an asset with its thumbnail, in our catalogue if the file has been saved."""
    main.asset_mark()
    if thumbnail is not None and thumbnail.is_file():
        with context.temp_override(id=main):
            bpy.ops.ed.lib_id_load_custom_preview(filepath=str(thumbnail))
    else:
        main.asset_generate_preview()
    main.asset_data.author = "SphereLinks"
    main.asset_data.tags.new("SphereLinks", skip_if_exists=True)
    if bpy.data.filepath:
        catalogs = Path(bpy.data.filepath).parent / "blender_assets.cats.txt"
        try:
            known = catalogs.read_text(encoding="utf-8") if catalogs.exists() else "VERSION 1\n\n"
            if CATALOG not in known:
                catalogs.write_text(f"{known.rstrip()}\n{CATALOG}:SphereLinks:SphereLinks\n", encoding="utf-8")
        except OSError as error:
            raise Failure("file_error", f"{catalogs} cannot be written: {error.strerror}.") from error
        main.asset_data.catalog_id = CATALOG
