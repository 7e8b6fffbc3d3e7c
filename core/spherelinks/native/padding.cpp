// Colours for the texels between charts; see pixels/padding.py, which calls this.
#include "view.h"

// Grow the known texels ring by ring, each new one the mean of its known neighbours; texture and known in place.
//
// border: row and column of the texels of the first ring, each next to a known one.
API void padding_grow(u8* texture, u8* known, i64 height, i64 width, const i64 (*border)[2], i64 found, i64 rings) {
    struct Texel {
        i32 y, x;
    };
    Array<Texel> rim(height * width);
    Array<u8> queued(height * width);
    memcpy(queued, known, height * width);
    for (i64 r = 0; r < found; r++) {
        rim[r] = {i32(border[r][0]), i32(border[r][1])};
        queued[border[r][0] * width + border[r][1]] = 1;
    }
    i64 start = 0;
    for (i64 ring = 0; ring < rings; ring++) {
        i64 stop = found;
        for (i64 r = start; r < stop; r++) {
            i64 y = rim[r].y, x = rim[r].x, count = 0, red = 0, green = 0, blue = 0;
            for (i64 j = most<i64>(y - 1, 0); j < least(y + 2, height); j++) {
                for (i64 i = most<i64>(x - 1, 0); i < least(x + 2, width); i++) {
                    i64 at = j * width + i;
                    if (known[at]) {
                        count++;
                        red += texture[3 * at];
                        green += texture[3 * at + 1];
                        blue += texture[3 * at + 2];
                    } else if (!queued[at]) {
                        queued[at] = 1;
                        rim[found++] = {i32(j), i32(i)};
                    }
                }
            }
            i64 half = count / 2;
            u8* texel = texture + 3 * (y * width + x);
            texel[0] = u8((red + half) / count);
            texel[1] = u8((green + half) / count);
            texel[2] = u8((blue + half) / count);
        }
        for (i64 r = start; r < stop; r++) known[i64(rim[r].y) * width + rim[r].x] = 1;
        start = stop;
    }
}
