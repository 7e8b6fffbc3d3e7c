// The Euler characteristic of a solid, block by block; see generation/lift/cleaning.py, which calls this.
#include "view.h"

// Vertices less edges plus squares less cubes of the complex of samples below 0, each counted in the block of its
// lowest corner. Blocks have `side` samples along each axis; those of planes `first` to before `end` are filled.
API void cleaning_euler(const float* field, i64 nx, i64 ny, i64 nz, i32* sums, i64 blocks_x, i64 blocks_y, i64 blocks_z,
                        i64 side, i64 first, i64 end) {
    const i64 plane = blocks_y * blocks_z;
    memset(sums + first * plane, 0, sizeof(i32) * (end - first) * plane);
    // in a row along z: samples, edges along x, edges along y, squares across z; one more, which stays empty
    Array<u8> rows(4 * (nz + 1));
    memset(rows.data, 0, 4 * (nz + 1));
    u8 *p = rows.data, *q = p + nz + 1, *r = q + nz + 1, *t = r + nz + 1;
    Array<i8> own(nz);
    for (i64 x = first * side; x < least(end * side, nx); x++) {
        for (i64 y = 0; y < ny; y++) {
            const float* here = field + (x * ny + y) * nz;
            u8 some = 0;
            for (i64 z = 0; z < nz; z++) some |= p[z] = here[z] < 0;
            if (!some) continue;  // all that is counted here has a corner in this row
            const bool ahead = x + 1 < nx, above = y + 1 < ny;
            const float *right = here + (ahead ? ny * nz : 0), *up = here + (above ? nz : 0);
            const float* both = right + (above ? nz : 0);
            for (i64 z = 0; z < nz; z++) {
                q[z] = ahead & p[z] & (right[z] < 0);
                r[z] = above & p[z] & (up[z] < 0);
                t[z] = q[z] & r[z] & (both[z] < 0);
            }
            for (i64 z = 0; z < nz; z++)
                own[z] = i8((p[z] - q[z] - r[z] + t[z]) - ((p[z] & p[z + 1]) - (q[z] & q[z + 1]) - (r[z] & r[z + 1]) +
                                                           (t[z] & t[z + 1])));
            i32* out = sums + (x / side) * plane + (y / side) * blocks_z;
            for (i64 z = 0; z < nz; z++) out[z / side] += own[z];
        }
    }
}
