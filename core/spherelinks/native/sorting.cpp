// Numbers put in order; see mesh/sorting.py, which calls this.
#include "view.h"

// The order in which keys of 0 and more rise; equal ones keep theirs. Radix sort, from the lowest bits up.
API void sorting_ascending(const i64* keys, i64 count, i32* order) {
    constexpr int BITS = 11, BINS = 1 << BITS;
    Array<i32> room(count);
    i32 *from = order, *to = room.data;
    i64 top = 0;
    for (i64 i = 0; i < count; i++) {
        from[i] = i32(i);
        top = most(top, keys[i]);
    }
    for (int shift = 0; shift < 63 && top >> shift; shift += BITS) {
        i64 first[BINS + 1] = {};
        for (i64 i = 0; i < count; i++) first[((keys[i] >> shift) & (BINS - 1)) + 1]++;
        for (int bin = 0; bin < BINS; bin++) first[bin + 1] += first[bin];
        for (i64 i = 0; i < count; i++) to[first[(keys[from[i]] >> shift) & (BINS - 1)]++] = from[i];
        swap(from, to);
    }
    if (from != order) memcpy(order, from, sizeof(i32) * count);
}
