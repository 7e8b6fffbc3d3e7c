// The nearest point of a triangle mesh, by a tree of boxes; see mesh/nearest.py, which calls these.
#include "triangle.h"

namespace {

// Squared distance to a box.
double to_box(const float* point, const float* low, const float* high) {
    double away[3];
    for (int d = 0; d < 3; d++) away[d] = most(double(most(low[d] - point[d], point[d] - high[d])), 0.0);
    return away[0] * away[0] + away[1] * away[1] + away[2] * away[2];
}

// Four numbers, reckoned with at once.
using Four = float __attribute__((vector_size(16)));

Four larger(Four a, Four b) { return a > b ? a : b; }

// The boxes of four nodes that stand one after the other: low x, y, z, high x, y, z.
struct Boxes {
    float side[6][4];

    // Squared distances of a point.
    Four away(const float* point) const {
        Four total = {};
        for (int d = 0; d < 3; d++) {
            Four low, high;
            memcpy(&low, side[d], sizeof(Four));
            memcpy(&high, side[3 + d], sizeof(Four));
            const Four apart = larger(larger(low - point[d], point[d] - high), Four{});
            total += apart * apart;
        }
        return total;
    }
};

// By how much of itself a squared distance to a box may be off, rounded to float, and more.
constexpr double ROUNDED = 4e-6;

// A node, and how far its box is, squared.
struct Waiting {
    i64 node;
    float away;
};

void tell(const OnTriangle& found, float& distance, float (&weights)[3]) {
    distance = float(sqrt(found.square));
    weights[0] = float(1 - found.s - found.t);
    weights[1] = float(found.s);
    weights[2] = float(found.t);
}

}  // namespace

// Where the middles of triangles lie along a Morton curve through a cube of 1 << bits cells a side.
API void nearest_codes(const float (*vertices)[3], const Face* faces, i64 count, i64 bits, i64* code) {
    float low[3] = {float(INF), float(INF), float(INF)}, high[3] = {-float(INF), -float(INF), -float(INF)};
    auto middle = [&](i64 f, int d) {
        return (vertices[faces[f][0]][d] + vertices[faces[f][1]][d] + vertices[faces[f][2]][d]) / 3.0f;
    };
    for (i64 f = 0; f < count; f++) {
        for (int d = 0; d < 3; d++) {
            float at = middle(f, d);
            low[d] = least(low[d], at);
            high[d] = most(high[d], at);
        }
    }
    float top = most(high[0] - low[0], high[1] - low[1], high[2] - low[2]);
    float scale = float(((i64(1) << bits) - 1) / most(double(top), 1e-30));
    Array<i64> spread(i64(1) << bits, 0);  // a number's bits, two zeros after each
    for (i64 cell = 0; cell < spread.size; cell++)
        for (i64 bit = 0; bit < bits; bit++) spread[cell] |= ((cell >> bit) & 1) << (3 * bit);
    for (i64 f = 0; f < count; f++) {
        code[f] = 0;
        for (int d = 0; d < 3; d++) {
            i64 cell = i64((middle(f, d) - low[d]) * scale);
            code[f] |= spread[least(most<i64>(cell, 0), spread.size - 1)] << d;
        }
    }
}

// The boxes of a tree over triangles that are in order; node 1 is the root, the second half are the leaves of
// so many triangles each.
API void nearest_boxes(const Corners* corners, i64 count, float (*low)[3], float (*high)[3], i64 nodes, i64 leaf) {
    i64 leaves = nodes / 2;
    for (i64 node = 0; node < nodes; node++) {
        for (int d = 0; d < 3; d++) {
            low[node][d] = float(INF);
            high[node][d] = -float(INF);
        }
    }
    for (i64 f = 0; f < count; f++) {
        i64 node = leaves + f / leaf;
        for (const float(&corner)[3] : corners[f]) {
            for (int d = 0; d < 3; d++) {
                low[node][d] = least(low[node][d], corner[d]);
                high[node][d] = most(high[node][d], corner[d]);
            }
        }
    }
    for (i64 node = leaves - 1; node > 0; node--) {
        for (int d = 0; d < 3; d++) {
            low[node][d] = least(low[2 * node][d], low[2 * node + 1][d]);
            high[node][d] = most(high[2 * node][d], high[2 * node + 1][d]);
        }
    }
}

