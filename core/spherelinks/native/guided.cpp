// A guided filter's function of a picture's colours; see picture/guided.py, which calls this.
#include "view.h"

// The linear function of each pixel's colours.
API void guided_evaluated(const float (*onto)[3], const float (*slope)[3], const float* offset, i64 height, i64 width,
                          float* out) {
    for (i64 i = 0; i < height * width; i++)
        out[i] = slope[i][0] * onto[i][0] + slope[i][1] * onto[i][1] + slope[i][2] * onto[i][2] + offset[i];
}
