// The base colour of each texel; see texture/bake.py, which calls these.
#include "view.h"

namespace {

using Bytes = Image<const u8, 3>;
using Floats = Image<const float>;
using Color = u8[3];

// The picture counts from this cosine between normal and view on, and fully a quarter further up.
constexpr double GRAZING = 0.05;

// What is linear over a face: the way to the eye, x, y, z, w of clip space, the normal.
using Traits = double[10];
// Also: sample coordinates in the colour grid, and what is added to its colours.
enum { WAY = 0, CLIP = 3, NORMAL = 7, PLACE = 10, OFFSET = 13, LINEAR = 16 };

struct Rgb {
    double r, g, b;
};

// What the camera sees: see Sight in texture/bake.py.
struct Sight {
    const double (*matrix)[4];
    Bytes picture;
    Floats strength, depth;
    double bias;
};

// (X, Y, Z, 3)
struct Grid {
    const u8* data;
    i64 x, y, z;

    const u8* at(i64 i, i64 j, i64 k) const { return data + 3 * ((i * y + j) * z + k); }
};

// An image at a place in pixels with centres at .5, bilinear, in whole numbers: those are the faster here.
Rgb shown(const Bytes& image, double x, double y) {
    Between at(x - 0.5, y - 0.5, image.width, image.height);
    i64 right = i64(at.fx * 256 + 0.5), under = i64(at.fy * 256 + 0.5);
    i64 a = (256 - right) * (256 - under), b = right * (256 - under), c = (256 - right) * under, d = right * under;
    const u8 *p = image.at(at.y0, at.x0), *q = image.at(at.y0, at.x1), *r = image.at(at.y1, at.x0),
             *s = image.at(at.y1, at.x1);
    return {(a * p[0] + b * q[0] + c * r[0] + d * s[0]) / 65536.0, (a * p[1] + b * q[1] + c * r[1] + d * s[1]) / 65536.0,
            (a * p[2] + b * q[2] + c * r[2] + d * s[2]) / 65536.0};
}

// A grid at sample coordinates, trilinear, clamped to its border; in whole numbers, too.
Rgb known(const Grid& grid, double x, double y, double z) {
    x = clamp(x, 0.0, grid.x - 1.0);
    y = clamp(y, 0.0, grid.y - 1.0);
    z = clamp(z, 0.0, grid.z - 1.0);
    i64 x0 = i64(x), y0 = i64(y), z0 = i64(z);
    i64 z1 = least<i64>(z0 + 1, grid.z - 1);
    i64 fx = i64((x - x0) * 256 + 0.5), fy = i64((y - y0) * 256 + 0.5), fz = i64((z - z0) * 256 + 0.5);
    const i64 columns[] = {x0, least<i64>(x0 + 1, grid.x - 1)}, lines[] = {y0, least<i64>(y0 + 1, grid.y - 1)};
    const i64 wx[] = {256 - fx, fx}, wy[] = {256 - fy, fy};
    i64 r = 0, g = 0, b = 0;
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 2; j++) {
            i64 near = wx[i] * wy[j] * (256 - fz), far = wx[i] * wy[j] * fz;
            const u8 *p = grid.at(columns[i], lines[j], z0), *q = grid.at(columns[i], lines[j], z1);
            r += near * p[0] + far * q[0];
            g += near * p[1] + far * q[1];
            b += near * p[2] + far * q[2];
        }
    }
    return {r / 16777216.0, g / 16777216.0, b / 16777216.0};
}

// How far the picture's colour counts at a surface point, and where in the picture, 0..1, that is.
struct Trust {
    double weight, x, y;
};

