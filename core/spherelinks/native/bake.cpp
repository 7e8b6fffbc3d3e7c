// The base colour of each texel; see texture/bake.py, which calls these.
#include "view.h"

namespace {

using Bytes = Image<const u8, 3>;
using Floats = Image<const float>;
using Color = u8[3];

// The picture counts from this cosine between normal and view on, and fully a quarter further up.
constexpr double GRAZING = 0.05;

// What a camera has to do with a point, linear over a face: the way to the eye, x, y, z, w of clip space, the normal.
enum { WAY = 0, CLIP = 3, NORMAL = 7, TRAITS = 10 };
using Traits = double[TRAITS];
// What the shape's own colour depends on, likewise: sample coordinates in the grid, and what is added to its colours.
enum { PLACE = 0, OFFSET = 3, OWN = 6 };

// What bake_shown leaves of a texel to bake_paint, where the picture does not count alone: it all, or what is not the
// picture's.
enum : u8 { WHOLLY = 1, IN_PART = 2 };

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

// Sample coordinates in a grid, clamped to its border: the samples before and after along each axis, and how far from
// the former, in parts of 256.
struct Cell {
    i64 x0, x1, y0, y1, z0, z1, fx, fy, fz;

    Cell(const double* place, i64 width, i64 height, i64 depth) {
        double x = clamp(place[0], 0.0, width - 1.0);
        double y = clamp(place[1], 0.0, height - 1.0);
        double z = clamp(place[2], 0.0, depth - 1.0);
        x0 = i64(x), y0 = i64(y), z0 = i64(z);
        x1 = least<i64>(x0 + 1, width - 1), y1 = least<i64>(y0 + 1, height - 1), z1 = least<i64>(z0 + 1, depth - 1);
        fx = i64((x - x0) * 256 + 0.5), fy = i64((y - y0) * 256 + 0.5), fz = i64((z - z0) * 256 + 0.5);
    }
};

// (X, Y, Z, 3)
struct Grid {
    const u8* data;
    i64 x, y, z;

    const u8* at(i64 i, i64 j, i64 k) const { return data + 3 * ((i * y + j) * z + k); }
};

// (X, Y, Z) samples of a grid, 0 for those that nobody has asked for yet.
struct Asked {
    u8* data;
    i64 x, y, z, latest;

