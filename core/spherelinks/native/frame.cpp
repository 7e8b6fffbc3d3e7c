// Colours continued past the matte; see picture/frame.py, which calls these.
#include "view.h"

namespace {

// Colours times trust, and the trust.
using Weighted = float[4];

// Matte from which a pixel shows only the object.
constexpr float SOLID = 0.95f;
// Trust in a pixel's colour: on the edge, where some background has often leaked in, and where background shines
// through. The latter decides only for objects that are nowhere solid.
constexpr float EDGE = 0.25f, FAINT = 1e-3f;

}  // namespace

// Colours times the trust in them, and the trust; `inner` is the least alpha of a pixel and those round it.
API void frame_weighted(const float (*colour)[3], i64 height, i64 width, const float* alpha, const float* inner,
                        Weighted* out) {
    for (i64 i = 0; i < height * width; i++) {
        float trust = inner[i] >= SOLID ? 1.0f : (alpha[i] >= SOLID ? EDGE : FAINT * alpha[i]);
        for (int n = 0; n < 3; n++) out[i][n] = colour[i][n] * trust;
        out[i][3] = trust;
    }
}

// Means of four pixels -> their sums, the trust at most 1; in place.
API void frame_sum_up(Weighted* mean, i64 height, i64 width) {
    for (i64 i = 0; i < height * width; i++) {
        float trust = most(4 * mean[i][3], 1.0f);
        for (float& value : mean[i]) value = 4 * value / trust;
    }
}

// The colours beyond (H, W, 3), mixed with a pixel's own by its trust; in place.
API void frame_mix(const Weighted* weighted, i64 height, i64 width, float (*colour)[3]) {
    for (i64 i = 0; i < height * width; i++) {
        float trust = weighted[i][3], divisor = most(trust, 1e-12f);
        for (int n = 0; n < 3; n++)
            colour[i][n] = weighted[i][n] / divisor * trust + colour[i][n] * (1 - trust);
    }
}
