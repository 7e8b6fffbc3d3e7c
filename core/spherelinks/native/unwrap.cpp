// The vertices of an atlas; see texture/unwrap.py, which calls this.
#include "view.h"

// Numbers, one for each place that a vertex has, and the first of the corners there; returns how many.
//
// latest: for each vertex -1, used up; number (F, 3), and first, of which so many of 3F are filled.
API i64 unwrap_numbered(const Face* faces, const Vec2 (*corners)[3], i64 count, i32* latest, Face* number, i64* first) {
    // the numbers of each vertex as a list: its latest one, and of each number the one before
    Array<i32> earlier(3 * count);
    i32 found = 0;
    for (i64 f = 0; f < count; f++) {
        for (i64 k = 0; k < 3; k++) {
            const Vec2& here = corners[f][k];
            i32 one = latest[faces[f][k]];
            while (one >= 0) {
                const Vec2& there = corners[first[one] / 3][first[one] % 3];
                if (there[0] == here[0] && there[1] == here[1]) break;
                one = earlier[one];
            }
            if (one < 0) {
                one = found++;
                first[one] = 3 * f + k;
                earlier[one] = latest[faces[f][k]];
                latest[faces[f][k]] = one;
            }
            number[f][k] = one;
        }
    }
    return found;
}
