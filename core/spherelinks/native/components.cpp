// What the bodies of a surface measure, and which lies inside which; see mesh/components.py, which calls these.
#include "view.h"

namespace {

// Cells along each axis of the grid that boxes are marked in.
constexpr i64 CELLS = 64;

// The box of a face's corners.
struct Span {
    double low[3], high[3];

    Span(const float (*vertices)[3], const Face& face) {
        const float *a = vertices[face[0]], *b = vertices[face[1]], *c = vertices[face[2]];
        for (int d = 0; d < 3; d++) {
            low[d] = least(a[d], b[d], c[d]);
            high[d] = most(a[d], b[d], c[d]);
        }
    }
};

}  // namespace

// Of each part: signed volume, area, and the low and high corners of its bounding box.
API void components_measure(const float (*vertices)[3], const Face* faces, const i32* label, i64 count,
                            const double* centre, i64 parts, double* volume, double* area, Vec3* low, Vec3* high) {
    for (i64 p = 0; p < parts; p++) {
        volume[p] = area[p] = 0;
        for (int d = 0; d < 3; d++) {
            low[p][d] = INF;
            high[p][d] = -INF;
        }
    }
    for (i64 f = 0; f < count; f++) {
        i64 part = label[f];
        const float *a = vertices[faces[f][0]], *b = vertices[faces[f][1]], *c = vertices[faces[f][2]];
        double square = 0;
        for (int k = 0; k < 3; k++) {
            int u = (k + 1) % 3, v = (k + 2) % 3;
            float across = (b[u] - a[u]) * (c[v] - a[v]) - (b[v] - a[v]) * (c[u] - a[u]);
            square += across * across;
            volume[part] += (a[k] - centre[k]) *
                            ((b[u] - centre[u]) * (c[v] - centre[v]) - (b[v] - centre[v]) * (c[u] - centre[u]));
            const float* corners[] = {a, b, c};
            for (const float* corner : corners) {
                low[part][k] = least(low[part][k], double(corner[k]));
                high[part][k] = most(high[part][k], double(corner[k]));
            }
        }
        area[part] += sqrt(square) / 2;
    }
    for (i64 p = 0; p < parts; p++) volume[p] /= 6;
}

// The areas of faces, doubled and summed up.
API void components_areas(const float (*vertices)[3], const Face* faces, i64 count, double* upto) {
    double sum = 0;
    for (i64 f = 0; f < count; f++) {
        const float *a = vertices[faces[f][0]], *b = vertices[faces[f][1]], *c = vertices[faces[f][2]];
        Vec3 p, q;
        for (int d = 0; d < 3; d++) {
            p[d] = double(b[d]) - a[d];
            q[d] = double(c[d]) - a[d];
        }
        double x = p[1] * q[2] - p[2] * q[1], y = p[2] * q[0] - p[0] * q[2], z = p[0] * q[1] - p[1] * q[0];
        upto[f] = sum += sqrt(x * x + y * y + z * z);
    }
}