Trust trust(const double* trait, const Sight& sight) {
    double vx = trait[WAY], vy = trait[WAY + 1], vz = trait[WAY + 2], w = trait[CLIP + 3];
    const double* normal = trait + NORMAL;
    double towards = normal[0] * vx + normal[1] * vy + normal[2] * vz;
    if (towards <= 0 || !(fabs(w) > 1e-12)) return {0, 0, 0};
    double length = sqrt(vx * vx + vy * vy + vz * vz) + 1e-30;
    double size = sqrt(normal[0] * normal[0] + normal[1] * normal[1] + normal[2] * normal[2]);
    double cosine = least(towards / (length * size), 1.0);
    if (cosine <= GRAZING) return {0, 0, 0};
    double x = (trait[CLIP] / w + 1) / 2, y = (1 - trait[CLIP + 1] / w) / 2;
    if (!(0 <= x && x < 1 && 0 <= y && y < 1)) return {0, 0, 0};
    i64 side = sight.strength.height;
    Between at(x * side - 0.5, y * side - 0.5, sight.strength.width, side);
    double weight = least((cosine - GRAZING) * 4, 1.0) * at(sight.strength);
    if (weight <= 0) return {0, 0, 0};
    // the point, brought forward by the tolerance, more where the surface is steep across a depth pixel
    const double *third = sight.matrix[2], *fourth = sight.matrix[3];
    double nearer = sight.bias * (1 + sqrt(1 - cosine * cosine) / cosine) / length;
    double z = trait[CLIP + 2] + nearer * (third[0] * vx + third[1] * vy + third[2] * vz);
    z /= w + nearer * (fourth[0] * vx + fourth[1] * vy + fourth[2] * vz);
    i64 last = sight.depth.height - 1;
    i64 column = least(i64(x * sight.depth.height), last), line = least(i64(y * sight.depth.height), last);
    i64 left = most<i64>(column - 1, 0), right = least(column + 1, last);
    const i64 lines[] = {most<i64>(line - 1, 0), line, least(line + 1, last)};
    i64 in_view = 0;
    for (i64 j : lines)
        in_view += (z <= sight.depth(j, left)) + (z <= sight.depth(j, column)) + (z <= sight.depth(j, right));
    double share = in_view / 9.0;
    return {weight * (share * share), x, y};
}

}  // namespace

// (N, 3) colours of an (X, Y, Z, 3) grid at (N, 3) sample coordinates.
API void bake_sampled(const u8* grid, i64 x, i64 y, i64 z, const Vec3* places, i64 count, float (*out)[3]) {
    for (i64 i = 0; i < count; i++) {
        Rgb color = known({grid, x, y, z}, places[i][0], places[i][1], places[i][2]);
        out[i][0] = float(color.r);
        out[i][1] = float(color.g);
        out[i][2] = float(color.b);
    }
}

// Colours of the picture at points of the surface, and how far each may be trusted, 0..1; both zeroed before.
API void bake_seen(const Traits* traits, i64 count, const double (*matrix)[4], const u8* picture, i64 height, i64 width,
                   const float* strength, i64 strength_size, const float* depth, i64 depth_size, double bias,
                   float (*colors)[3], float* weight) {
    Sight sight{matrix, {picture, height, width}, {strength, strength_size, strength_size},
                {depth, depth_size, depth_size}, bias};
    for (i64 i = 0; i < count; i++) {
        Trust at = trust(traits[i], sight);
        weight[i] = float(at.weight);
        if (!(weight[i] > 0)) continue;
        Rgb color = shown(sight.picture, at.x * width, at.y * height);
        colors[i][0] = float(color.r);
        colors[i][1] = float(color.g);
        colors[i][2] = float(color.b);
    }
}