    // For what a colour at a place is made of; threads may mark the same sample.
    void ask(const double* place) {
        Cell at(place, x, y, z);
        i64 cell = (at.x0 * y + at.y0) * z + at.z0;
        if (cell == latest) return;  // as most of the texels beside each other
        latest = cell;
        const i64 columns[] = {at.x0, at.x1}, lines[] = {at.y0, at.y1}, depths[] = {at.z0, at.z1};
        for (i64 i : columns) {
            for (i64 j : lines) {
                for (i64 k : depths) {
                    u8* sample = data + (i * y + j) * z + k;
                    if (!__atomic_load_n(sample, __ATOMIC_RELAXED)) __atomic_store_n(sample, 1, __ATOMIC_RELAXED);
                }
            }
        }
    }
};

// An image at a place in pixels with centres at .5, bilinear, in whole numbers: those are the faster here.
Rgb shown(const Bytes& image, double x, double y) {
    Between at(x - 0.5, y - 0.5, image.width, image.height);
    u32 right = u32(i64(at.fx * 256 + 0.5)), under = u32(i64(at.fy * 256 + 0.5));
    u32 a = (256 - right) * (256 - under), b = right * (256 - under), c = (256 - right) * under, d = right * under;
    const u8 *p = image.at(at.y0, at.x0), *q = image.at(at.y0, at.x1), *r = image.at(at.y1, at.x0),
             *s = image.at(at.y1, at.x1);
    return {(a * p[0] + b * q[0] + c * r[0] + d * s[0]) / 65536.0, (a * p[1] + b * q[1] + c * r[1] + d * s[1]) / 65536.0,
            (a * p[2] + b * q[2] + c * r[2] + d * s[2]) / 65536.0};
}

// A grid at sample coordinates, trilinear; in whole numbers, too, of which 32 bits hold any.
Rgb known(const Grid& grid, const double* place) {
    Cell at(place, grid.x, grid.y, grid.z);
    const u32 fx = u32(at.fx), fy = u32(at.fy), fz = u32(at.fz);
    u32 sides[2][3];
    const i64 columns[] = {at.x0, at.x1};
    for (int i = 0; i < 2; i++) {
        const u8 *p = grid.at(columns[i], at.y0, at.z0), *q = grid.at(columns[i], at.y0, at.z1),
                 *r = grid.at(columns[i], at.y1, at.z0), *s = grid.at(columns[i], at.y1, at.z1);
        for (int n = 0; n < 3; n++)
            sides[i][n] = (p[n] * (256 - fz) + q[n] * fz) * (256 - fy) + (r[n] * (256 - fz) + s[n] * fz) * fy;
    }
    u32 sum[3];
    for (int n = 0; n < 3; n++) sum[n] = sides[0][n] * (256 - fx) + sides[1][n] * fx;
    return {sum[0] / 16777216.0, sum[1] / 16777216.0, sum[2] / 16777216.0};
}

// Numbers of two points, reckoned with at once.
using Two = double __attribute__((vector_size(16)));

double root(double x) { return sqrt(x); }
Two root(Two x) { return Two{sqrt(x[0]), sqrt(x[1])}; }
double up_to_one(double x) { return least(x, 1.0); }
Two up_to_one(Two x) {
    const Two one = {1, 1};
    return one < x ? one : x;
}
bool none_positive(double x) { return x <= 0; }
bool none_positive(Two x) { return x[0] <= 0 && x[1] <= 0; }

// How the camera looks at a surface point, or at two (T is double or Two): whether the surface faces it, w of clip space,
// the cosine between normal and view, where in the picture that is, 0..1, and the depth of the point, brought forward by
// the tolerance, more where the surface is steep across a depth pixel.
template <class T> struct Look {
    T towards, w, cosine, x, y, z;

    Look(const T* trait, const Sight& sight) {
        const T vx = trait[WAY], vy = trait[WAY + 1], vz = trait[WAY + 2], *normal = trait + NORMAL;
        towards = normal[0] * vx + normal[1] * vy + normal[2] * vz;
        if (none_positive(towards)) return;
        w = trait[CLIP + 3];
        const T length = root(vx * vx + vy * vy + vz * vz) + 1e-30;
        const T size = root(normal[0] * normal[0] + normal[1] * normal[1] + normal[2] * normal[2]);
        cosine = up_to_one(towards / (length * size));
        x = (trait[CLIP] / w + 1) / 2, y = (1 - trait[CLIP + 1] / w) / 2;
        const double *third = sight.matrix[2], *fourth = sight.matrix[3];
        const T nearer = sight.bias * (1 + root(1 - cosine * cosine) / cosine) / length;
        z = trait[CLIP + 2] + nearer * (third[0] * vx + third[1] * vy + third[2] * vz);
        z = z / (w + nearer * (fourth[0] * vx + fourth[1] * vy + fourth[2] * vz));
    }
};

// How far the picture's colour counts at a surface point, where in the picture, 0..1, that is, and the cosine between
// normal and view.
struct Trust {
    double weight, x, y, cosine;
};

Trust trust(double towards, double w, double cosine, double x, double y, double z, const Sight& sight) {
    if (towards <= 0 || !(fabs(w) > 1e-12)) return {};
    if (cosine <= GRAZING) return {};
    if (!(0 <= x && x < 1 && 0 <= y && y < 1)) return {};
    i64 side = sight.strength.height;
    Between at(x * side - 0.5, y * side - 0.5, sight.strength.width, side);
    double weight = least((cosine - GRAZING) * 4, 1.0) * at(sight.strength);
    if (weight <= 0) return {};
    i64 last = sight.depth.height - 1;
    i64 column = least(i64(x * sight.depth.height), last), line = least(i64(y * sight.depth.height), last);
    i64 left = most<i64>(column - 1, 0), right = least(column + 1, last);
    const i64 lines[] = {most<i64>(line - 1, 0), line, least(line + 1, last)};
    i64 in_view = 0;
    for (i64 j : lines)
        in_view += (z <= sight.depth(j, left)) + (z <= sight.depth(j, column)) + (z <= sight.depth(j, right));
    double share = in_view / 9.0;
    return {weight * (share * share), x, y, cosine};
}

Trust trust(const double* trait, const Sight& sight) {
    const Look<double> look(trait, sight);
    return trust(look.towards, look.w, look.cosine, look.x, look.y, look.z, sight);
}

void trust(const Two* traits, const Sight& sight, Trust (&out)[2]) {
    const Look<Two> look(traits, sight);
    for (int n = 0; n < 2; n++)
        out[n] = trust(look.towards[n], look.w[n], look.cosine[n], look.x[n], look.y[n], look.z[n], sight);
}

// A face on a texture, in single precision, which places in a texture have.
struct Triangle {
    float ax, ay, bx, by, cx, cy, doubled;

