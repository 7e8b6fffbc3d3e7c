// Tangents as MikkTSpace defines them; see texture/tangents.py, which calls this.
#include "view.h"

namespace {

// Project a vector on the plane of a unit normal and bring it to length 1, or to 0 if nothing is left.
void flatten(Vec3& vector, const float* normal) {
    double into = vector[0] * normal[0] + vector[1] * normal[1] + vector[2] * normal[2];
    double length = 0;
    for (int d = 0; d < 3; d++) {
        vector[d] -= into * normal[d];
        length += vector[d] * vector[d];
    }
    double scale = length > 1e-30 ? 1 / sqrt(length) : 0.0;
    for (double& v : vector) v *= scale;
}

}  // namespace

// Unit tangents along u, at right angles to the normals, and the sign of the bitangent, always 1; of the vertices from
// `begin` to before `end`, so that two threads may share the work.
//
// Faces' tangents, projected on the vertex's plane and weighted by the angle there (M. Mikkelsen, "Simulation of
// Wrinkled Surfaces Revisited", 2008, and mikktspace.c). A vertex without any gets an arbitrary one.
API void tangents(const float (*points)[3], const float (*normals)[3], const float (*uv)[2], i64 count, const Face* faces,
                  i64 face_count, i64 begin, i64 end, float (*out)[4]) {
    begin = most<i64>(begin, 0);
    end = most(begin, least(end, count));
    Array<double> room(3 * (end - begin), 0.0);
    Vec3* totals = reinterpret_cast<Vec3*>(room.data);
    for (i64 f = 0; f < face_count; f++) {
        i64 i = faces[f][0], j = faces[f][1], k = faces[f][2];
        if (most(i, j, k) < begin || least(i, j, k) >= end) continue;
        float u1 = uv[j][0] - uv[i][0], v1 = uv[j][1] - uv[i][1];
        float u2 = uv[k][0] - uv[i][0], v2 = uv[k][1] - uv[i][1];
        float doubled = u1 * v2 - u2 * v1;
        if (doubled == 0) continue;
        double sign = doubled > 0 ? 1.0 : -1.0;
        Vec3 along;
        for (int d = 0; d < 3; d++)
            along[d] = sign * ((points[j][d] - points[i][d]) * v2 - (points[k][d] - points[i][d]) * v1);
        for (int corner = 0; corner < 3; corner++) {
            i64 v = faces[f][corner];
            if (v < begin || v >= end) continue;
            Vec3 edge[2];
            for (int side = 0; side < 2; side++) {
                i64 other = faces[f][(corner + 1 + side) % 3];
                for (int d = 0; d < 3; d++) edge[side][d] = points[other][d] - points[v][d];
                flatten(edge[side], normals[v]);
            }
            double cosine = edge[0][0] * edge[1][0] + edge[0][1] * edge[1][1] + edge[0][2] * edge[1][2];
            double angle = acos(least(most(cosine, -1.0), 1.0));
            Vec3 flat = {along[0], along[1], along[2]};
            flatten(flat, normals[v]);
            for (int d = 0; d < 3; d++) totals[v - begin][d] += angle * flat[d];
        }
    }
    for (i64 v = begin; v < end; v++) {
        Vec3& total = totals[v - begin];
        const float* normal = normals[v];
        flatten(total, normal);
        if (total[0] == 0 && total[1] == 0 && total[2] == 0) {
            int steepest = 0;
            for (int d = 1; d < 3; d++)
                if (fabsf(normal[d]) < fabsf(normal[steepest])) steepest = d;
            total[steepest] = 1;
            flatten(total, normal);
        }
        for (int d = 0; d < 3; d++) out[v][d] = float(total[d]);
        out[v][3] = 1;
    }
}
