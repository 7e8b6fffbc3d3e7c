import numpy as np
import pytest

from spherelinks.texture.evening import lights

TOWARDS = [np.array(way) for way in ((0.0, 0.3, 1.0), (0.0, 0.3, -1.0), (1.0, 0.3, 0.0), (-1.0, 0.3, 0.0))]


def ball(count: int = 1500) -> np.ndarray:
    """(N, 3) unit normals all round."""
    normals = np.random.default_rng(4).normal(size=(count, 3))
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


def pictured(paint: np.ndarray, normals: np.ndarray, lamp: np.ndarray | None) -> tuple[list, list]:
    """What four cameras show of paint and how far it may be trusted; a lamp is given as each camera sees it."""
    colors, trusts = [], []
    for way in TOWARDS:
        towards = way / np.linalg.norm(way)
        ahead = np.array([way[0], 0, way[2]])
        turn = np.stack([np.cross([0, 1.0, 0], ahead), [0, 1, 0], ahead])
        light = 1.0 if lamp is None else 0.6 + 0.4 * normals @ turn.T @ (lamp / np.linalg.norm(lamp))
        colors.append((paint * np.power(light, 1 / 2.2).reshape(-1, 1)).astype(np.float32))
        trusts.append(np.clip(4 * (normals @ towards), 0, 1).astype(np.float32))
    return colors, trusts


def error(paint: np.ndarray, colors: list, trusts: list) -> float:
    """Of what the pictures show, where they may be trusted, up to one factor for all."""
    seen = np.stack(trusts) > 0.9
    share = np.stack(colors)[seen] / np.broadcast_to(paint, (len(colors), *paint.shape))[seen]
    return float(np.std(share / share.mean()))


def paints(normals: np.ndarray) -> np.ndarray:
    """Patches that have nothing to do with the light."""
    choice = np.random.default_rng(7).integers(0, 3, len(normals))
    return np.array([(200, 90, 60), (90, 150, 200), (160, 160, 110)], float)[choice]


@pytest.mark.parametrize("lamp", [(0.7, 0.0, 0.7), (-0.9, 0.0, 0.4)])
def test_the_light_of_a_lamp_beside_the_camera_is_taken_out(lamp: tuple[float, ...]) -> None:
    normals = ball()
    paint = paints(normals)
    colors, trusts = pictured(paint, normals, np.array(lamp))
    found = lights(colors, trusts, normals, TOWARDS)
    evened = [light.evened(color, normals) for light, color in zip(found, colors, strict=True)]
    assert error(paint, evened, trusts) < 0.5 * error(paint, colors, trusts)
    # shade is brightened; what is lit fully stays as bright as it was, and nothing is brighter than white
    assert np.stack(evened).mean() > np.stack(colors).mean()
    assert np.stack(evened).max() <= 255


def test_pictures_without_light_stay_as_they_are() -> None:
    normals = ball()
    colors, trusts = pictured(paints(normals), normals, None)
    for light, color in zip(lights(colors, trusts, normals, TOWARDS), colors, strict=True):
        np.testing.assert_allclose(light.evened(color, normals), color, atol=1e-2)


def test_a_picture_of_other_exposure_and_tint_becomes_as_the_first() -> None:
    normals = ball()
    paint = paints(normals)
    colors, trusts = pictured(paint, normals, None)
    colors[2] = colors[2] * np.array([0.8, 0.9, 1.1], np.float32)
    found = lights(colors, trusts, normals, TOWARDS)
    np.testing.assert_allclose(found[2].evened(colors[2], normals), paint, rtol=0.03)
    np.testing.assert_allclose(found[0].evened(colors[0], normals), paint, rtol=0.03)


def test_front_and_back_alone_are_evened_by_what_each_shows_of_its_paints() -> None:
    normals = ball()
    paint = paints(normals)
    colors, trusts = pictured(paint, normals, np.array((-0.5, 0.6, 0.6)))
    shown, trusted = colors[:2], trusts[:2]
    found = lights(shown, trusted, normals, TOWARDS[:2])
    evened = [light.evened(color, normals) for light, color in zip(found, shown, strict=True)]
    assert error(paint, evened, trusted) < 0.4 * error(paint, shown, trusted)
    # in full light the paint is as bright as it is
    for trust, color in zip(trusted, evened, strict=True):
        assert abs(np.median(color[trust > 0.9] / paint[trust > 0.9]) - 1) < 0.06


