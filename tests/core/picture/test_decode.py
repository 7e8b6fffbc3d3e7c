"""Decoding: every kind of pixel comes out as sRGB, everything else is refused by name, cheaply."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms

from spherelinks.errors import PictureError, PictureTooLarge, PictureUnreadable
from spherelinks.picture.decode import decode
from spherelinks.picture.limits import MAX_BYTES, MAX_SIDE
from spherelinks.pixels.srgb import to_linear, to_srgb

PNG = b"\x89PNG\r\n\x1a\n"


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chart(width: int = 24, height: int = 16) -> NDArray[np.uint8]:
    """Smooth colours, none of the corners alike."""
    y, x = np.mgrid[0:height, 0:width]
    return np.dstack([x * 255 // (width - 1), y * 255 // (height - 1), 128 + 0 * x]).astype(np.uint8)


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_header(width: int, height: int, bits: int = 8, colour: int = 2) -> bytes:
    return PNG + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))


@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [("PNG", {}, 0), ("WEBP", {"lossless": True}, 0), ("JPEG", {"quality": 95, "subsampling": 0}, 12)],
)
def test_rgb_survives_in_every_format(kind: str, options: dict[str, Any], tolerance: int) -> None:
    data = encoded(Image.fromarray(chart()), kind, **options)
    picture = decode(data)
    assert picture.format == kind
    assert picture.sha256 == hashlib.sha256(data).hexdigest()
    assert picture.alpha is None
    assert picture.rgb.dtype == np.uint8
    assert np.abs(picture.rgb.astype(int) - chart()).max() <= tolerance


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_alpha_stays_straight(kind: str) -> None:
    alpha = np.full((16, 24), 255, np.uint8)
    alpha[:, :8], alpha[:, 8:12] = 0, 100
    data = encoded(Image.fromarray(np.dstack([chart(), alpha])), kind, lossless=True, exact=True)
    picture = decode(data)
    assert picture.alpha is not None
    assert (picture.alpha == alpha).all()
    assert (picture.rgb == chart()).all()


def test_alpha_that_hides_nothing_is_none() -> None:
    assert decode(encoded(Image.fromarray(chart()).convert("RGBA"), "PNG")).alpha is None


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "I;16"])
def test_every_png_mode_comes_out_as_pillow_shows_it(mode: str) -> None:
    grey = Image.fromarray(chart()).convert("L")
    if mode == "I;16":
        image = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    elif mode == "PA":
        image = Image.fromarray(chart()).quantize(16)
        image.info["transparency"] = bytes(range(0, 160, 10))
    else:
        image = Image.fromarray(chart()).convert(mode)
    picture = decode(encoded(image, "PNG"))
    expected = np.asarray((grey if mode == "I;16" else image).convert("RGBA"))
    assert (picture.rgb == expected[..., :3]).all()
    if mode == "PA":
        assert picture.alpha is not None
        assert (picture.alpha == expected[..., 3]).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_are_scaled_not_cut_off(channels: int) -> None:
    values = np.array([[0, 255, 257, 32896, 65278, 65535]], np.uint16)
    deep = np.repeat(values[..., None], channels, axis=2)
    if channels == 4:
        deep[..., 3] = 65535
    done, data = cv2.imencode(".png", deep)
    assert done
    grey = decode(data.tobytes()).rgb[0]
    assert np.abs(grey.astype(float) - values[0][:, None] / 257).max() <= 1
    assert grey[-1].tolist() == [255, 255, 255]


def test_sixteen_bit_grey_with_a_transparent_level() -> None:
    rows = b"".join(b"\0" + np.array([1000, 40000, 65535, 1000], ">u2").tobytes() for _ in range(4))
    data = png_header(4, 4, bits=16, colour=0) + png_chunk(b"tRNS", struct.pack(">H", 1000))
    picture = decode(data + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b""))
    assert picture.alpha is not None
    assert picture.alpha[0].tolist() == [0, 255, 255, 0]
    assert picture.rgb[0, :, 0].tolist() == [4, 156, 255, 4]


def test_cmyk_and_grey_jpegs() -> None:
    cmyk = decode(encoded(Image.fromarray(chart()).convert("CMYK"), "JPEG", quality=95))
    assert np.abs(cmyk.rgb.astype(int) - chart()).mean() < 8
    grey = decode(encoded(Image.fromarray(chart()).convert("L"), "JPEG"))
    assert (grey.rgb[..., 0] == grey.rgb[..., 2]).all()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_turns_the_picture_upright(kind: str, orientation: int) -> None:
    upright = chart()
    stored = {  # EXIF 2.32, tag 0x0112: where row 0 and column 0 of the stored picture are seen
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: upright.transpose(1, 0, 2)[::-1],
        7: upright.transpose(1, 0, 2)[::-1, ::-1],
        8: upright.transpose(1, 0, 2)[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {"quality": 95} if kind == "JPEG" else {}
    picture = decode(encoded(Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif, **options))
    assert picture.rgb.shape == upright.shape
    assert np.abs(picture.rgb.astype(int) - upright).mean() < 4


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_exif_is_ignored() -> None:
    data = encoded(Image.fromarray(chart()), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff\x01\x02")
    assert decode(data).rgb.shape == chart().shape


def swapped_profile() -> bytes:
    """An RGB profile whose red and blue primaries are exchanged."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = profile.replace(b"rXYZ", b"tmp ").replace(b"bXYZ", b"rXYZ").replace(b"tmp ", b"bXYZ")
    return profile.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("JPEG", {"quality": 95}), ("WEBP", {"lossless": True})])
