// Looking things up in a view; see generation/lift/calibration.py, which calls this.
#include "view.h"

// An image of a frame, of two pixels a side or more, bilinear, at places in -1..1, up to `last`, in pixels.
API void calibration_sampled(const float* image, i64 side, i64 channels, const double* x, const double* y, i64 count,
                       double last, double* out) {
    for (i64 i = 0; i < count; i++) {
        const double u = clamp((x[i] + 1) * (side / 2.0) - 0.5, 0.0, last);
        const double v = clamp((1 - y[i]) * (side / 2.0) - 0.5, 0.0, last);
        const i64 left = i64(u), top = i64(v);
        const double across = u - left, down = v - top;
        const float* first = image + (top * side + left) * channels;
        const float* second = first + side * channels;
        for (i64 c = 0; c < channels; c++) {
            const double above = first[c] * (1 - across) + first[c + channels] * across;
            const double below = second[c] * (1 - across) + second[c + channels] * across;
            out[i * channels + c] = above * (1 - down) + below * down;
        }
    }
}