// Of each point: the distance, the face that is nearest, and the weights of its corners there.
API void nearest_nearest(const float (*points)[3], i64 count, const float (*low)[3], const float (*high)[3], i64 nodes,
                         const i32* order, const Corners* corners, i64 faces, i64 leaf, float* distance, i32* face,
                         float (*weights)[3]) {
    i64 leaves = nodes / 2, waiting[64], last = 0;
    double bound[64];
    for (i64 i = 0; i < count; i++) {
        const float* point = points[i];
        // the triangle that was nearest to the point before is a first guess
        i64 found = last;
        OnTriangle best = to_triangle(point[0], point[1], point[2], corners[last]);
        waiting[0] = 1;
        bound[0] = to_box(point, low[1], high[1]);
        for (int depth = 1; depth;) {
            depth--;
            if (bound[depth] >= best.square) continue;
            i64 node = waiting[depth];
            if (node >= leaves) {
                i64 start = leaf * (node - leaves);
                for (i64 f = start; f < least(start + leaf, faces); f++) {
                    OnTriangle at = to_triangle(point[0], point[1], point[2], corners[f]);
                    if (at.square < best.square) {
                        best = at;
                        found = f;
                    }
                }
                continue;
            }
            i64 one = 2 * node, other = 2 * node + 1;
            double near = to_box(point, low[one], high[one]), far = to_box(point, low[other], high[other]);
            if (far < near) {
                swap(one, other);
                swap(near, far);
            }
            if (far < best.square) {
                waiting[depth] = other;
                bound[depth++] = far;
            }
            if (near < best.square) {
                waiting[depth] = one;
                bound[depth++] = near;
            }
        }
        last = found;
        face[i] = order[found];
        tell(best, distance[i], weights[i]);
    }
}

// A tree's boxes in fours: those of all nodes, then those of each leaf's four triangles.
API void nearest_fours(const float (*low)[3], const float (*high)[3], i64 nodes, const Corners* corners, i64 faces,
                       Boxes* boxes, i64 fours) {
    const i64 inner = fours / 3, leaves = 2 * inner;
    for (i64 at = 0; at < 4 * fours; at++) {
        Boxes& four = boxes[at >> 2];
        // a tree of one leaf has two nodes, and is taken for one whose second leaf is empty
        const i64 node = nodes < 4 ? at / 2 * (at % 2 == 0) : at, face = at - 2 * leaves;
        for (int d = 0; d < 3; d++) {
            float &from = four.side[d][at & 3], &to = four.side[3 + d][at & 3];
            from = float(INF);
            to = -float(INF);
            if (at < 2 * leaves && node < nodes && node > 0) {
                from = low[node][d];
                to = high[node][d];
            } else if (face >= 0 && face < faces) {
                const Corners& c = corners[face];
                from = least(c[0][d], c[1][d], c[2][d]);
                to = most(c[0][d], c[1][d], c[2][d]);
            }
        }
    }
}

// As nearest_nearest, but where several faces are equally near it may find another one of them, and it takes less than half
// the time: from a node it goes on to its four grandchildren, from the root to its two children, where that leaves whole
// steps, and from a leaf to those of its four triangles whose own boxes are near enough.
//
// boxes: see nearest_fours; of a tree of four triangles a leaf
API void nearest_sought(const float (*points)[3], i64 count, const Boxes* boxes, i64 fours, const i32* order,
                        const Corners* corners, i64 faces, float* distance, i32* face, float (*weights)[3]) {
    const i64 inner = fours / 3, leaves = 2 * inner;
    i64 last = 0;
    int levels = 0;
    while (i64(1) << levels < leaves) levels++;
    Waiting waiting[128];
    for (i64 i = 0; i < count; i++) {
        const float* point = points[i];
        i64 found = last;
        OnTriangle best = to_triangle(point[0], point[1], point[2], corners[last]);
        float limit = float(best.square * (1 + ROUNDED));
        int depth = 0;
        // the nearest on top
        auto wait = [&](i64 first, int from, const Four& away) {
            int bottom = depth;
            for (int lane = from; lane < 4; lane++) {
                if (!(away[lane] < limit)) continue;
                int at = depth++;
                for (; at > bottom && waiting[at - 1].away < away[lane]; at--) waiting[at] = waiting[at - 1];
                waiting[at] = {first + lane, away[lane]};
            }
        };
        if (levels % 2)
            wait(0, 2, boxes[0].away(point));
        else
            wait(4, 0, boxes[1].away(point));
        while (depth) {
            const Waiting next = waiting[--depth];
            if (!(next.away < limit)) continue;
            if (next.node < leaves) {
                wait(4 * next.node, 0, boxes[next.node].away(point));
                continue;
            }
            const i64 start = 4 * (next.node - leaves);
            const Four away = boxes[inner + next.node - leaves].away(point);
            for (i64 f = start; f < least(start + 4, faces); f++) {
                if (!(away[f - start] < limit)) continue;
                OnTriangle at = to_triangle(point[0], point[1], point[2], corners[f]);
                if (at.square < best.square) {
                    best = at;
                    found = f;
                    limit = float(best.square * (1 + ROUNDED));
                }
            }
        }
        last = found;
        face[i] = order[found];
        tell(best, distance[i], weights[i]);
    }
}
