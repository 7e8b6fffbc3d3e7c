// The box round points, and their middle; see mesh/box.py, which calls these.
#include "view.h"

namespace {

template <class Real> void box(const Real (*points)[3], i64 count, Real* low, Real* high) {
    for (int d = 0; d < 3; d++) low[d] = high[d] = points[0][d];
    for (i64 i = 1; i < count; i++) {
        for (int d = 0; d < 3; d++) {
            low[d] = least(low[d], points[i][d]);
            high[d] = most(high[d], points[i][d]);
        }
    }
}

}  // namespace

// The lowest and the highest coordinates of at least one point.
API void box_f4(const float (*points)[3], i64 count, float* low, float* high) { box(points, count, low, high); }
API void box_f8(const Vec3* points, i64 count, double* low, double* high) { box(points, count, low, high); }

// The mean of points; summed in double precision.
API void box_middle(const float (*points)[3], i64 count, double* middle) {
    double x = 0, y = 0, z = 0;
    for (i64 i = 0; i < count; i++) {
        x += points[i][0];
        y += points[i][1];
        z += points[i][2];
    }
    middle[0] = x / count;
    middle[1] = y / count;
    middle[2] = z / count;
}
