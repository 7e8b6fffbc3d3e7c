// Normals of vertices and of fans; see mesh/normals.py, which calls these. In single precision, as the vertices are.
#include "view.h"

namespace {

struct Vector {
    float x, y, z;

    Vector(const float* from, const float* to) : x(to[0] - from[0]), y(to[1] - from[1]), z(to[2] - from[2]) {}
    Vector(float x, float y, float z) : x(x), y(y), z(z) {}
};

Vector cross(Vector a, Vector b) { return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x}; }

float dot(Vector a, Vector b) { return a.x * b.x + a.y * b.y + a.z * b.z; }

}  // namespace

// The twins, in place, without those across sharp edges: those whose faces' normals have at most this cosine. Faces
// without area make none sharp.
API void normals_smooth(const float (*vertices)[3], const Face* faces, i64 count, double crease, i64* opposite) {
    Array<double> room(3 * count);
    Vec3* flat = reinterpret_cast<Vec3*>(room.data);
    for (i64 f = 0; f < count; f++) {
        const float *a = vertices[faces[f][0]], *b = vertices[faces[f][1]], *c = vertices[faces[f][2]];
        Vector n = cross({a, b}, {a, c});
        float length = sqrtf(dot(n, n));
        double scale = length > 0 ? 1 / double(length) : 0.0;
        flat[f][0] = n.x * scale;
        flat[f][1] = n.y * scale;
        flat[f][2] = n.z * scale;
    }
    for (i64 h = 0; h < 3 * count; h++) {
        if (opposite[h] < 0) continue;
        const Vec3 &n = flat[h / 3], &m = flat[opposite[h] / 3];
        bool solid = (n[0] != 0 || n[1] != 0 || n[2] != 0) && (m[0] != 0 || m[1] != 0 || m[2] != 0);
        if (solid && n[0] * m[0] + n[1] * m[1] + n[2] * m[2] <= crease) opposite[h] = -1;
    }
}

// Unit normals of groups of corners, given by the group of each: face normals weighted by the angle at the corner
// (Thuermer & Wuethrich 1998). A group whose faces cancel out or have no area gets +Y.
API void normals_weighted(const float (*vertices)[3], const Face* faces, const Face* group, i64 count,
                          float (*normals)[3], i64 groups) {
    Array<double> room(3 * groups, 0.0);
    Vec3* total = reinterpret_cast<Vec3*>(room.data);
    for (i64 f = 0; f < count; f++) {
        for (int k = 0; k < 3; k++) {
            const float *o = vertices[faces[f][k]], *a = vertices[faces[f][(k + 1) % 3]],
                        *b = vertices[faces[f][(k + 2) % 3]];
            Vector p{o, a}, q{o, b}, n = cross(p, q);
            float length = sqrtf(dot(n, n));
            if (!(length > 0)) continue;
            float weight = atan2f(length, dot(p, q)) / length;
            double* sum = total[group[f][k]];
            sum[0] += n.x * weight;
            sum[1] += n.y * weight;
            sum[2] += n.z * weight;
        }
    }
    for (i64 v = 0; v < groups; v++) {
        const double* n = total[v];
        double length = sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]);
        for (int d = 0; d < 3; d++) normals[v][d] = float(length > 1e-12 ? n[d] / length : (d == 1 ? 1.0 : 0.0));
    }
}
