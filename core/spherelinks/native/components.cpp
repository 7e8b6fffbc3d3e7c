// What the bodies of a surface measure, and which lies inside which; see mesh/components.py, which calls these.
#include "view.h"

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

// Whether a closed surface winds round every one of the points; ends at the first that it does not.
//
// By the faces that a ray along x leaves the surface through, less those it enters by. Edges are half open and always
// looked at from their lower end, so that a ray through an edge crosses one of its two faces.
API i64 components_inside(const float (*vertices)[3], const Face* faces, i64 count, const Vec3* points, i64 many) {
    for (i64 i = 0; i < many; i++) {
        double x = points[i][0], y = points[i][1], z = points[i][2];
        i64 winding = 0;
        for (i64 f = 0; f < count; f++) {
            const float* corner[3] = {vertices[faces[f][0]], vertices[faces[f][1]], vertices[faces[f][2]]};
            i64 round = 0;  // how often the corners go round the ray, as seen against x: 1, 0 or -1
            for (i64 k = 0; k < 3; k++) {
                const float *from = corner[k], *to = corner[k == 2 ? 0 : k + 1];
                if ((from[2] <= z) == (to[2] <= z)) continue;
                bool up = from[2] <= z;
                const float *low = up ? from : to, *high = up ? to : from;
                double side = (double(high[1]) - low[1]) * (z - low[2]) - (double(high[2]) - low[2]) * (y - low[1]);
                if (side < 0) round += up ? -1 : 1;
            }
            if (round == 0) continue;
            double at[3][3];
            for (i64 k = 0; k < 3; k++) {
                at[k][0] = corner[k][0] - x, at[k][1] = corner[k][1] - y, at[k][2] = corner[k][2] - z;
            }
            const double *a = at[0], *b = at[1], *c = at[2];
            double ahead = a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]);
            ahead += a[2] * (b[0] * c[1] - b[1] * c[0]);
            if (ahead * round > 0) winding += round;
        }
        if (winding < 1) return 0;
    }
    return 1;
}
