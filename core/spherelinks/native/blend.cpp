// A membrane over a mesh; see texture/blend.py, which calls this.
#include "view.h"

namespace {

constexpr int ROUNDS = 32;  // how often neighbours are asked

}

// Laplace(value) = value / length^2 by Gauss-Seidel, forwards and backwards in turn, where not known; value in place.
API void blend_membrane(const float (*vertices)[3], i64 count, const Face* faces, i64 face_count, float (*value)[3],
                        const u8* known, double length) {
    Array<i64> start(count + 1, 0), filled(count + 1);
    for (i64 f = 0; f < face_count; f++)
        for (i32 v : faces[f]) start[v + 1]++;
    for (i64 v = 0; v < count; v++) start[v + 1] += start[v];
    memcpy(filled, start, sizeof(i64) * (count + 1));
    Array<i32> neighbour(start[count]);
    for (i64 f = 0; f < face_count; f++)  // in a closed mesh, each neighbour comes once
        for (int k = 0; k < 3; k++) neighbour[filled[faces[f][k]]++] = faces[f][k < 2 ? k + 1 : 0];
    Array<float> kept(count);
    for (i64 v = 0; v < count; v++) {
        double square = 0;
        for (i64 n = start[v]; n < start[v + 1]; n++) {
            for (int d = 0; d < 3; d++) {
                float apart = vertices[neighbour[n]][d] - vertices[v][d];
                square += apart * apart;
            }
        }
        i64 around = most<i64>(start[v + 1] - start[v], 1);
        kept[v] = float(1 / (around * (1 + square / around / (4 * length * length + 1e-30))));
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (i64 i = 0; i < count; i++) {
            i64 v = round % 2 == 0 ? i : count - 1 - i;
            if (known[v]) continue;
            float r = 0, g = 0, b = 0;
            for (i64 n = start[v]; n < start[v + 1]; n++) {
                const float* other = value[neighbour[n]];
                r += other[0];
                g += other[1];
                b += other[2];
            }
            value[v][0] = r * kept[v];
            value[v][1] = g * kept[v];
            value[v][2] = b * kept[v];
        }
    }
}
