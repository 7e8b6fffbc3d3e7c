"""What each extension of glTF is to us."""

from __future__ import annotations

from collections.abc import Iterable

#: A file that needs any other than these, HARMLESS and NOTED to be understood is refused, by that one's name.
HONOURED = frozenset(
    {
        "EXT_mesh_gpu_instancing",
        "EXT_meshopt_compression",
        "EXT_texture_webp",
        "KHR_draco_mesh_compression",
        "KHR_materials_emissive_strength",
        "KHR_materials_pbrSpecularGlossiness",
        "KHR_materials_unlit",
        "KHR_mesh_quantization",
        "KHR_meshopt_compression",
        "KHR_node_visibility",
        "KHR_texture_transform",
    }
)
#: These change nothing that is kept: a metallic-roughness surface.
HARMLESS = frozenset(
    {
        "EXT_lights_image_based",
        "FB_ngon_encoding",
        "KHR_animation_pointer",
        "KHR_lights_punctual",
        "KHR_materials_ior",
        "KHR_materials_variants",
        "KHR_xmp_json_ld",
        "MSFT_lod",
    }
)
#: Pictures that are not read: the one that stands in for them is.
REPLACED = frozenset({"EXT_texture_avif", "KHR_texture_basisu", "MSFT_texture_dds"})
#: These change how a surface looks, beyond metal and roughness.
NOTED = {
    "KHR_materials_anisotropy": "anisotropy",
    "KHR_materials_clearcoat": "clear coat",
    "KHR_materials_diffuse_transmission": "transmission",
    "KHR_materials_dispersion": "dispersion",
    "KHR_materials_iridescence": "iridescence",
    "KHR_materials_sheen": "sheen",
    "KHR_materials_specular": "specular",
    "KHR_materials_transmission": "transmission",
    "KHR_materials_volume": "volume",
}


def beyond(required: Iterable[str]) -> list[str]:
    """Of the extensions that a file requires, those without which it is not read."""
    return [name for name in required if name not in HONOURED | HARMLESS | NOTED.keys()]


def lost(names: Iterable[str]) -> list[str]:
    """What the extensions of these names say about materials that is not kept, in words, each once."""
    return list(dict.fromkeys(NOTED[name] for name in names if name in NOTED))


def unknown(names: Iterable[str]) -> list[str]:
    """A note for each extension that is not known."""
    known = HONOURED | HARMLESS | REPLACED | NOTED.keys()
    return [f"The extension {name} is not known, and what it says was not read." for name in names if name not in known]