    Triangle(const float (*uv)[2], const Face& face) {
        const float *a = uv[face[0]], *b = uv[face[1]], *c = uv[face[2]];
        ax = a[0], ay = a[1];
        bx = b[0] - ax, by = b[1] - ay, cx = c[0] - ax, cy = c[1] - ay;
        doubled = bx * cy - by * cx;
    }

    // Rows from `first` to before `end` that the face may have a texel in; none if the last comes before the first.
    i64 top(i64 first) const { return most(first, i64(ceil(ay + double(least(0.0f, by, cy)) - 0.5))); }
    i64 bottom(i64 end) const { return least(end - 1, i64(floor(ay + double(most(0.0f, by, cy)) - 0.5))); }
    bool covers(i64 first, i64 end) const { return fabs(doubled) > 1e-12 && top(first) <= bottom(end); }

    // Calls row(py) for each of these rows, and texels(x, y, px, count) for its texels that the face covers, two at a
    // time: those at x and x + 1, or if count is 1 the former; px and py are the texels' centres as seen from the first
    // corner.
    template <class Row, class Texels> void visit(i64 size, i64 first, i64 end, Row row, Texels texels) const {
        for (i64 y = top(first), bottom = this->bottom(end); y <= bottom; y++) {
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
            if (begin > last) continue;
            row(py);
            for (i64 x = begin; x <= last; x += 2)
                texels(x, y, Two{x + 0.5 - ax, x + 1.5 - ax}, least<i64>(last - x + 1, 2));
        }
    }
};

// N values that are linear over a face: at its first corner, how they change along x and along y, and at the row's start.
template <int N> struct Linear {
    double corner[N], across[N], along[N], start[N];

    // What they are at its corners.
    void fit(const Triangle& face, const double (&a)[N], const double (&b)[N], const double (&c)[N]) {
        for (int d = 0; d < N; d++) {
            double to_b = b[d] - a[d], to_c = c[d] - a[d];
            corner[d] = a[d];
            across[d] = (to_b * face.cy - to_c * face.by) / face.doubled;
            along[d] = (to_c * face.bx - to_b * face.cx) / face.doubled;
        }
    }
    void row(double py) {
        for (int d = 0; d < N; d++) start[d] = corner[d] + along[d] * py;
    }
    template <class T> void at(T px, T (&out)[N]) const {
        for (int d = 0; d < N; d++) out[d] = start[d] + across[d] * px;
    }
};

// Whether some of a face may look at the viewer.
bool faces_viewer(const Traits* traits, const Face& face) {
    bool some = false;
    for (i32 v : face) {
        const double* c = traits[v];
        some |= c[WAY] * c[NORMAL] + c[WAY + 1] * c[NORMAL + 1] + c[WAY + 2] * c[NORMAL + 2] > 0;
    }
    return some;
}

void put(const Rgb& color, u8* texel) {
    texel[0] = u8(color.r + 0.5);
    texel[1] = u8(color.g + 0.5);
    texel[2] = u8(color.b + 0.5);
}

}  // namespace

