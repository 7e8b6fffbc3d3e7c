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

// Colours times the trust in them, and the trust; `inner` is the least alpha of a pixel and those round it. `out` may be
// larger: what lies beyond stays as it is.
API void frame_weighted(const float (*colour)[3], i64 height, i64 width, const float* alpha, const float* inner,
                        Weighted* out, i64 rows, i64 columns) {
    for (i64 y = 0; y < least(height, rows); y++) {
        for (i64 x = 0; x < least(width, columns); x++) {
            i64 i = y * width + x;
            float trust = inner[i] >= SOLID ? 1.0f : (alpha[i] >= SOLID ? EDGE : FAINT * alpha[i]);
            float* weighted = out[y * columns + x];
            for (int n = 0; n < 3; n++) weighted[n] = colour[i][n] * trust;
            weighted[3] = trust;
        }
    }
}

// Means of four pixels -> their sums, the trust at most 1; likewise.
API void frame_summed(const Weighted* mean, i64 height, i64 width, Weighted* out, i64 rows, i64 columns) {
    for (i64 y = 0; y < least(height, rows); y++) {
        for (i64 x = 0; x < least(width, columns); x++) {
            const float* four = mean[y * width + x];
            float trust = most(4 * four[3], 1.0f);
            for (int n = 0; n < 4; n++) out[y * columns + x][n] = 4 * four[n] / trust;
        }
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
