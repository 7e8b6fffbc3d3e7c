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
// By the sum of the faces' solid angles (Van Oosterom & Strackee 1983).
API i64 components_inside(const float (*vertices)[3], const Face* faces, i64 count, const Vec3* points, i64 many) {
    for (i64 i = 0; i < many; i++) {
        double total = 0, x = points[i][0], y = points[i][1], z = points[i][2];
        for (i64 f = 0; f < count; f++) {
            const float *a = vertices[faces[f][0]], *b = vertices[faces[f][1]], *c = vertices[faces[f][2]];
            double ax = a[0] - x, ay = a[1] - y, az = a[2] - z;
            double bx = b[0] - x, by = b[1] - y, bz = b[2] - z;
            double cx = c[0] - x, cy = c[1] - y, cz = c[2] - z;
            double la = sqrt(ax * ax + ay * ay + az * az);
            double lb = sqrt(bx * bx + by * by + bz * bz);
            double lc = sqrt(cx * cx + cy * cy + cz * cz);
            double above = ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx);
            double below = la * lb * lc + (ax * bx + ay * by + az * bz) * lc;
            below += (bx * cx + by * cy + bz * cz) * la + (cx * ax + cy * ay + cz * az) * lb;
            total += atan2(above, below);
        }
        if (total < PI) return 0;  // half a turn: once round is 2 pi in these halved angles
    }
    return 1;
}
