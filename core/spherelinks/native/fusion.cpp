// Several views of one body; see generation/lift/fusion.py, which calls this.
#include "view.h"

namespace {

// To the nearest whole number, of two to the even one, as long as that is within 2^22; what is beyond stays beyond.
inline float whole(float x) {
    constexpr float SHIFT = 12582912.0f;
    return (x + SHIFT) - SHIFT;
}

}  // namespace

// The least value of a grid, and of `best`, along rays from the `first` to before the `end`: at the nearest samples to
// their starts and so many `steps` of their ways further, samples each.
API void fusion_met(const float* field, i64 nx, i64 ny, i64 nz, const float (*start)[3], const float (*way)[3],
                   i64 rays, const float* steps, i64 count, float* best, i64 first, i64 end) {
    const float size[] = {float(nx), float(ny), float(nz)};
    for (i64 ray = first; ray < least(end, rays); ray++) {
        float found = best[ray];
        for (i64 k = 0; k < count; k++) {
            float at[3];
            bool known = true;
            for (int n = 0; n < 3; n++) {
                at[n] = whole(start[ray][n] + steps[k] * way[ray][n]);
                known &= at[n] >= 0 && at[n] < size[n];
            }
            if (known) found = least(found, field[(i64(at[0]) * ny + i64(at[1])) * nz + i64(at[2])]);
        }
        best[ray] = found;
    }
}
