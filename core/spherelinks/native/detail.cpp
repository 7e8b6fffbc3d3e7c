// Normals in tangent space, and occlusion; see texture/detail.py, which calls these.
#include "view.h"

namespace {

// Pixels of a direction's depth map by which a point may lie behind what is seen and still count as seen.
constexpr double BIAS = 1.5;

struct Vector {
    double x, y, z;
};

double dot(Vector a, Vector b) { return a.x * b.x + a.y * b.y + a.z * b.z; }

Vector cross(Vector a, Vector b) { return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x}; }

Vector unit(const float* v) {
    Vector wide{v[0], v[1], v[2]};
    double length = sqrt(dot(wide, wide)) + 1e-30;
    return {wide.x / length, wide.y / length, wide.z / length};
}

}  // namespace

// Bytes of the true normals in the frames that an engine makes of the interpolated normals and tangents.
API void detail_encoded(const float (*true_normal)[3], const float (*own)[3], const float (*along)[4], i64 count,
                        u8 (*out)[3]) {
    for (i64 i = 0; i < count; i++) {
        Vector n = unit(own[i]), t = unit(along[i]), b = cross(n, t);
        double sign = along[i][3];
        b = {b.x * sign, b.y * sign, b.z * sign};
        Vector m{true_normal[i][0], true_normal[i][1], true_normal[i][2]};
        // m = x t + y b + z n, by Cramer's rule, for t and n need not be at right angles between vertices
        double whole = dot(cross(t, b), n);
        Vector value{0, 0, 1};
        if (fabs(whole) > 1e-9) {
            Vector solved{dot(cross(m, b), n) / whole, dot(cross(t, m), n) / whole, dot(cross(t, b), m) / whole};
            double length = sqrt(dot(solved, solved));
            if (solved.z > 0.1 * length) value = {solved.x / length, solved.y / length, solved.z / length};
        }
        out[i][0] = u8(least(value.x * 127 + 128.5, 255.0));
        out[i][1] = u8(least(value.y * 127 + 128.5, 255.0));
        out[i][2] = u8(least(value.z * 127 + 128.5, 255.0));
    }
}

// Add one direction's light, -axes[2], where it comes, to `open`, and everywhere in its half to `whole`; in place.
API void detail_gather(const float (*points)[3], const float (*facing)[3], i64 count, const float (*axes)[3],
                       const float* depth, i64 size, float* open, float* whole) {
    const float *right = axes[0], *down = axes[1], *away = axes[2];
    float scale = sqrtf(away[0] * away[0] + away[1] * away[1] + away[2] * away[2]);
    for (i64 i = 0; i < count; i++) {
        const float *p = points[i], *n = facing[i];
        float cosine = -(n[0] * away[0] + n[1] * away[1] + n[2] * away[2]) / scale;
        if (cosine <= 0.02) continue;
        whole[i] += cosine;
        double x = p[0] * right[0] + p[1] * right[1] + p[2] * right[2] + size / 2.0;
        double y = p[0] * down[0] + p[1] * down[1] + p[2] * down[2] + size / 2.0;
        double z = p[0] * away[0] + p[1] * away[1] + p[2] * away[2];
        // steeper surfaces span more depth within a pixel
        double most_one = least(double(cosine), 1.0);
        z -= BIAS * (1 + least(sqrt(1 - most_one * most_one) / cosine, 4.0));
        i64 column = i64(clamp(x, 0.0, size - 1.0)), row = i64(clamp(y, 0.0, size - 1.0));
        if (z <= depth[row * size + column]) open[i] += cosine;
    }
}
