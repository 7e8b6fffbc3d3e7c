// Faces turned to agree with their neighbours; see mesh/solid.py, which calls this.
#include "edges.h"

// Which faces must be turned for all to run along their common edges in opposite directions; false if that cannot be.
//
// turned: zeroed before; start: each half-edge's vertex; partner: the other half-edge, either way, or -1
API i64 solid_turned(const i64* start, const i64* partner, i64 count, u8* turned) {
    Array<u8> seen(count, 0);
    Array<i64> waiting(count);
    bool sided = true;
    for (i64 seed = 0; seed < count; seed++) {
        if (seen[seed]) continue;
        seen[seed] = 1;
        waiting[0] = seed;
        for (i64 many = 1; many;) {
            i64 face = waiting[--many];
            for (i64 h = 3 * face; h < 3 * face + 3; h++) {
                i64 other = partner[h];
                if (other < 0) continue;
                u8 wanted = turned[face] ^ (start[h] == start[other]);
                i64 there = other / 3;
                if (!seen[there]) {
                    seen[there] = 1;
                    turned[there] = wanted;
                    waiting[many++] = there;
                } else if (turned[there] != wanted) {
                    sided = false;
                }
            }
        }
    }
    return sided;
}

namespace {

void sort_three(const i32* face, i32* out) {
    i32 a = face[0], b = face[1], c = face[2];
    if (b < a) swap(a, b);
    if (c < b) swap(b, c);
    if (b < a) swap(a, b);
    out[0] = a;
    out[1] = b;
    out[2] = c;
}

}  // namespace

// The other half-edge, either way, on an edge of exactly two faces; else -1.
API void solid_partners(const Face* faces, i64 count, i64 vertices, i64* partner) {
    pair_edges(faces, count, vertices, partner, [](i32, i32) { return true; });
}

// Marks the faces that are the first to have their three vertices, in whatever order.
API void solid_fresh(const Face* faces, i64 count, i64 vertices, u8* fresh) {
    Homes homes(faces, count, vertices);
    Array<i32> start(vertices + 1, 0), stop(vertices);
    for (i64 f = 0; f < count; f++) start[homes.of(homes.of(faces[f][0], faces[f][1]), faces[f][2]) + 1]++;
    for (i64 v = 0; v < vertices; v++) {
        start[v + 1] += start[v];
        stop[v] = start[v];
    }
    Array<i32> there(count);
    for (i64 f = 0; f < count; f++) {
        i32 home = homes.of(homes.of(faces[f][0], faces[f][1]), faces[f][2]), own[3], known[3];
        sort_three(faces[f], own);
        bool again = false;
        for (i64 at = start[home]; at < stop[home] && !again; at++) {
            sort_three(faces[there[at]], known);
            again = own[0] == known[0] && own[1] == known[1] && own[2] == known[2];
        }
        fresh[f] = !again;
        if (!again) there[stop[home]++] = i32(f);
    }
}