def test_a_colour_profile_is_applied(kind: str, options: dict[str, Any]) -> None:
    red = Image.new("RGB", (16, 16), (220, 30, 40))
    seen = decode(encoded(red, kind, icc_profile=swapped_profile(), **options)).rgb[8, 8].astype(int)
    assert np.abs(seen - [40, 30, 220]).max() < 8


def test_a_colour_profile_leaves_alpha_alone() -> None:
    image = Image.new("RGBA", (16, 16), (220, 30, 40, 90))
    picture = decode(encoded(image, "PNG", icc_profile=swapped_profile()))
    assert picture.alpha is not None
    assert (picture.alpha == 90).all()
    assert np.abs(picture.rgb[8, 8].astype(int) - [40, 30, 220]).max() < 8


@pytest.mark.parametrize("profile", [b"no profile at all", swapped_profile()[:300], bytes(4096)])
def test_a_broken_colour_profile_is_ignored(profile: bytes) -> None:
    assert (decode(encoded(Image.fromarray(chart()), "PNG", icc_profile=profile)).rgb == chart()).all()


def test_a_profile_for_another_kind_of_pixel_is_ignored() -> None:
    grey = Image.fromarray(chart()).convert("L")
    picture = decode(encoded(grey, "PNG", icc_profile=swapped_profile()))
    assert (picture.rgb[..., 1] == np.asarray(grey)).all()


def test_large_pictures_are_averaged_down() -> None:
    stripes = np.zeros((90, 3 * MAX_SIDE, 3), np.uint8)
    stripes[:, ::3] = 255
    picture = decode(encoded(Image.fromarray(stripes), "PNG"))
    assert picture.rgb.shape == (30, MAX_SIDE, 3)
    assert (picture.rgb == 85).all()
    draft = decode(encoded(Image.new("RGB", (5000, 4200), (200, 100, 50)), "JPEG"))
    assert max(draft.rgb.shape) == MAX_SIDE
    assert np.abs(draft.rgb.astype(int) - [200, 100, 50]).max() < 4


def test_averaging_down_does_not_mix_in_hidden_colours() -> None:
    layers = np.zeros((2, 2 * MAX_SIDE, 4), np.uint8)
    layers[:, ::2] = (0, 0, 255, 255)
    layers[:, 1::2] = (255, 0, 0, 0)
    picture = decode(encoded(Image.fromarray(layers), "PNG"))
    assert (picture.rgb == [0, 0, 255]).all()
    assert picture.alpha is not None
    assert np.abs(picture.alpha.astype(int) - 127).max() <= 1


