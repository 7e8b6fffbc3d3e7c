// Faces that are there twice; see mesh/repair.py, which calls this.
#include "edges.h"

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

// Marks the faces that are the first to have their three vertices, in whatever order.
API void repair_fresh(const Face* faces, i64 count, i64 vertices, u8* fresh) {
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
