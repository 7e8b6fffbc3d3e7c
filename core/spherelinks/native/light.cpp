// A mesh drawn in a soft studio light; see render/light.py, which calls this.
#include "view.h"

namespace {

using Uv = float[2];
using Tangent = double[4];

// What a white surface sends back: of the floor's light, of the sky's beyond that, of the key's, of its highlight.
constexpr double FLOOR = 0.36, SKY = 0.34, KEY_POWER = 0.62, GLOSS = 0.05;
// How far the key, a wide lamp, reaches round the edge of the lit half.
constexpr double WRAP = 0.35;
// From this linear level on brightness is rolled off towards 1, so that lit whites keep their shading.
constexpr double SHOULDER = 0.7;

// Linear over the picture: value at the origin, slope along x, slope along y.
struct Plane {
    double value, x, y;

    double at(double px, double py) const { return value + x * px + y * py; }
};

// Into share[corner]: the corner's share of 1 / distance at sample (x, y).
void find_shares(const Vec3& p, const Vec3& q, const Vec3& r, Plane share[3]) {
    double ax = p[0] - 0.5, ay = p[1] - 0.5;
    double bx = q[0] - 0.5 - ax, by = q[1] - 0.5 - ay;
    double cx = r[0] - 0.5 - ax, cy = r[1] - 0.5 - ay;
    double doubled = bx * cy - by * cx;
    share[1].x = cy / doubled;
    share[1].y = -cx / doubled;
    share[2].x = -by / doubled;
    share[2].y = bx / doubled;
    share[0].x = -share[1].x - share[2].x;
    share[0].y = -share[1].y - share[2].y;
    const double nearness[] = {p[2], q[2], r[2]};
    for (int n = 0; n < 3; n++) {
        share[n].value = (n == 0 ? 1.0 : 0.0) - share[n].x * ax - share[n].y * ay;
        share[n].value *= nearness[n];
        share[n].x *= nearness[n];
        share[n].y *= nearness[n];
    }
}

// A power by repeated squaring, which rounds alike everywhere.
double sixteenth(double x) {
    x *= x;
    x *= x;
    x *= x;
    return x * x;
}

}  // namespace

// Draw the rows from `first` to before `end`: each face that a pixel shows, by its share, averaged in linear light.
//
// The arguments are those of render/light.py's shade; `relief` has the texture's size where there are tangents.
API void light_shade(u8* image, i64 first, i64 end, const i32* ids, i64 samples, const Vec3* points,
                     const Face* faces, const Uv* uv, const Vec3* normals, const Tangent* tangents,
                     i64 tangent_count, const double* up,
                     const double* key, const u8* texture_data, i64 height, i64 width, const u8* relief_data,
                     const float* shadow, const float* linear, const float* encoded) {
    i64 size = samples / 2;
    const Image<const u8, 4> texture{texture_data, height, width};
    const Image<const u8, 3> relief{relief_data, height, width};
    Plane share[3] = {};
    double half[] = {key[0], key[1], key[2] + 1.0};  // between key and viewer
    double length = sqrt(half[0] * half[0] + half[1] * half[1] + half[2] * half[2]);
    for (double& h : half) h /= length;
    for (i64 row = first; row < end; row++) {
        i64 drawn = -1;
        for (i64 column = 0; column < size; column++) {
            i32 four[4];
            for (i64 s = 0; s < 4; s++) four[s] = ids[(2 * row + s / 2) * samples + 2 * column + s % 2];
            i64 seen = 0;
            double total[] = {0, 0, 0};
            for (i64 s = 0; s < 4; s++) {
                i64 f = four[s];
                if (f < 0) continue;
                double x = 0, y = 0;
                i64 count = 0;
                for (i64 t = s; t < 4; t++) {
                    if (four[t] != f) continue;
                    x += t % 2;
                    y += t / 2;
                    count++;
                    four[t] = -1;
                }
                x = 2 * column + x / count;
                y = 2 * row + y / count;
                seen += count;
                i64 i = faces[f][0], j = faces[f][1], k = faces[f][2];
                if (f != drawn) {
                    find_shares(points[i], points[j], points[k], share);
                    drawn = f;
                }
                double a = share[0].at(x, y), b = share[1].at(x, y), c = share[2].at(x, y);
                double whole = 1 / (a + b + c);
                a *= whole;
                b *= whole;
                c *= whole;

                double n[3];
                for (int d = 0; d < 3; d++) n[d] = a * normals[i][d] + b * normals[j][d] + c * normals[k][d];
                Between at((a * uv[i][0] + b * uv[j][0] + c * uv[k][0]) * width - 0.5,
                           (a * uv[i][1] + b * uv[j][1] + c * uv[k][1]) * height - 0.5, width, height);
                if (tangent_count) {
                    double t[3], bent[3];
                    for (int d = 0; d < 3; d++) {
                        t[d] = a * tangents[i][d] + b * tangents[j][d] + c * tangents[k][d];
                        bent[d] = at(relief, d) / 127.5 - 1;
                    }
                    double rise = bent[1] * tangents[i][3];
                    double nx = n[0], ny = n[1], nz = n[2];
                    n[0] = t[0] * bent[0] + (ny * t[2] - nz * t[1]) * rise + nx * bent[2];
                    n[1] = t[1] * bent[0] + (nz * t[0] - nx * t[2]) * rise + ny * bent[2];
                    n[2] = t[2] * bent[0] + (nx * t[1] - ny * t[0]) * rise + nz * bent[2];
                }
                double unit = 1 / (sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]) + 1e-12);
                double lamp = unit * (n[0] * key[0] + n[1] * key[1] + n[2] * key[2]);
                double sky = unit * (n[0] * up[0] + n[1] * up[1] + n[2] * up[2]);
                double light = (FLOOR + SKY * (0.5 + 0.5 * sky)) * at(texture, 3) / 255;
                light += KEY_POWER * most((lamp + WRAP) / (1 + WRAP), 0.0);
                double shine =
                    sixteenth(most(unit * (n[0] * half[0] + n[1] * half[1] + n[2] * half[2]), 0.0)) * GLOSS;

                const u8 *p = texture.at(at.y0, at.x0), *q = texture.at(at.y0, at.x1);
                const u8 *r = texture.at(at.y1, at.x0), *t = texture.at(at.y1, at.x1);
                for (int d = 0; d < 3; d++) {
                    double above = linear[p[d]] * (1 - at.fx) + linear[q[d]] * at.fx;
                    double below = linear[r[d]] * (1 - at.fx) + linear[t[d]] * at.fx;
                    total[d] += count * ((above * (1 - at.fy) + below * at.fy) * light + shine);
                }
            }
            double covered = seen / 4.0;
            double alpha = covered + (1 - covered) * shadow[row * size + column];
            if (!(alpha > 0)) continue;
            u8* pixel = image + 4 * (row * size + column);
            for (int d = 0; d < 3; d++) {
                double value = total[d] / most<i64>(seen, 1);
                if (value > SHOULDER) value = 1 - (1 - SHOULDER) * exp((SHOULDER - value) / (1 - SHOULDER));
                float level = encoded[i64(clamp(value * 1024 + 0.5, 0.0, 1024.0))];
                pixel[d] = u8(level * covered / alpha + 0.5);
            }
            pixel[3] = u8(255 * alpha + 0.5);
        }
    }
}
