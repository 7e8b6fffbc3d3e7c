// The order of faces that GPUs draw fastest; see gltf/order.py, which calls these.
#include "view.h"

namespace {

constexpr int CACHE = 16;  // vertices that the cache of the model GPU holds

}

// How many of a mesh's corners a GPU must compute anew, with a first-in first-out cache of `cache` vertices.
API i64 order_misses(const Face* faces, i64 count, i64 vertices, i64 cache) {
    Array<i64> entered(vertices, -cache - 1);
    i64 missed = 0;
    for (i64 f = 0; f < count; f++) {
        for (i32 v : faces[f]) {
            if (missed - entered[v] < cache) continue;
            entered[v] = ++missed;
        }
    }
    return missed;
}

// The order of the faces: the next is the one whose corners are worth most.
API void order_walk(const Face* faces, i64 count, i64 vertices, i64* order) {
    // the faces at each vertex: those not yet drawn come first
    Array<i64> start(vertices + 1, 0), around(3 * count), left(vertices, 0);
    for (i64 f = 0; f < count; f++)
        for (i32 v : faces[f]) start[v + 1]++;
    for (i64 v = 0; v < vertices; v++) start[v + 1] += start[v];
    for (i64 f = 0; f < count; f++) {
        for (i32 v : faces[f]) {
            around[start[v] + left[v]] = f;
            left[v]++;
        }
    }
    double by_place[CACHE];
    for (int place = 0; place < CACHE; place++) {
        // the last face's corners all count the same, or else its strip would fold back
        by_place[place] = place < 3 ? 0.75 : pow(1 - (place - 3) / (CACHE - 3.0), 1.5);
    }
    Array<double> worth(vertices), value(count);
    for (i64 v = 0; v < vertices; v++) worth[v] = 2 / sqrt(double(most<i64>(left[v], 1)));
    for (i64 f = 0; f < count; f++) value[f] = worth[faces[f][0]] + worth[faces[f][1]] + worth[faces[f][2]];

    Array<u8> drawn(count, 0);
    i64 held = 0, following = 0, best = -1;
    i64 rooms[2][CACHE + 3], *cache = rooms[0], *fresh = rooms[1];
    for (i64 step = 0; step < count; step++) {
        if (best < 0) {
            while (drawn[following]) following++;
            best = following;
        }
        i64 f = best;
        order[step] = f;
        drawn[f] = 1;
        // its corners go to the front of the cache, and the face from their lists
        i64 size = 0;
        for (i32 v : faces[f]) {
            bool doubled = false;
            for (i64 n = 0; n < size; n++) doubled |= fresh[n] == v;
            if (!doubled) fresh[size++] = v;
            for (i64 n = start[v]; n < start[v] + left[v]; n++) {
                if (around[n] != f) continue;
                left[v]--;
                around[n] = around[start[v] + left[v]];
                break;
            }
        }
        i64 front = size;
        for (i64 n = 0; n < held; n++) {
            bool again = false;
            for (i64 m = 0; m < front; m++) again |= fresh[m] == cache[n];
            if (!again) fresh[size++] = cache[n];
        }
        // what each is worth now, and which face has thereby become the best
        best = -1;
        double greatest = -1;
        for (i64 n = 0; n < size; n++) {
            i64 v = fresh[n];
            double now = left[v] ? 2 / sqrt(double(left[v])) + (n < CACHE ? by_place[n] : 0.0) : 0.0;
            double change = now - worth[v];
            worth[v] = now;
            for (i64 m = start[v]; m < start[v] + left[v]; m++) value[around[m]] += change;
        }
        held = least<i64>(size, CACHE);
        for (i64 n = 0; n < held; n++) {
            i64 v = fresh[n];
            for (i64 m = start[v]; m < start[v] + left[v]; m++) {
                if (value[around[m]] > greatest) {
                    greatest = value[around[m]];
                    best = around[m];
                }
            }
        }
        swap(cache, fresh);
    }
}

// The faces in that order, their vertices numbered by first appearance, into `out`; what number each had before into
// `kept`. Returns how many vertices these are.
API i64 order_numbered(const Face* faces, const i64* order, i64 count, i64 vertices, Face* out, i32* kept) {
    Array<i32> place(vertices, -1);
    i32 found = 0;
    for (i64 f = 0; f < count; f++) {
        for (int k = 0; k < 3; k++) {
            const i32 v = faces[order[f]][k];
            if (place[v] < 0) {
                kept[found] = v;
                place[v] = found++;
            }
            out[f][k] = place[v];
        }
    }
    return found;
}
