// The Euler characteristic of a solid, block by block; see generation/lift/cleaning.py, which calls this.
#include "view.h"

// Vertices less edges plus squares less cubes of the complex of samples below 0, each counted in the block of its
// lowest corner. Blocks have `side` samples along each axis; those of planes `first` to before `end` are filled.
API void cleaning_euler(const float* field, i64 nx, i64 ny, i64 nz, i32* sums, i64 blocks_x, i64 blocks_y, i64 blocks_z,
                        i64 side, i64 first, i64 end) {
    const i64 plane = blocks_y * blocks_z;
    memset(sums + first * plane, 0, sizeof(i32) * (end - first) * plane);
    // Which samples are below 0, in a plane and in the next: rows along z, each, and the plane, with an empty end.
    const i64 wide = nz + 1, all = wide * (ny + 1);
    Array<u8> planes(2 * all, 0), rows(4 * wide, 0);
    u8 *here = planes.data, *next = here + all;
    auto look = [&](u8* below, i64 x) {
        if (x == nx) memset(below, 0, all);
        for (i64 y = 0; y < (x < nx ? ny : 0); y++) {
            const float* row = field + (x * ny + y) * nz;
            for (i64 z = 0; z < nz; z++) below[y * wide + z] = row[z] < 0;
        }
    };
    // Of a row the samples less the edges along z, which are the last samples of its runs; those of edges along x and
    // y, and of squares, likewise.
    u8 *q = rows.data, *r = q + wide, *t = r + wide;
    Array<i8> own(8 * ((nz + 7) / 8), 0);
    look(here, first * side);
    for (i64 x = first * side; x < least(end * side, nx); x++) {
        look(next, x + 1);
        for (i64 y = 0; y < ny; y++) {
            const u8 *p = here + y * wide, *up = p + wide, *right = next + y * wide, *both = right + wide;
            u8 some = 0;
            for (i64 z = 0; z < nz; z++) some |= p[z];
            if (!some) continue;  // all that is counted here has a corner in this row
            for (i64 z = 0; z < nz; z++) {
                q[z] = p[z] & right[z];
                r[z] = p[z] & up[z];
                t[z] = q[z] & r[z] & both[z];
            }
            for (i64 z = 0; z < nz; z++)
                own[z] = i8((p[z] & ~p[z + 1]) - (q[z] & ~q[z + 1]) - (r[z] & ~r[z + 1]) + (t[z] & ~t[z + 1]));
            i32* out = sums + (x / side) * plane + (y / side) * blocks_z;
            for (i64 z = 0; z < nz; z += 8) {
                uint64_t eight;
                memcpy(&eight, own.data + z, 8);
                if (eight)
                    for (i64 k = z; k < least(z + 8, nz); k++) out[k / side] += own[k];
            }
        }
        swap(here, next);
    }
}

// Which rows along z are not all 0.
API void cleaning_found(const float* share, i64 nx, i64 ny, i64 nz, u8* found) {
    for (i64 row = 0; row < nx * ny; row++, share += nz) {
        i32 some = 0;
        for (i64 z = 0; z < nz; z++) some |= share[z] != 0;
        found[row] = u8(some);
    }
}

// Add to the field, by its share, what it lacks to the other less `out`; if `fills`, where that is below it. Of planes
// `first` to before `end`, columns along x from `left` to before `right`. The share's planes are in the middles of
// `side` of the field's each, and it is linear in between.
API void cleaning_mixed(float* clean, const float* other, i64 nx, i64 ny, i64 nz, const float* share, i64 shares,
                        i64 side, double out, i64 fills, i64 first, i64 end, i64 left, i64 right) {
    constexpr i64 STEP = 16;  // columns at a time; where none has a share there is nothing to do
    const i64 plane = ny * nz;
    const float less = float(out), bound = fills ? 0.0f : float(INF);
    for (i64 x = first; x < end; x++) {
        const double at = (x + 0.5) / side - 0.5;
        const i64 i = i64(floor(at));
        const double far = at - i;
        const float *before = share + most<i64>(i, 0) * plane, *after = share + least(i + 1, shares - 1) * plane;
        for (i64 c = left; c < right; c += STEP) {
            const i64 n = least(STEP, right - c);
            const float *from = other + x * plane + c, *by = before + c, *next = after + c;
            float *to = clean + x * plane + c, between[STEP];
            i32 some = 0;
            for (i64 j = 0; j < n; j++) some |= (by[j] != 0) | (next[j] != 0);
            if (!some) continue;
            if (far > 0) {
                for (i64 j = 0; j < n; j++) between[j] = float(by[j] + far * (next[j] - by[j]));
                by = between;
            }
            for (i64 j = 0; j < n; j++) to[j] += least(from[j] - less - to[j], bound) * by[j];
        }
    }
}
