"""Colours of a picture's own space as sRGB: by an ICC profile, cICP's code points, or gamma and chromaticities."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from spherelinks.picture.png import SRGB_GAMMA, Chunks
from spherelinks.pixels.srgb import encoded, to_linear

Floats = NDArray[np.float64]

_D65 = (0.3127, 0.3290)
#: x and y of white, red, green and blue (ITU-T H.273, table 2).
_PRIMARIES: dict[int, tuple[float, ...]] = {
    1: (*_D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06),
    4: (0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    22: (*_D65, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077),
}
_SRGB = _PRIMARIES[1]
_BRADFORD = np.array(((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296)))
_WHITE_NITS = 203.0  # what BT.2408 calls diffuse white
_KNEE = 0.75  # light above it is rolled off
#: A profile that moves no colour by more levels is sRGB under whatever name, and changes nothing.
_SAME = 2
#: Gamma and chromaticities within these of sRGB's are its own, rounded.
_GAMMA, _PLACE = 0.012, 0.002


def by_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    """An L, RGB or CMYK image as RGB in sRGB; None if the profile is sRGB itself, broken, or of other pixels."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if image.mode == "RGB" and _is_srgb(source):
            return None
        return ImageCms.profileToProfile(
            image,
            source,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _is_srgb(source: ImageCms.ImageCmsProfile) -> bool:
    """By what it does to colours, whatever it is called."""
    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
    shown = ImageCms.profileToProfile(
        Image.fromarray(cube),
        source,
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    return shown is not None and int(np.abs(np.asarray(shown).astype(int) - cube).max()) <= _SAME


def by_chunks(image: Image.Image, said: Chunks) -> tuple[Image.Image, list[str]]:
    """An L or RGB image of a PNG as RGB in sRGB, and what is to be said: cICP goes before iCCP, that before sRGB, and
    that before gAMA and cHRM.
    """
    if said.cicp is not None:
        primaries, transfer, matrix, _ = said.cicp
        known = primaries in _PRIMARIES and transfer in _TRANSFERS and matrix == 0
        if known:
            light = _TRANSFERS[transfer]
            notes = ["The picture is HDR: its brightest parts were toned down."] if transfer in (16, 18) else []
            if (_PRIMARIES[primaries], transfer) != (_SRGB, 13):
                image = _converted(image, light, _PRIMARIES[primaries], narrow=said.cicp[3] == 0)
            return image.convert("RGB"), notes
        text = f"The picture's colour space (cICP {', '.join(map(str, said.cicp))}) is not known, and was left out."
        image, notes = by_chunks(image, replace(said, cicp=None))
        return image, [text, *notes]
    if said.icc is not None:
        return by_profile(image, said.icc) or image.convert("RGB"), []
    if said.srgb:
        return image.convert("RGB"), []
    gamma, places = said.gamma, said.chromaticities
    plain = gamma is None or abs(gamma - SRGB_GAMMA) < _GAMMA
    same = places is None or float(np.abs(np.subtract(places, _SRGB)).max()) < _PLACE
    if (plain and same) or (places is not None and not _sound(places)):
        return image.convert("RGB"), []
    light = to_linear if plain or gamma is None else lambda value: value ** (1 / gamma)
    return _converted(image, light, places or _SRGB), []


def _sound(places: tuple[float, ...]) -> bool:
    """Whether three colours and a white span a space at all."""
    if min(places[1::2]) <= 0:
        return False
    return bool(abs(np.linalg.det(_columns(places[2:]))) > 1e-4)


def _converted(
    image: Image.Image, light: Callable[[Floats], Floats], primaries: tuple[float, ...], *, narrow: bool = False
) -> Image.Image:
    values = np.arange(256) / 255
    if narrow:
        values = ((np.arange(256) - 16) / 219).clip(0, 1)
    curve = light(values)
    matrix = np.linalg.inv(_to_xyz(_SRGB)) @ _to_xyz(primaries)
    pixels = np.asarray(image.convert("RGB"))
    out = np.empty_like(pixels)
    for top in range(0, len(pixels), 256):  # some rows at a time: light takes eight times the bytes
        out[top : top + 256] = encoded(curve[pixels[top : top + 256]] @ matrix.T)
    return Image.fromarray(out)


def _columns(places: tuple[float, ...]) -> Floats:
    return np.array([(x / y, 1.0, (1 - x - y) / y) for x, y in zip(places[::2], places[1::2], strict=True)]).T


def _to_xyz(primaries: tuple[float, ...]) -> Floats:
    """(3, 3) from linear colours to XYZ under D65, Bradford-adapted from their own white."""
    white = _columns(primaries[:2])[:, 0]
    colors = _columns(primaries[2:])
    matrix = colors * np.linalg.solve(colors, white)
    cones = (_BRADFORD @ _columns(_D65)[:, 0]) / (_BRADFORD @ white)
    adapted: Floats = np.linalg.inv(_BRADFORD) @ np.diag(cones) @ _BRADFORD @ matrix
    return adapted


def _pq(value: Floats) -> Floats:
    """SMPTE ST 2084, light as a multiple of diffuse white, its brightest rolled off."""
    root = value ** (1 / 78.84375)
    nits = 10_000 * (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
    return _toned(nits / _WHITE_NITS)


def _hlg(value: Floats) -> Floats:
    """ARIB STD-B67, likewise: its 75 % is diffuse white."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(value <= 0.5, value**2 / 3, (np.exp((value - c) / a) + b) / 12)
    return _toned(scene**1.2 * 1000 / _WHITE_NITS)


def _toned(light: Floats) -> Floats:
    over = np.maximum(light - _KNEE, 0)
    return np.where(light <= _KNEE, light, _KNEE + (1 - _KNEE) * (1 - np.exp(-over / (1 - _KNEE))))


def _bt709(value: Floats) -> Floats:
    return np.where(value < 0.081, value / 4.5, ((value + 0.099) / 1.099) ** (1 / 0.45))


#: Light of encoded values in 0..1 (ITU-T H.273, table 3).
_TRANSFERS: dict[int, Callable[[Floats], Floats]] = {
    1: _bt709,
    4: lambda value: value**2.2,
    5: lambda value: value**2.8,
    6: _bt709,
    8: lambda value: value,
    13: to_linear,
    14: _bt709,
    15: _bt709,
    16: _pq,
    18: _hlg,
}