// Colour the rows from `first` up to `end` of a square texture, and mark what is covered; in place.
//
// Where `carried` is not empty (`carried_size` 0), it holds the shape's own colour of each texel; else the grid does.
API void bake_paint(u8* texture, u8* covered, i64 size, i64 first, i64 end, const Traits* traits, const Vec3* places,
                    const float (*offset)[3], const float (*uv)[2], const Face* faces, i64 face_count, const u8* carried,
                    i64 carried_size, const u8* grid_data, i64 grid_x, i64 grid_y, i64 grid_z, const double (*matrix)[4],
                    const u8* picture, i64 picture_height, i64 picture_width, const float* strength, i64 strength_size,
                    const float* depth, i64 depth_size, double bias) {
    Sight sight{matrix, {picture, picture_height, picture_width}, {strength, strength_size, strength_size},
                {depth, depth_size, depth_size}, bias};
    Grid grid{grid_data, grid_x, grid_y, grid_z};
    // of a face: what is linear over it where its first corner is, and how that changes along x and along y
    double corner[3][LINEAR], across[LINEAR], along[LINEAR], here[LINEAR];
    for (i64 f = 0; f < face_count; f++) {
        i64 i = faces[f][0], j = faces[f][1], k = faces[f][2];
        // in single precision, which places in a texture have
        float ax = uv[i][0], ay = uv[i][1];
        float bx = uv[j][0] - ax, by = uv[j][1] - ay, cx = uv[k][0] - ax, cy = uv[k][1] - ay;
        float doubled = bx * cy - by * cx;
        if (!(fabs(doubled) > 1e-12)) continue;
        i64 top = most(first, i64(ceil(ay + double(least(0.0f, by, cy)) - 0.5)));
        i64 bottom = least(end - 1, i64(floor(ay + double(most(0.0f, by, cy)) - 0.5)));
        if (top > bottom) continue;
        bool turned = false;  // whether some of the face may look at the viewer
        for (int n = 0; n < 3; n++) {
            i64 v = faces[f][n];
            double* c = corner[n];
            for (int d = 0; d < PLACE; d++) c[d] = traits[v][d];
            for (int d = 0; d < 3; d++) {
                c[PLACE + d] = places[v][d];
                c[OFFSET + d] = offset[v][d];
            }
            turned |= c[WAY] * c[NORMAL] + c[WAY + 1] * c[NORMAL + 1] + c[WAY + 2] * c[NORMAL + 2] > 0;
        }
        turned &= depth_size > 0;
        for (int d = 0; d < LINEAR; d++) {
            double b = corner[1][d] - corner[0][d], c = corner[2][d] - corner[0][d];
            across[d] = (b * cy - c * by) / doubled;
            along[d] = (c * bx - b * cx) / doubled;
        }
        for (i64 y = top; y <= bottom; y++) {
            double py = y + 0.5 - ay;
            // weights of the second and third corner are linear along the row: b0 + db * px, c0 + dc * px
            double b0 = -py * cx / doubled, c0 = bx * py / doubled;
            float db = cy / doubled, dc = -by / doubled;
            double low = -ax, high = size - ax;
            const Vec2 edges[] = {{b0, db}, {c0, dc}, {1 - b0 - c0, -db - dc}};
            for (const Vec2& edge : edges) {
                double start = edge[0], step = edge[1];
                if (step > 0)
                    low = most(low, (-1e-6 - start) / step);
                else if (step < 0)
                    high = least(high, (-1e-6 - start) / step);
                else if (start < -1e-6)
                    high = -INF;
            }
            i64 begin = most<i64>(0, i64(ceil(low + ax - 0.5)));
            i64 last = i64(least(size - 1.0, floor(high + ax - 0.5)));
            for (i64 x = begin; x <= last; x++) {
                double px = x + 0.5 - ax;
                for (int d = 0; d < LINEAR; d++) here[d] = corner[0][d] + along[d] * py + across[d] * px;
                Trust at{0, 0, 0};
                Rgb color{0, 0, 0};
                if (turned) {
                    at = trust(here, sight);
                    if (at.weight > 0) color = shown(sight.picture, at.x * picture_height, at.y * picture_height);
                }
                if (at.weight < 1) {
                    const u8* texel = carried + 3 * (y * size + x);
                    Rgb own = carried_size ? Rgb{double(texel[0]), double(texel[1]), double(texel[2])}
                                           : known(grid, here[PLACE], here[PLACE + 1], here[PLACE + 2]);
                    double weight = at.weight, rest = 1 - weight;
                    color.r = weight * color.r + rest * clamp(own.r + here[OFFSET], 0.0, 255.0);
                    color.g = weight * color.g + rest * clamp(own.g + here[OFFSET + 1], 0.0, 255.0);
                    color.b = weight * color.b + rest * clamp(own.b + here[OFFSET + 2], 0.0, 255.0);
                }
                u8* out = texture + 3 * (y * size + x);
                out[0] = u8(color.r + 0.5);
                out[1] = u8(color.g + 0.5);
                out[2] = u8(color.b + 0.5);
                covered[y * size + x] = 1;
            }
        }
    }
}
