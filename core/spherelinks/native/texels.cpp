// Which point of the surface each texel shows; see texture/texels.py, which calls these.
#include "view.h"

// The texels that faces cover, in rising order of their faces, each once; returns how many of size * size were filled.
API i64 texels_locate(const float (*uv)[2], const Face* faces, i64 count, i64 size, i64* texel, i32* face,
                      float (*weights)[3]) {
    Array<u8> seen(size * size, 0);
    i64 found = 0;
    for (i64 f = 0; f < count; f++) {
        const float *p = uv[faces[f][0]], *q = uv[faces[f][1]], *r = uv[faces[f][2]];
        double scale = double(size);
        double ax = p[0] * scale, ay = p[1] * scale;
        double bx = q[0] * scale - ax, by = q[1] * scale - ay, cx = r[0] * scale - ax, cy = r[1] * scale - ay;
        double doubled = bx * cy - by * cx;
        if (!(fabs(doubled) > 1e-12)) continue;
        i64 top = most<i64>(0, i64(ceil(ay + least(0.0, by, cy) - 0.5)));
        i64 bottom = least<i64>(size - 1, i64(floor(ay + most(0.0, by, cy) - 0.5)));
        i64 left = most<i64>(0, i64(ceil(ax + least(0.0, bx, cx) - 0.5)));
        i64 right = least<i64>(size - 1, i64(floor(ax + most(0.0, bx, cx) - 0.5)));
        for (i64 y = top; y <= bottom; y++) {
            for (i64 x = left; x <= right; x++) {
                double px = x + 0.5 - ax, py = y + 0.5 - ay;
                double b = (px * cy - py * cx) / doubled, c = (bx * py - by * px) / doubled;
                if (b < -1e-6 || c < -1e-6 || b + c > 1 + 1e-6 || seen[y * size + x]) continue;
                seen[y * size + x] = 1;
                texel[found] = y * size + x;
                face[found] = i32(f);
                weights[found][0] = float(1 - b - c);
                weights[found][1] = float(b);
                weights[found][2] = float(c);
                found++;
            }
        }
    }
    return found;
}

// Values of the vertices, so many for each, at points given by their faces and weights.
API void texels_blended(const float* values, i64 channels, const Face* faces, const i32* face, const float (*weights)[3],
                        i64 count, float* out) {
    for (i64 i = 0; i < count; i++) {
        const i32* corners = faces[face[i]];
        const float *p = values + channels * corners[0], *q = values + channels * corners[1],
                    *r = values + channels * corners[2];
        for (i64 d = 0; d < channels; d++)
            out[channels * i + d] = weights[i][0] * p[d] + weights[i][1] * q[d] + weights[i][2] * r[d];
    }
}