// Whether a closed surface winds round each of the points.
//
// By the faces that a ray along x leaves the surface through, less those it enters by. Edges are half open and always
// looked at from their lower end, so that a ray through an edge crosses one of its two faces. A face is held against the
// points in the cells of a grid over y and z that its own box touches.
API void components_inside(const float (*vertices)[3], const Face* faces, i64 count, const Vec3* points, i64 many,
                           u8* inside) {
    i64 side = 1;
    while (side < 512 && side * side < many) side *= 2;
    double low[2] = {INF, INF}, high[2] = {-INF, -INF};
    for (i64 i = 0; i < many; i++) {
        for (int d = 0; d < 2; d++) {
            low[d] = least(low[d], points[i][d + 1]);
            high[d] = most(high[d], points[i][d + 1]);
        }
    }
    auto along = [&](double at, int d) { return i64(clamp(side * ((at - low[d]) / (high[d] - low[d])), 0, side - 1.0)); };
    auto cell = [&](const Vec3& point) { return along(point[1], 0) * side + along(point[2], 1); };
    Array<i32> start(side * side + 1, 0), stop(side * side), there(many), winding(many, 0);
    for (i64 i = 0; i < many; i++) start[cell(points[i]) + 1]++;
    for (i64 k = 0; k < side * side; k++) {
        start[k + 1] += start[k];
        stop[k] = start[k];
    }
    for (i64 i = 0; i < many; i++) there[stop[cell(points[i])]++] = i32(i);
    for (i64 f = 0; f < count; f++) {
        const float* corner[3] = {vertices[faces[f][0]], vertices[faces[f][1]], vertices[faces[f][2]]};
        double from[2], to[2];
        bool apart = false;
        for (int d = 0; d < 2; d++) {
            from[d] = least(corner[0][d + 1], corner[1][d + 1], corner[2][d + 1]);
            to[d] = most(corner[0][d + 1], corner[1][d + 1], corner[2][d + 1]);
            apart |= to[d] < low[d] || from[d] > high[d];
        }
        if (apart) continue;
        i64 last_y = along(to[0], 0), first_z = along(from[1], 1), last_z = along(to[1], 1);
        for (i64 row = along(from[0], 0); row <= last_y; row++) {
            for (i64 n = start[row * side + first_z]; n < stop[row * side + last_z]; n++) {
                double x = points[there[n]][0], y = points[there[n]][1], z = points[there[n]][2];
                i64 round = 0;  // how often the corners go round the ray, as seen against x: 1, 0 or -1
                for (i64 k = 0; k < 3; k++) {
                    const float *one = corner[k], *two = corner[k == 2 ? 0 : k + 1];
                    if ((one[2] <= z) == (two[2] <= z)) continue;
                    bool up = one[2] <= z;
                    const float *under = up ? one : two, *over = up ? two : one;
                    double beside = (double(over[1]) - under[1]) * (z - under[2]) -
                                    (double(over[2]) - under[2]) * (y - under[1]);
                    if (beside < 0) round += up ? -1 : 1;
                }
                if (round == 0) continue;
                double at[3][3];
                for (i64 k = 0; k < 3; k++) {
                    at[k][0] = corner[k][0] - x, at[k][1] = corner[k][1] - y, at[k][2] = corner[k][2] - z;
                }
                const double *a = at[0], *b = at[1], *c = at[2];
                double ahead = a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]);
                ahead += a[2] * (b[0] * c[1] - b[1] * c[0]);
                if (ahead * round > 0) winding[there[n]] += i32(round);
            }
        }
    }
    for (i64 i = 0; i < many; i++) inside[i] = winding[i] > 0;
}

// Whether a face's box meets one of the boxes, or comes so near that they share a cell of a grid over all of these.
API void components_near(const float (*vertices)[3], const Face* faces, i64 count, const Vec3* low, const Vec3* high,
                         i64 boxes, u8* near) {
    constexpr i64 ROW = CELLS + 1;
    double from[3] = {INF, INF, INF}, to[3] = {-INF, -INF, -INF};
    for (i64 box = 0; box < boxes; box++) {
        for (int d = 0; d < 3; d++) {
            from[d] = least(from[d], low[box][d]);
            to[d] = most(to[d], high[box][d]);
        }
    }
    auto along = [&](double at, int d) { return i64(clamp(CELLS * ((at - from[d]) / (to[d] - from[d])), 0, CELLS - 1.0)); };
    // in the end, how many marked cells lie before a corner of a cell along all axes
    Array<i32> before(ROW * ROW * ROW, 0);
    auto at = [&](i64 x, i64 y, i64 z) -> i32& { return before[(x * ROW + y) * ROW + z]; };
    for (i64 box = 0; box < boxes; box++) {
        i64 last[3];
        for (int d = 0; d < 3; d++) last[d] = along(high[box][d], d);
        for (i64 x = along(low[box][0], 0); x <= last[0]; x++)
            for (i64 y = along(low[box][1], 1); y <= last[1]; y++)
                for (i64 z = along(low[box][2], 2); z <= last[2]; z++) at(x + 1, y + 1, z + 1) = 1;
    }
    for (i64 x = 1; x < ROW; x++)
        for (i64 y = 1; y < ROW; y++)
            for (i64 z = 1; z < ROW; z++)
                at(x, y, z) += at(x - 1, y, z) + at(x, y - 1, z) + at(x, y, z - 1) - at(x - 1, y - 1, z) -
                               at(x - 1, y, z - 1) - at(x, y - 1, z - 1) + at(x - 1, y - 1, z - 1);
    for (i64 f = 0; f < count; f++) {
        const Span face(vertices, faces[f]);
        bool apart = false;
        for (int d = 0; d < 3; d++) apart |= face.high[d] < from[d] || face.low[d] > to[d];
        near[f] = 0;
        if (apart) continue;
        i64 a[3], b[3];
        for (int d = 0; d < 3; d++) {
            a[d] = along(face.low[d], d);
            b[d] = along(face.high[d], d) + 1;
        }
        near[f] = at(b[0], b[1], b[2]) - at(a[0], b[1], b[2]) - at(b[0], a[1], b[2]) - at(b[0], b[1], a[2]) +
                      at(a[0], a[1], b[2]) + at(a[0], b[1], a[2]) + at(b[0], a[1], a[2]) - at(a[0], a[1], a[2]) >
                  0;
    }
}