def test_one_pixel_is_a_picture() -> None:
    assert decode(encoded(Image.new("RGB", (1, 1), (1, 2, 3)), "PNG")).rgb.tolist() == [[[1, 2, 3]]]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"GIF89a\1\0\1\0", "a GIF"),
        (b"BM" + bytes(60), "a BMP"),
        (b"II*\0" + bytes(60), "a TIFF"),
        (b"MM\0*" + bytes(60), "a TIFF"),
        (b"\0\0\0\x18ftypheic" + bytes(20), "a HEIC"),
        (b"\0\0\0\x18ftypmif1" + bytes(20), "a HEIC"),
        (b"\0\0\0\x18ftypavif" + bytes(20), "an AVIF"),
        (b"\0\0\0\x18ftypisom" + bytes(20), "an MP4"),
        (b"%PDF-1.7", "a PDF"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG"),
        (b"\xef\xbb\xbf  <svg/>", "an SVG"),
        (b"\n<!DOCTYPE html><html>", "an HTML"),
        (b"PK\3\4", "a ZIP"),
        (b"glTF\2\0\0\0", "a GLB"),
        (b"", "empty"),
        (b"hello", "not a JPEG, PNG or WebP"),
    ],
)
def test_other_formats_are_named(data: bytes, name: str) -> None:
    with pytest.raises(PictureUnreadable, match=name) as caught:
        decode(data)
    assert "JPEG, PNG or WebP" in caught.value.hint


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_animations_are_refused(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    with pytest.raises(PictureUnreadable, match="animation of 3 frames"):
        decode(encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50))


