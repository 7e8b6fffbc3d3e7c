// Faces turned to agree with their neighbours; see mesh/solid.py, which calls this.
#include "view.h"

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