// (N, 3) colours of an (X, Y, Z, 3) grid at (N, 3) sample coordinates.
API void bake_sampled(const u8* grid, i64 x, i64 y, i64 z, const Vec3* places, i64 count, float (*out)[3]) {
    for (i64 i = 0; i < count; i++) {
        Rgb color = known({grid, x, y, z}, places[i]);
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

// Of one of several pictures: add its colours at points of the surface, in the full light (see Light in
// texture/evening.py), to `colors`, and what they weigh, the trust in them times the cube of the cosine to the viewer, to
// `weight`; raise `most` to that trust. The colours are weighted by the same.
API void bake_gathered(const float (*points)[3], const float (*normals)[3], i64 count, const double (*matrix)[4],
                       const double* eye, const u8* picture, i64 height, i64 width, const float* strength,
                       i64 strength_size, const float* depth, i64 depth_size, double bias, const float* balance,
                       const float* slope, double full, double darkest, double brightest, float (*colors)[3],
                       double* weight, float* most_trusted) {
    const Sight sight{matrix, {picture, height, width}, {strength, strength_size, strength_size},
                      {depth, depth_size, depth_size}, bias};
    for (i64 i = 0; i < count; i++) {
        const float *point = points[i], *normal = normals[i];
        Traits trait;
        for (int d = 0; d < 3; d++) {
            trait[WAY + d] = eye[d] - point[d] * eye[3];
            trait[NORMAL + d] = normal[d];
        }
        for (int d = 0; d < 4; d++)
            trait[CLIP + d] = point[0] * matrix[d][0] + point[1] * matrix[d][1] + point[2] * matrix[d][2] + matrix[d][3];
        Trust at = trust(trait, sight);
        if (!(at.weight > 0)) continue;
        double cubed = at.cosine * at.cosine * at.cosine, weighs = at.weight * cubed;
        double shade = full - (double(normal[0]) * slope[0] + double(normal[1]) * slope[1] + double(normal[2]) * slope[2]);
        double light = exp(clamp(shade, darkest, brightest));
        Rgb color = shown(sight.picture, at.x * width, at.y * height);
        colors[i][0] += float(weighs * least(color.r * light * balance[0], 255.0));
        colors[i][1] += float(weighs * least(color.g * light * balance[1], 255.0));
        colors[i][2] += float(weighs * least(color.b * light * balance[2], 255.0));
        weight[i] += weighs;
        most_trusted[i] = most(most_trusted[i], float(at.weight));
    }
}

// Colour texels of a texture from the pictures, as far as they are trusted, and for the rest from the grid at (N, 3)
// sample coordinates with what is added to its colours there.
API void bake_mixed(u8 (*texture)[3], const i64* texel, i64 count, const u8* grid, i64 x, i64 y, i64 z,
                    const Vec3* places, const float (*offset)[3], const float (*shown)[3], const float* trust) {
    for (i64 i = 0; i < count; i++) {
        Rgb mine = known({grid, x, y, z}, places[i]);
        const double own[] = {mine.r, mine.g, mine.b}, weight = trust[i];
        for (int d = 0; d < 3; d++) {
            double rest = clamp(own[d] + offset[i][d], 0.0, 255.0);
            texture[texel[i]][d] = u8(rest + weight * (shown[i][d] - rest) + 0.5);
        }
    }
}

// Mark the samples of an (X, Y, Z) grid that the colours at (N, 3) sample coordinates are made of.
API void bake_asked_at(const Vec3* places, i64 count, u8* asked, i64 x, i64 y, i64 z) {
    Asked grid{asked, x, y, z, -1};
    for (i64 i = 0; i < count; i++) grid.ask(places[i]);
}

// Colour the rows from `first` up to `end` of a square texture where the picture alone counts, and mark what is covered;
// of the other texels mark in `left` that they are, and in `asked` which samples of the grid their colours are made of.
//
// left: (size, size), written where something is covered; of faces that share a texel the last one counts
API void bake_shown(u8* texture, u8* covered, u8* left, i64 size, i64 first, i64 end, const Traits* traits,
                    const Vec3* places, const float (*uv)[2], i64, const Face* faces, i64 face_count, u8* asked, i64 x,
                    i64 y, i64 z, const double (*matrix)[4], const u8* picture, i64 picture_height, i64 picture_width,
                    const float* strength, i64 strength_size, const float* depth, i64 depth_size, double bias) {
    const Sight sight{matrix, {picture, picture_height, picture_width}, {strength, strength_size, strength_size},
                      {depth, depth_size, depth_size}, bias};
    Asked grid{asked, x, y, z, -1};
    Linear<TRAITS> seen;
    Linear<3> place;
    for (i64 f = 0; f < face_count; f++) {
        const Face& face = faces[f];
        Triangle on(uv, face);
        if (!on.covers(first, end)) continue;
        const bool turned = depth_size > 0 && faces_viewer(traits, face);
        if (turned) seen.fit(on, traits[face[0]], traits[face[1]], traits[face[2]]);
        place.fit(on, places[face[0]], places[face[1]], places[face[2]]);
        auto row = [&](double py) {
            if (turned) seen.row(py);
            place.row(py);
        };
        auto texels = [&](i64 column, i64 line, Two px, i64 count) {
            Trust at[2]{};
            if (turned) {
                Two here[TRAITS];
                seen.at(px, here);
                trust(here, sight, at);
            }
            for (i64 n = 0; n < count; n++) {
                const i64 texel = line * size + column + n;
                const double weight = at[n].weight;
                covered[texel] = 1;
                left[texel] = weight < 1 ? (weight > 0 ? IN_PART : WHOLLY) : 0;
                if (left[texel]) {
                    Vec3 here;
                    place.at(px[n], here);
                    grid.ask(here);
                } else {
                    put(shown(sight.picture, at[n].x * picture_height, at[n].y * picture_height), texture + 3 * texel);
                }
            }
        };
        on.visit(size, first, end, row, texels);
    }
}

// Colour the rows from `first` up to `end` of a square texture, and mark what is covered; in place.
//
// Where `carried` is not empty (`carried_size` 0), it holds the shape's own colour of each texel; else the grid does.
// Where `left` is not empty, only the texels that it marks are coloured.
API void bake_paint(u8* texture, u8* covered, i64 size, i64 first, i64 end, const Traits* traits, const Vec3* places,
                    const float (*offset)[3], const float (*uv)[2], const Face* faces, i64 face_count, const u8* carried,
                    i64 carried_size, const u8* grid_data, i64 grid_x, i64 grid_y, i64 grid_z, const double (*matrix)[4],
                    const u8* picture, i64 picture_height, i64 picture_width, const float* strength, i64 strength_size,
                    const float* depth, i64 depth_size, double bias, const u8* left, i64 left_size) {
    const Sight sight{matrix, {picture, picture_height, picture_width}, {strength, strength_size, strength_size},
                      {depth, depth_size, depth_size}, bias};
    const Grid grid{grid_data, grid_x, grid_y, grid_z};
    Linear<TRAITS> seen;
    Linear<OWN> own;
    for (i64 f = 0; f < face_count; f++) {
        const Face& face = faces[f];
        Triangle on(uv, face);
        if (!on.covers(first, end)) continue;
        const bool turned = depth_size > 0 && faces_viewer(traits, face);
        double corner[3][OWN];
        for (int n = 0; n < 3; n++) {
            for (int d = 0; d < 3; d++) {
                corner[n][PLACE + d] = places[face[n]][d];
                corner[n][OFFSET + d] = offset[face[n]][d];
            }
        }
        if (turned) seen.fit(on, traits[face[0]], traits[face[1]], traits[face[2]]);
        own.fit(on, corner[0], corner[1], corner[2]);
        auto row = [&](double py) {
            if (turned) seen.row(py);
            own.row(py);
        };
        auto texels = [&](i64 x, i64 y, Two px, i64 count) {
            const i64 at_first = y * size + x;
            u8 asked[] = {IN_PART, u8(count > 1 ? IN_PART : 0)};
            if (left_size)
                for (i64 n = 0; n < count; n++) asked[n] = left[at_first + n];
            Trust at[2]{};
            if (turned && (asked[0] == IN_PART || asked[1] == IN_PART)) {
                Two here[TRAITS];
                seen.at(px, here);
                trust(here, sight, at);
            }
            for (i64 n = 0; n < count; n++) {
                if (!asked[n]) continue;
                const i64 texel = at_first + n;
                const double weight = at[n].weight;
                Rgb color{0, 0, 0};
                if (weight > 0) color = shown(sight.picture, at[n].x * picture_height, at[n].y * picture_height);
                if (weight < 1) {
                    double here[OWN];
                    own.at(px[n], here);
                    const u8* there = carried + 3 * texel;
                    Rgb mine = carried_size ? Rgb{double(there[0]), double(there[1]), double(there[2])}
                                            : known(grid, here + PLACE);
                    const double rest = 1 - weight;
                    color.r = weight * color.r + rest * clamp(mine.r + here[OFFSET], 0.0, 255.0);
                    color.g = weight * color.g + rest * clamp(mine.g + here[OFFSET + 1], 0.0, 255.0);
                    color.b = weight * color.b + rest * clamp(mine.b + here[OFFSET + 2], 0.0, 255.0);
                }
                put(color, texture + 3 * texel);
                covered[texel] = 1;
            }
        };
        on.visit(size, first, end, row, texels);
    }
}
