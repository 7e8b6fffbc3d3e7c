// The balloon over an outline; see generation/lift/layout.py, which calls this.
#include "view.h"

// Laplace(u) = -pressure inside a square mask, 0 elsewhere, by successive over-relaxation (Young 1954) with the factor
// that is best for a square half as wide as the grid; u (side, side), zeroed before.
API void layout_relaxed(const u8* inside, i64 side, double pressure, i64 sweeps, float* u) {
    double factor = 2 / (1 + sin(PI / (side / 2.0 + 1)));
    for (i64 sweep = 0; sweep < sweeps; sweep++) {
        for (i64 y = 1; y < side - 1; y++) {
            for (i64 x = 1; x < side - 1; x++) {
                if (!inside[y * side + x]) continue;
                float* here = u + y * side + x;
                double mean = (here[-side] + here[side] + here[-1] + here[1] + pressure) / 4;
                *here = float(*here + factor * (mean - *here));
            }
        }
    }
    for (i64 n = 0; n < side * side; n++) u[n] = most(u[n], 0.0f);
}