def test_a_rim_of_other_light_does_not_shade_what_front_and_back_show_by_themselves() -> None:
    normals = ball()
    paint = paints(normals)
    colors, trusts = pictured(paint, normals, None)
    rim = np.abs(normals[:, 2]) < 0.3
    shown = [colors[0], np.where(rim[:, None], colors[1] * (1 + 0.3 * normals[:, :1]), colors[1]).astype(np.float32)]
    trusted = [np.maximum(trust, np.where(rim, 0.5, 0)).astype(np.float32) for trust in trusts[:2]]
    for light, trust in zip(lights(shown, trusted, normals, TOWARDS[:2]), trusted, strict=True):
        whole = (trust > 0.9) & ~rim
        np.testing.assert_allclose(light.evened(paint.astype(np.float32), normals)[whole], paint[whole], rtol=0.03)


def test_paint_that_varies_within_its_hue_is_not_taken_for_shade() -> None:
    normals = ball()
    paint = paints(normals) * np.random.default_rng(3).uniform(0.5, 1, (len(normals), 1))
    paint *= 1 + 0.15 * normals[:, 1:2]  # which goes along with the normal, but explains little
    colors, trusts = pictured(paint, normals, None)
    for light, color in zip(lights(colors[:2], trusts[:2], normals, TOWARDS[:2]), colors, strict=False):
        np.testing.assert_allclose(light.evened(color, normals), color, rtol=0.03)


def test_pictures_that_show_too_little_and_black_ones_are_left_alone() -> None:
    normals = ball()
    colors, trusts = pictured(paints(normals), normals, np.array([0.5, 0.6, 0.6]))
    hardly = [np.where(normals @ way > 1.035, 1, 0).astype(np.float32) for way in TOWARDS]
    assert 0 < sum(map(np.count_nonzero, hardly)) < 40
    black = [np.zeros_like(color) for color in colors]
    for given, shown in ((hardly, colors), (trusts, black)):
        for light, color in zip(lights(shown, given, normals, TOWARDS), shown, strict=True):
            np.testing.assert_allclose(light.evened(color, normals), color, atol=1e-2)


def paler_on_top(normals: np.ndarray) -> np.ndarray:
    """One hue, darkest below, as of a tyre whose top is dusty."""
    return np.array([[120, 112, 105]]) * np.exp(0.35 * normals[:, 1:2])


@pytest.mark.parametrize("count", [2, 4])
def test_paint_that_is_paler_on_top_is_not_taken_for_light_from_above(count: int) -> None:
    normals = ball()
    colors, trusts = pictured(paler_on_top(normals), normals, None)
    for light, color in zip(lights(colors[:count], trusts[:count], normals, TOWARDS[:count]), colors, strict=False):
        np.testing.assert_allclose(light.evened(color, normals), color, rtol=0.02)


@pytest.mark.parametrize("count", [2, 4])
def test_what_is_brighter_on_one_side_of_the_object_from_everywhere_is_paint(count: int) -> None:
    normals = ball()
    paint = paints(normals) * np.exp(0.25 * normals[:, :1] + 0.1 * normals[:, 1:2])
    colors, trusts = pictured(paint, normals, None)
    for light, color in zip(lights(colors[:count], trusts[:count], normals, TOWARDS[:count]), colors, strict=False):
        np.testing.assert_allclose(light.evened(color, normals), color, rtol=0.03)


def test_a_lamp_that_shines_from_beside_is_taken_to_shine_from_above_where_paint_does_not_say() -> None:
    normals = ball()
    # every point has a brightness of its own, so that no picture by itself tells light from paint
    paint = paints(normals) * np.random.default_rng(3).uniform(0.2, 1, (len(normals), 1))
    colors, trusts = pictured(paint, normals, np.array((0.8, 0.5, 0.3)))
    found = lights(colors, trusts, normals, TOWARDS)
    evened = [light.evened(color, normals) for light, color in zip(found, colors, strict=True)]
    assert error(paint, evened, trusts) < 0.7 * error(paint, colors, trusts)
    for light in found:  # what lies below is brightened more than what lies above
        above, below = (light.evened(np.full((1, 3), 100, np.float32), np.array([[0, y, 0]])) for y in (0.8, -0.8))
        assert (below > 1.1 * above).all()
