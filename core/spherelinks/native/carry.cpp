// Textures looked up; see texture/carry.py, which calls this.
#include "view.h"

// Colours of an image at (u, v) places, bilinear, repeated past its border.
API void carry_looked_up(const u8* data, i64 height, i64 width, const float (*uv)[2], i64 count, u8 (*out)[3]) {
    const Image<const u8, 3> image{data, height, width};
    for (i64 i = 0; i < count; i++) {
        float u = uv[i][0] - floorf(uv[i][0]), v = uv[i][1] - floorf(uv[i][1]);
        // a place that is not finite shows the first texel
        double x = clamp(u * double(width) - 0.5, -0.5, double(width));
        double y = clamp(v * double(height) - 0.5, -0.5, double(height));
        double left = floor(x), top = floor(y), fx = x - left, fy = y - top;
        i64 x0 = floor_mod(i64(left), width), x1 = floor_mod(i64(left) + 1, width);
        i64 y0 = floor_mod(i64(top), height), y1 = floor_mod(i64(top) + 1, height);
        for (int k = 0; k < 3; k++) {
            double above = image.at(y0, x0)[k] * (1 - fx) + image.at(y0, x1)[k] * fx;
            double below = image.at(y1, x0)[k] * (1 - fx) + image.at(y1, x1)[k] * fx;
            out[i][k] = u8(above * (1 - fy) + below * fy + 0.5);
        }
    }
}
