// The connectivity of a mesh; see mesh/topology.py, which calls these.
#include "edges.h"

namespace {

i64 next(i64 h) { return h % 3 < 2 ? h + 1 : h - 2; }
i64 previous(i64 h) { return h % 3 ? h - 1 : h + 2; }

}  // namespace

// The half-edge that runs the other way; -1 if there is not exactly one of each direction.
API void topology_twins(const Face* faces, i64 count, i64 vertices, i64* opposite) {
    pair_edges(faces, count, vertices, opposite, [](i32 a, i32 b) { return a != b; });
}

// Label the fan of faces that each corner belongs to; returns how many there are. A twin of -1 ends a fan.
API i64 topology_fans(const i64* opposite, i64 halves, i32* label) {
    for (i64 h = 0; h < halves; h++) label[h] = -1;
    i32 count = 0;
    for (i64 seed = 0; seed < halves; seed++) {
        if (label[seed] >= 0) continue;
        i64 corner = seed;
        while (corner >= 0 && label[corner] < 0) {
            label[corner] = count;
            corner = opposite[previous(corner)];
        }
        corner = opposite[seed];
        while (corner >= 0) {  // the other way, unless that was all round
            corner = next(corner);
            if (label[corner] >= 0) break;
            label[corner] = count;
            corner = opposite[corner];
        }
        count++;
    }
    return count;
}

// The connected part of each face, numbered in order of first appearance; union-find over vertices.
API void topology_parts(const Face* faces, i64 count, i64 vertices, i32* label) {
    Array<i32> parent(vertices), number(vertices, -1);
    for (i64 v = 0; v < vertices; v++) parent[v] = i32(v);
    auto root = [&](i32 v) {
        while (parent[v] != v) {
            parent[v] = parent[parent[v]];
            v = parent[v];
        }
        return v;
    };
    for (i64 f = 0; f < count; f++) {
        i32 a = root(faces[f][0]);
        for (int k = 1; k < 3; k++) {
            i32 b = root(faces[f][k]);
            if (a < b) {
                parent[b] = a;
            } else if (b < a) {
                parent[a] = b;
                a = b;
            }
        }
    }
    i32 found = 0;
    for (i64 f = 0; f < count; f++) {
        i32 a = root(faces[f][0]);
        if (number[a] < 0) number[a] = found++;
        label[f] = number[a];
    }
}

// Numbers of the vertices that the faces which are `kept` use, in order, in `used`, and these faces, of which there are
// `left`, by these numbers; returns how many vertices there are.
API i64 topology_compact(const Face* faces, i64 count, i64 vertices, const u8* kept, i32* used, Face* out, i64 left) {
    Array<i32> number(vertices, 0);
    for (i64 f = 0; f < count; f++)
        if (kept[f])
            for (i32 v : faces[f]) number[v] = 1;
    i32 found = 0;
    for (i64 v = 0; v < vertices; v++) {
        if (!number[v]) continue;
        used[found] = i32(v);
        number[v] = found++;
    }
    for (i64 f = 0, to = 0; f < count && to < left; f++) {
        if (!kept[f]) continue;
        for (int k = 0; k < 3; k++) out[to][k] = number[faces[f][k]];
        to++;
    }
    return found;
}
