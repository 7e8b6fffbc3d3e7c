// The edges of a mesh.
#pragma once

#include "view.h"

// Edges and faces by the one of their vertices that has the fewest faces, so that hubs cost nothing.
struct Homes {
    Array<i32> width;

    Homes(const Face* faces, i64 count, i64 vertices) : width(vertices, 0) {
        for (i64 f = 0; f < count; f++)
            for (i32 v : faces[f]) width[v]++;
    }
    i32 of(i32 a, i32 b) const { return width[b] < width[a] || (width[b] == width[a] && b < a) ? b : a; }
};

// For each half-edge the other one on its edge, where the edge has exactly two and they fit; else -1.
//
// other: (3 count), written; fits: whether two half-edges that start from these vertices are a pair
template <class Fits> void pair_edges(const Face* faces, i64 count, i64 vertices, i64* other, Fits fits) {
    Homes homes(faces, count, vertices);
    Array<i32> start(vertices + 1, 0), stop(vertices);
    for (i64 f = 0; f < count; f++) {
        for (int k = 0; k < 3; k++) {
            start[homes.of(faces[f][k], faces[f][k < 2 ? k + 1 : 0]) + 1]++;
            other[3 * f + k] = -1;
        }
    }
    for (i64 v = 0; v < vertices; v++) {
        start[v + 1] += start[v];
        stop[v] = start[v];
    }
    Array<i32> away(start[vertices]), first(start[vertices]);  // first is -1 once an edge has no pair
    for (i64 f = 0; f < count; f++) {
        for (int k = 0; k < 3; k++) {
            i32 a = faces[f][k], b = faces[f][k < 2 ? k + 1 : 0];
            i32 home = homes.of(a, b), far = home == a ? b : a;
            i64 h = 3 * f + k, at = start[home];
            while (at < stop[home] && away[at] != far) at++;
            if (at == stop[home]) {
                away[at] = far;
                first[at] = i32(h);
                stop[home]++;
            } else if (first[at] >= 0) {
                i64 one = first[at];
                if (other[one] < 0 && fits(faces[one / 3][one % 3], a)) {
                    other[one] = h;
                    other[h] = one;
                } else {
                    if (other[one] >= 0) other[other[one]] = -1;
                    other[one] = -1;
                    first[at] = -1;
                }
            }
        }
    }
}
