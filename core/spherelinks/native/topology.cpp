// The connectivity of a mesh; see mesh/topology.py, which calls these.
#include "view.h"

namespace {

i64 next(i64 h) { return h % 3 < 2 ? h + 1 : h - 2; }
i64 previous(i64 h) { return h % 3 ? h - 1 : h + 2; }

}  // namespace

// The half-edge that runs the other way; -1 if there is not exactly one of each direction.
//
// Each edge is looked up among those of its end that has the fewer faces, so that hubs cost nothing.
API void topology_twins(const Face* faces, i64 count, i64 vertices, i64* opposite) {
    Array<i32> width(vertices, 0), start(vertices + 1, 0), stop(vertices);
    for (i64 f = 0; f < count; f++)
        for (i32 v : faces[f]) width[v]++;
    auto is_home = [&](i32 a, i32 b) { return !(width[b] < width[a] || (width[b] == width[a] && b < a)); };
    for (i64 f = 0; f < count; f++) {
        for (int k = 0; k < 3; k++) {
            i32 a = faces[f][k], b = faces[f][k < 2 ? k + 1 : 0];
            start[(is_home(a, b) ? a : b) + 1]++;
            opposite[3 * f + k] = -1;
        }
    }
    for (i64 v = 0; v < vertices; v++) {
        start[v + 1] += start[v];
        stop[v] = start[v];
    }
    Array<i32> other(start[vertices]), first(start[vertices]);  // first is -1 of more than two
    for (i64 f = 0; f < count; f++) {
        for (int k = 0; k < 3; k++) {
            i32 a = faces[f][k], b = faces[f][k < 2 ? k + 1 : 0];
            i32 home = is_home(a, b) ? a : b, away = is_home(a, b) ? b : a;
            i64 h = 3 * f + k, at = start[home];
            while (at < stop[home] && other[at] != away) at++;
            if (at == stop[home]) {
                other[at] = away;
                first[at] = i32(h);
                stop[home]++;
            } else if (first[at] >= 0) {
                i64 one = first[at];
                if (opposite[one] < 0 && faces[one / 3][one % 3] == b && a != b) {
                    opposite[one] = h;
                    opposite[h] = one;
                } else {
                    if (opposite[one] >= 0) opposite[opposite[one]] = -1;
                    opposite[one] = -1;
                    first[at] = -1;
                }
            }
        }
    }
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
