// Which triangle each sample of a picture shows; see pixels/visible.py, which calls this.
#include "view.h"

// Of size x size samples: the nearest face that is turned to the viewer at each one's centre, -1 if none is.
//
// points: x rightwards and y downwards in samples, and 1 / distance, which is linear over a face; faces
// counter-clockwise seen from outside.
API void visible(const Vec3* points, const Face* faces, i64 count, i64 size, i32* ids) {
    Array<float> near(size * size, 0.0f);
    for (i64 n = 0; n < size * size; n++) ids[n] = -1;
    for (i64 f = 0; f < count; f++) {
        const Vec3 &a = points[faces[f][0]], &b = points[faces[f][1]], &c = points[faces[f][2]];
        double doubled = (c[0] - a[0]) * (b[1] - a[1]) - (c[1] - a[1]) * (b[0] - a[0]);
        if (!(doubled > 1e-12)) continue;
        i64 top = most<i64>(0, i64(ceil(least(a[1], b[1], c[1]) - 0.5)));
        i64 bottom = least<i64>(size - 1, i64(floor(most(a[1], b[1], c[1]) - 0.5)));
        if (top > bottom) continue;
        double dx = ((c[2] - a[2]) * (b[1] - a[1]) - (b[2] - a[2]) * (c[1] - a[1])) / doubled;
        double dy = ((b[2] - a[2]) * (c[0] - a[0]) - (c[2] - a[2]) * (b[0] - a[0])) / doubled;
        const double* corners[] = {a, b, c, a};
        for (i64 y = top; y <= bottom; y++) {
            double py = y + 0.5, left = 0, right = size;
            // each edge as a bound on x in this row
            for (int k = 0; k < 3; k++) {
                const double *from = corners[k], *to = corners[k + 1];
                double rise = to[1] - from[1], run = (to[0] - from[0]) * (py - from[1]);
                if (rise > 0)  // downwards: the face lies to the right
                    left = most(left, from[0] + run / rise);
                else if (rise < 0)
                    right = least(right, from[0] + run / rise);
                else if (run > 0)
                    right = -1;
            }
            i64 begin = most<i64>(0, i64(ceil(left - 0.5 - 1e-6)));
            i64 last = least<i64>(size - 1, i64(floor(right - 0.5 + 1e-6)));
            for (i64 x = begin; x <= last; x++) {
                float z = float(a[2] + dx * (x + 0.5 - a[0]) + dy * (py - a[1]));
                if (z > near[y * size + x]) {
                    near[y * size + x] = z;
                    ids[y * size + x] = i32(f);
                }
            }
        }
    }
}