def test_a_phones_multi_picture_jpeg_is_a_still() -> None:
    pages = [Image.fromarray(chart()), Image.new("RGB", (8, 8), "red")]
    picture = decode(encoded(pages[0], "MPO", save_all=True, append_images=pages[1:]))
    assert picture.format == "JPEG"
    assert picture.rgb.shape == chart().shape


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
def test_truncated_files_are_refused(kind: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    with pytest.raises(PictureUnreadable):
        decode(data[: int(len(data) * share)])


def test_ten_megabytes_and_one_byte() -> None:
    good = encoded(Image.fromarray(chart()), "JPEG")
    assert decode(good + bytes(MAX_BYTES - len(good))).rgb.shape == chart().shape
    with pytest.raises(PictureTooLarge, match=str(MAX_BYTES + 1)):
        decode(good + bytes(MAX_BYTES + 1 - len(good)))


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    data = encoded(Image.new("L", (4000, 4000)), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    with pytest.raises(PictureUnreadable, match="scans"):
        decode(data[:last] + data[last:-2] * 200 + data[-2:])


@cache
def bombs() -> dict[str, bytes]:
    """Small files that ask for a great deal of memory."""
    squeezed = zlib.compress(bytes(100_000_000), 9)
    idat, end = png_chunk(b"IDAT", squeezed), png_chunk(b"IEND", b"")
    canvas = (16383).to_bytes(3, "little") * 2
    vp8x = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + canvas + b"VP8L" + struct.pack("<I", 5) + b"\x2f" + bytes(4)
    vp8l = b"WEBPVP8L" + struct.pack("<I", 5) + b"\x2f" + struct.pack("<I", 9999 | 9999 << 14) + b"\0"
    jpeg = bytearray(encoded(Image.new("RGB", (16, 16)), "JPEG"))
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = struct.pack(">HH", 65500, 65500)
    return {
        "png 41 megapixels": png_header(6500, 6500) + idat + end,
        "png 100 megapixels": png_header(10000, 10000) + idat + end,
        "png 900 megapixels": png_header(30000, 30000) + idat + end,
        "webp extended": b"RIFF" + struct.pack("<I", len(vp8x)) + vp8x,
        "webp lossless": b"RIFF" + struct.pack("<I", len(vp8l)) + vp8l,
        "jpeg": bytes(jpeg),
        "png text": png_header(8, 8) + png_chunk(b"zTXt", b"k\0\0" + squeezed) + idat + end,
        "png international text": png_header(8, 8) + png_chunk(b"iTXt", b"k\0\1\0\0\0" + squeezed) + idat + end,
    }


@pytest.mark.parametrize("name", bombs())
@pytest.mark.skipif(sys.platform == "win32", reason="peak memory is read by getrusage, which Windows has not")
def test_bombs_are_refused_at_small_memory(name: str) -> None:
    script = """if True:
        import resource, sys
        from spherelinks.errors import PictureUnreadable
        from spherelinks.picture.decode import decode
        data = sys.stdin.buffer.read()
        unit = 1024**2 if sys.platform == "darwin" else 1024
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit
        before = peak()
        try:
            decode(data)
        except PictureUnreadable as error:
            print(peak() - before, error)
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], input=bombs()[name], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout, "decoded"
    grown, _, message = done.stdout.decode().partition(" ")
    assert int(grown) < 32, "MiB"
    if "text" not in name:
        assert "million" in message


def test_a_bomb_in_the_colour_profile_is_refused() -> None:
    profile = png_chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(100_000_000), 9))
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in chart()))
    data = png_header(24, 16) + profile + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")
    with pytest.raises(PictureUnreadable, match="too large"):
        decode(data)


@given(
    st.sampled_from([b"", PNG, b"\xff\xd8\xff\xe0", b"RIFF\x20\0\0\0WEBPVP8 ", b"RIFF\x20\0\0\0WEBPVP8X"]), st.binary()
)
def test_random_bytes_are_refused_and_nothing_else_happens(start: bytes, rest: bytes) -> None:
    with pytest.raises(PictureError):
        decode(start + rest)


SEEDS = [
    encoded(Image.fromarray(chart()), "PNG"),
    encoded(Image.fromarray(chart()).quantize(16), "PNG"),
    encoded(Image.fromarray(chart()), "JPEG", icc_profile=swapped_profile(), exif=Image.Exif().tobytes()),
    encoded(Image.fromarray(chart()), "JPEG", progressive=True),
    encoded(Image.fromarray(chart()), "WEBP", icc_profile=swapped_profile()),
    encoded(Image.fromarray(chart()).convert("RGBA"), "WEBP", lossless=True),
]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data())
def test_damaged_files_decode_or_are_refused(data: st.DataObject) -> None:
    damaged = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(PictureError):
        picture = decode(bytes(damaged))
        assert picture.rgb.ndim == 3
        assert max(picture.rgb.shape[:2]) <= MAX_SIDE


def test_threads_do_not_disturb_each_other() -> None:
    expected = [decode(data).rgb for data in SEEDS]
    with ThreadPoolExecutor(8) as pool:
        for result, wanted in zip(pool.map(decode, SEEDS * 20), itertools.cycle(expected), strict=False):
            assert (result.rgb == wanted).all()


def png_of(pixels: NDArray[np.uint8] | NDArray[np.uint16], *chunks: bytes) -> bytes:
    """An opaque RGB PNG of 8 or 16 bits with these chunks before its pixels."""
    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(f">u{pixels.itemsize}").tobytes() for row in pixels)
    parts = (*chunks, png_chunk(b"IDAT", zlib.compress(rows)), png_chunk(b"IEND", b""))
    return png_header(width, height, 8 * pixels.itemsize) + b"".join(parts)


def encoded_as(power: float) -> NDArray[np.uint8]:
    """The chart's light, encoded with another exponent than sRGB's."""
    light = to_linear(chart() / 255)
    return np.asarray((light**power * 255).round(), np.uint8)


def gamma(value: float) -> bytes:
    return png_chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))


def places(*values: float) -> bytes:
    return png_chunk(b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in values)))


SRGB = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
P3 = (0.3127, 0.3290, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
ORANGE = (200, 100, 50)
#: The same in Display P3, by the published matrix from linear sRGB.
TO_P3 = ((0.82246, 0.17754, 0), (0.03319, 0.96681, 0), (0.01708, 0.07240, 0.91052))
P3_ORANGE = (to_srgb(np.array(TO_P3) @ to_linear(np.array(ORANGE) / 255)) * 255).round()


def near(data: bytes, expected: NDArray[np.uint8], tolerance: int) -> None:
    assert np.abs(decode(data).rgb.astype(int) - expected).max() <= tolerance


@pytest.mark.parametrize("power", [1.0, 1 / 1.8, 1 / 2.6])
def test_gamma_is_honoured_where_nothing_better_is_said(power: float) -> None:
    bright = np.maximum(chart(), 60)  # a linear byte says little of the dark
    light = np.asarray((to_linear(bright / 255) ** power * 255).round(), np.uint8)
    near(png_of(light, gamma(power)), bright, 4)
    near(png_of(light, gamma(power), png_chunk(b"sRGB", b"\0")), light, 0)
    near(png_of(light, gamma(power), png_chunk(b"cICP", bytes((1, 13, 0, 1)))), light, 0)


def test_what_amounts_to_srgb_changes_nothing() -> None:
    for said in (
        (gamma(0.45455),),
        (gamma(0.45455), places(*SRGB)),
        (places(*SRGB),),
        (gamma(0),),
        (places(*[0.0] * 8),),
    ):
        near(png_of(chart(), *said), chart(), 0)


def test_code_points_go_before_a_profile_and_chromaticities_before_none() -> None:
    color = np.full((4, 4, 3), P3_ORANGE, np.uint8)
    srgb = png_chunk(
        b"iCCP", b"p\0\0" + zlib.compress(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    )
    expected = np.full((4, 4, 3), ORANGE, np.uint8)
    near(png_of(color, png_chunk(b"cICP", bytes((12, 13, 0, 1))), srgb), expected, 2)
    near(png_of(color, places(*P3)), expected, 2)
    near(png_of(color, srgb, places(*P3)), color, 0)
    unknown = decode(png_of(color, png_chunk(b"cICP", bytes((2, 2, 0, 1))), srgb))
    assert (unknown.rgb == color).all()
    assert "2, 2, 0, 1" in unknown.notes[0]


@pytest.mark.parametrize(("transfer", "white"), [(16, 148), (18, 191)])
def test_high_dynamic_range_is_toned_down_to_what_is_seen(transfer: int, white: int) -> None:
    """Diffuse white, 203 nits of PQ and 75 % of HLG, comes out light but not clipped, and brighter is brighter."""
    steps = np.repeat(np.array([[40, white // 2, white, (white + 255) // 2, 255]], np.uint8), 3, axis=0)
    picture = decode(png_of(np.dstack([steps] * 3), png_chunk(b"cICP", bytes((1, transfer, 0, 1)))))
    shown = picture.rgb[0, :, 0].astype(int)
    assert (np.diff(shown) >= 0).all()
    assert shown[0] < 60
    assert 200 < shown[2] < 250
    assert "HDR" in picture.notes[0]


def test_a_profile_counts_by_its_curves_and_not_by_its_name() -> None:
    """A linear profile that calls itself sRGB, as made from one of Pillow's by its curves alone."""
    light = np.asarray((to_linear(np.maximum(chart(), 60) / 255) * 255).round(), np.uint8)
    profile = linear_profile(b"sRGB linear")
    data = png_of(light, png_chunk(b"iCCP", b"p\0\0" + zlib.compress(profile)))
    near(data, np.maximum(chart(), 60), 5)
    near(encoded(Image.fromarray(light), "WEBP", lossless=True, icc_profile=profile), np.maximum(chart(), 60), 5)


def linear_profile(name: bytes) -> bytes:
    """An ICC profile, version 2, with sRGB's primaries and light as it is."""
    whole = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    count = struct.unpack_from(">I", whole, 128)[0]
    entries = [struct.unpack_from(">4sII", whole, 132 + 12 * i) for i in range(count)]
    tags = {tag: whole[start : start + size] for tag, start, size in entries}
    for tag in (b"rTRC", b"gTRC", b"bTRC"):
        tags[tag] = b"curv" + bytes(8)
    tags[b"desc"] = (
        b"mluc"
        + struct.pack(">IIIHHII", 0, 1, 12, 0x656E, 0x5553, 2 * len(name), 28)
        + name.decode().encode("utf-16-be")
    )
    table, body = b"", b""
    for tag, content in tags.items():
        table += struct.pack(">4sII", tag, 132 + 12 * len(tags) + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    size = 132 + len(table) + len(body)
    return struct.pack(">I", size) + whole[4:128] + struct.pack(">I", len(tags)) + table + body


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_grey_level_is_transparent_at_every_depth(depth: int) -> None:
    most = (1 << depth) - 1
    levels = np.array([[0, most, most // 2 + 1, 0, most, 0, 0, most]] * 4)
    bits = "".join(f"{level:0{depth}b}" for level in levels[0])
    row = b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")
    chunks = png_chunk(b"tRNS", struct.pack(">H", most)) + png_chunk(b"IDAT", zlib.compress(row * 4))
    picture = decode(png_header(8, 4, depth, 0) + chunks + png_chunk(b"IEND", b""))
    assert picture.alpha is not None
    assert (picture.alpha == np.where(levels == most, 0, 255)).all()


@pytest.mark.parametrize("size", [np.uint8, np.uint16])
def test_a_colour_is_transparent_at_every_depth(size: type[np.uint8]) -> None:
    scale = 257 if size is np.uint16 else 1
    pixels = (chart().astype(np.uint32) * scale).astype(size)
    clear = struct.pack(">3H", *(int(value) for value in pixels[3, 5]))
    picture = decode(png_of(pixels, png_chunk(b"tRNS", clear)))
    assert picture.alpha is not None
    assert np.argwhere(picture.alpha == 0).tolist() == [[3, 5]]


def test_a_colour_of_16_bits_is_compared_in_full() -> None:
    pixels = np.full((8, 8, 3), 0x1234, np.uint16)
    pixels[:, 4:] += 1  # the same in 8 bits
    picture = decode(png_of(pixels, png_chunk(b"tRNS", struct.pack(">3H", 0x1234, 0x1234, 0x1234))))
    assert picture.alpha is not None
    assert (picture.alpha == np.repeat([[0, 255]], 4, axis=1)).all()
    assert (picture.rgb == 0x12).all()


def test_an_unknown_colour_space_leaves_what_else_the_file_says() -> None:
    light = encoded_as(1.0)
    picture = decode(png_of(light, png_chunk(b"cICP", bytes((1, 99, 0, 1))), gamma(1.0)))
    expected = decode(png_of(light, gamma(1.0)))
    assert (picture.rgb == expected.rgb).all()
    assert picture.notes == ("The picture's colour space (cICP 1, 99, 0, 1) is not known, and was left out.",)
    old, new = (decode(png_of(chart(), png_chunk(b"cICP", bytes((kind, 13, 0, 1))))) for kind in (6, 7))
    assert (old.rgb == new.rgb).all()
    assert new.notes == ()


def test_large_profiles_and_texts_are_no_reason_to_refuse_a_picture() -> None:
    noise = np.random.default_rng(0).integers(0, 256, 1_500_000, np.uint8).tobytes()
    for chunk in (
        png_chunk(b"iCCP", b"p\0\0" + zlib.compress(noise)),
        png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(noise)),
        png_chunk(b"tEXt", b"Comment\0" + noise),
        png_chunk(b"iTXt", b"XML\0\1\0\0\0" + zlib.compress(noise)),
    ):
        near(png_of(chart(), chunk), chart(), 0)
    broken = decode(png_of(chart(), png_chunk(b"iCCP", b"p\0\0" + zlib.compress(noise)[:1000])))
    assert "colour profile is damaged" in broken.notes[0]


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 2}], ids=str)
def test_a_jpeg_that_lacks_but_its_end_is_whole(options: dict[str, Any]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    data = encoded(Image.fromarray(noise), "JPEG", **options)
    whole, bare = decode(data), decode(data[:-2])
    assert (whole.rgb == bare.rgb).all()
    assert (whole.notes, len(bare.notes)) == ((), 1)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 2}], ids=str)
