// Vertices merged, and faces turned to agree with their neighbours; see mesh/solid.py, which calls these.
#include "edges.h"

// Which faces must be turned for all to run along their common edges in opposite directions, and which have a neighbour
// with which that cannot be.
//
// turned, crossed: zeroed before; start: each half-edge's vertex; partner: the other half-edge, either way, or -1
API void solid_turned(const i32* start, const i64* partner, i64 count, u8* turned, u8* crossed) {
    Array<u8> seen(count, 0);
    Array<i64> waiting(count);
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
                    crossed[face] = 1;
                }
            }
        }
    }
}

// The first vertex, in their order, that lies within half a cell along each axis: itself where there is none.
//
// Coordinates times `scale` are in cells. Found by a table of cubes of eight cells a side, and those beside one that a
// vertex is so near to.
API void solid_same(const float (*vertices)[3], i64 count, const double* low, double scale, i32* same) {
    i64 room = 16;
    while (room < 2 * count) room *= 2;
    Array<i32> table(room, -1);
    constexpr i64 AHEAD = 8;  // the table is larger than a cache: places in it are called for so many vertices before
    auto place = [&](const i64* cube) {
        uint64_t mixed = uint64_t(cube[0]) * 0x9E3779B97F4A7C15u ^ uint64_t(cube[1]) * 0xC2B2AE3D27D4EB4Fu ^
                         uint64_t(cube[2]) * 0x165667B19E3779F9u;
        return i64((mixed ^ mixed >> 29) * 0xBF58476D1CE4E5B9u >> 20) & (room - 1);
    };
    for (i64 v = 0; v < count; v++) {
        double at[3];
        i64 first[3], last[3], cube[3];
        if (v + AHEAD < count) {
            for (int d = 0; d < 3; d++) cube[d] = i64(floor((vertices[v + AHEAD][d] - low[d]) * scale / 8));
            __builtin_prefetch(&table[place(cube)]);
        }
        for (int d = 0; d < 3; d++) {
            at[d] = (vertices[v][d] - low[d]) * scale;
            first[d] = i64(floor((at[d] - 0.5) / 8));
            last[d] = i64(floor((at[d] + 0.5) / 8));
        }
        i32 found = -1;
        for (cube[0] = first[0]; cube[0] <= last[0]; cube[0]++) {
            for (cube[1] = first[1]; cube[1] <= last[1]; cube[1]++) {
                for (cube[2] = first[2]; cube[2] <= last[2]; cube[2]++) {
                    for (i64 slot = place(cube); table[slot] >= 0; slot = (slot + 1) & (room - 1)) {
                        const float* other = vertices[table[slot]];
                        bool near = found < 0 || table[slot] < found;
                        for (int d = 0; d < 3; d++) near &= fabs((other[d] - low[d]) * scale - at[d]) <= 0.5;
                        if (near) found = table[slot];
                    }
                }
            }
        }
        same[v] = found < 0 ? i32(v) : found;
        if (found >= 0) continue;
        for (int d = 0; d < 3; d++) cube[d] = i64(floor(at[d] / 8));
        i64 slot = place(cube);
        while (table[slot] >= 0) slot = (slot + 1) & (room - 1);
        table[slot] = i32(v);
    }
}

// The other half-edge, either way, on an edge of exactly two faces; else -1.
API void solid_partners(const Face* faces, i64 count, i64 vertices, i64* partner) {
    pair_edges(faces, count, vertices, partner, [](i32, i32) { return true; });
}

// Marks the faces that have a partner which runs along their common edge the same way.
API void solid_torn(const Face* faces, i64 count, const i64* partner, u8* torn) {
    for (i64 f = 0; f < count; f++) {
        torn[f] = 0;
        for (int k = 0; k < 3; k++) {
            i64 other = partner[3 * f + k];
            torn[f] |= other >= 0 && faces[other / 3][other % 3] == faces[f][k];
        }
    }
}
