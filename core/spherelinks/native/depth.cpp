// What the camera sees; see pixels/depth.py, which calls this.
#include "view.h"

// Depth of the nearest surface at the centres of size x size pixels, infinity where there is none.
//
// points: x to the right and y downwards in pixels, and a depth that is linear over the picture and grows away from the
// viewer.
API void depth_buffer(const Vec3* points, const Face* faces, i64 count, i64 size, float* depth) {
    for (i64 n = 0; n < size * size; n++) depth[n] = float(INF);
    for (i64 f = 0; f < count; f++) {
        const Vec3 &a = points[faces[f][0]], &b = points[faces[f][1]], &c = points[faces[f][2]];
        double doubled = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
        if (!(fabs(doubled) > 1e-12)) continue;
        i64 top = most<i64>(0, i64(ceil(least(a[1], b[1], c[1]) - 0.5)));
        i64 bottom = least<i64>(size - 1, i64(floor(most(a[1], b[1], c[1]) - 0.5)));
        for (i64 y = top; y <= bottom; y++) {
            // weights of the second and third corner are linear along the row
            double py = y + 0.5 - a[1];
            double b0 = -py * (c[0] - a[0]) / doubled, db = (c[1] - a[1]) / doubled;
            double c0 = py * (b[0] - a[0]) / doubled, dc = -(b[1] - a[1]) / doubled;
            double low = -a[0], high = size - a[0];
            const Vec2 edges[] = {{b0, db}, {c0, dc}, {1 - b0 - c0, -db - dc}};
            for (const Vec2& edge : edges) {
                double start = edge[0], step = edge[1];
                if (step > 0)
                    low = most(low, (-1e-9 - start) / step);
                else if (step < 0)
                    high = least(high, (-1e-9 - start) / step);
                else if (start < -1e-9)
                    high = -INF;
            }
            double z0 = a[2] + b0 * (b[2] - a[2]) + c0 * (c[2] - a[2]), dz = db * (b[2] - a[2]) + dc * (c[2] - a[2]);
            i64 begin = most<i64>(0, i64(ceil(low + a[0] - 0.5)));
            i64 last = i64(least(size - 1.0, floor(high + a[0] - 0.5)));
            for (i64 x = begin; x <= last; x++) {
                float z = float(z0 + dz * (x + 0.5 - a[0]));
                if (z < depth[y * size + x]) depth[y * size + x] = z;
            }
        }
    }
}