def test_what_phones_append_to_a_jpeg_changes_and_says_nothing(options: dict[str, Any]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    data = encoded(Image.fromarray(noise), "JPEG", **options)
    small = encoded(Image.fromarray(noise[:8, :8]), "JPEG")
    preview = data[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(small)) + small + data[2:]
    for added in (b"\0\0\x01\x0aImage_UTC_Data" + bytes(90) + b"SEFT", small[:-9], b"\0\0\0\x18ftypmp42" + bytes(999)):
        for whole in (data, preview):
            picture = decode(whole + added)
            assert (picture.rgb == decode(data).rgb).all()
            assert picture.notes == ()
    cut = decode(preview[:-2])
    assert len(cut.notes) == 1, "the end of the preview within it is not its own"
    assert decode(data[:-2] + b"\xff" * 1_000_000 + b"\xff\xd9").rgb.shape == noise.shape


@pytest.mark.parametrize("options", [{}, {"restart_marker_blocks": 12}], ids=str)
def test_a_jpeg_that_lacks_rows_is_refused_with_how_many_there_are(options: dict[str, Any]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (128, 96, 3), np.uint8)
    data = encoded(Image.fromarray(noise), "JPEG", **options)
    start = data.rindex(b"\xff\xda")
    for share in (0.3, 0.5, 0.9):
        with pytest.raises(PictureUnreadable, match=r"cut short: \d+ %") as caught:
            decode(data[: start + int((len(data) - start) * share)])
        there = int(caught.value.message.split(": ")[1].split(" ")[0])
        assert there == pytest.approx(100 * share, abs=14)
