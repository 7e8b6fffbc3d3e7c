// A guided filter's arithmetic between its boxes; see picture/guided.py, which calls these.
#include "view.h"

// The products of each pixel's colours, in six planes.
API void guided_products(const float (*guide)[3], i64 height, i64 width, float* products) {
    const i64 size = height * width;
    for (i64 i = 0; i < size; i++) {
        const float r = guide[i][0], g = guide[i][1], b = guide[i][2];
        const float all[] = {r * r, r * g, r * b, g * g, g * b, b * b};
        for (int n = 0; n < 6; n++) products[n * size + i] = all[n];
    }
}

// The products of each pixel's colours and the mask.
API void guided_joint(const float (*guide)[3], const float* mask, i64 height, i64 width, float (*joint)[3]) {
    for (i64 i = 0; i < height * width; i++)
        for (int n = 0; n < 3; n++) joint[i][n] = guide[i][n] * mask[i];
}

// The linear function that fits round each pixel, from the means of colours, mask, products and joint products, by the
// inverse of the symmetric 3 x 3 covariance by its adjugate.
API void guided_fitted(const float (*guide)[3], const float* mask, i64 height, i64 width, const float* products,
                       const float (*joint)[3], double epsilon, float (*slope)[3], float* offset) {
    const i64 size = height * width;
    const float floor = float(epsilon);
    for (i64 i = 0; i < size; i++) {
        const float r = guide[i][0], g = guide[i][1], b = guide[i][2];
        const float* pair = products + i;
        const float rr = pair[0] - r * r + floor, rg = pair[size] - r * g, rb = pair[2 * size] - r * b;
        const float gg = pair[3 * size] - g * g + floor, gb = pair[4 * size] - g * b;
        const float bb = pair[5 * size] - b * b + floor;
        const float a00 = gg * bb - gb * gb, a01 = gb * rb - rg * bb, a02 = rg * gb - gg * rb;
        const float a11 = rr * bb - rb * rb, a12 = rb * rg - rr * gb, a22 = rr * gg - rg * rg;
        const float determinant = rr * a00 + rg * a01 + rb * a02;
        const float jr = joint[i][0] - r * mask[i], jg = joint[i][1] - g * mask[i], jb = joint[i][2] - b * mask[i];
        slope[i][0] = (a00 * jr + a01 * jg + a02 * jb) / determinant;
        slope[i][1] = (a01 * jr + a11 * jg + a12 * jb) / determinant;
        slope[i][2] = (a02 * jr + a12 * jg + a22 * jb) / determinant;
        offset[i] = mask[i] - (slope[i][0] * r + slope[i][1] * g + slope[i][2] * b);
    }
}

// The linear function of each pixel's colours.
API void guided_evaluated(const float (*onto)[3], const float (*slope)[3], const float* offset, i64 height, i64 width,
                          float* out) {
    for (i64 i = 0; i < height * width; i++)
        out[i] = slope[i][0] * onto[i][0] + slope[i][1] * onto[i][1] + slope[i][2] * onto[i][2] + offset[i];
}
