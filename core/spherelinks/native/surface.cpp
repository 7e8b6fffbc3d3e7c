// Marching cubes over 64 samples at a time; see mesh/surface.py, which calls these.
#include "view.h"

namespace {

using Word = uint64_t;

// Bit z % 64 of word z // 64 of a row says whether sample z is inside; spare bits are 0.
struct Signs {
    const Word* data;
    i64 nx, ny, nz, words;

    Word at(i64 x, i64 y, i64 w) const { return data[(x * ny + y) * words + w]; }
    // the same samples, one further along z
    Word ahead(i64 x, i64 y, i64 w) const {
        return at(x, y, w) >> 1 | (w + 1 < words ? at(x, y, w + 1) << 63 : 0);
    }
};

// The number of a word's lowest set bit, which is cleared.
int next_bit(Word& word) {
    int bit = __builtin_ctzll(word);
    word &= word - 1;
    return bit;
}

// Visit the grid edges of a slab that the surface crosses: edge(axis, x, y, z) by where the edge starts.
template <class Edge> void visit_edges(const Signs& inside, i64 x, Edge edge) {
    for (i64 y = 0; y < inside.ny; y++) {
        for (i64 w = 0; w < inside.words; w++) {
            // the edges that end in this row along x, and those that start in it along y and z
            Word row = inside.at(x, y, w);
            if (x)
                for (Word cut = inside.at(x - 1, y, w) ^ row; cut;) edge(0, x - 1, y, 64 * w + next_bit(cut));
            if (y + 1 < inside.ny)
                for (Word cut = row ^ inside.at(x, y + 1, w); cut;) edge(1, x, y, 64 * w + next_bit(cut));
            for (Word cut = row ^ inside.ahead(x, y, w); cut;) edge(2, x, y, 64 * w + next_bit(cut));
        }
    }
}

// Visit all grid edges that the surface crosses and all cubes that it runs through, slab by slab along x from `first` up
// to `end`: edge as above, then cube(case, x, y, z) by its corner of the greatest x and least y, z.
template <class Edge, class Cube> void march(const Signs& inside, i64 first, i64 end, Edge edge, Cube cube) {
    for (i64 x = first; x < end; x++) {
        visit_edges(inside, x, edge);
        if (x == 0) continue;
        for (i64 y = 0; y < inside.ny - 1; y++) {
            for (i64 w = 0; w < inside.words; w++) {
                Word here[4], ahead[4], some = 0, every = ~some;  // signs of a cube's four rows
                for (int r = 0; r < 4; r++) {
                    here[r] = inside.at(x - 1 + (r & 1), y + (r >> 1), w);
                    ahead[r] = inside.ahead(x - 1 + (r & 1), y + (r >> 1), w);
                    some |= here[r] | ahead[r];
                    every &= here[r] & ahead[r];
                }
                for (Word crossed = some & ~every; crossed;) {
                    int bit = next_bit(crossed), number = 0;
                    for (int r = 0; r < 4; r++)
                        number |= int(here[r] >> bit & 1) << r | int(ahead[r] >> bit & 1) << (r + 4);
                    cube(number, x, y, 64 * w + bit);
                }
            }
        }
    }
}

// Second differences of a convex field, at least, in parts of the field's spread over a face: float32 rounds them.
constexpr double ROUNDING = 1e-4;

struct Field {
    const float* data;
    i64 size[3];

    // Whether the field is convex round the grid face that starts at a sample across an axis: along all lines through
    // the 4 x 4 samples round it, through those of the layers before and behind it, and from layer to layer.
    bool convex(const i64 (&start)[3], int axis) const {
        const i64 step[] = {size[1] * size[2], size[2], 1};
        for (int d = 0; d < 3; d++)
            if (start[d] < 1 || start[d] + (d == axis ? 1 : 2) >= size[d]) return false;
        const float* base = data + start[0] * step[0] + start[1] * step[1] + start[2];
        const i64 across = step[axis], right = step[(axis + 1) % 3], up = step[(axis + 2) % 3];
        const i64 corners[] = {0, up, right, right + up};
        double spread = 0;
        for (i64 corner : corners) spread += fabs(double(base[corner]));
        const double bound = -ROUNDING * spread;
        for (i64 a = -1; a <= 1; a++) {
            for (i64 u = -1; u <= 2; u++) {
                for (i64 v = -1; v <= 2; v++) {
                    const float* at = base + a * across + u * right + v * up;
                    auto concave = [&](i64 line) {
                        return double(at[-line]) + double(at[line]) - 2 * double(at[0]) < bound;
                    };
                    bool inner_u = u == 0 || u == 1, inner_v = v == 0 || v == 1;
                    if (a == 0 && concave(across)) return false;
                    if (inner_u && concave(right)) return false;
                    if (inner_v && concave(up)) return false;
                    if (inner_u && inner_v && (concave(right + up) || concave(right - up))) return false;
                }
            }
        }
        return true;
    }
};

// The rows of the case table: the first of each case, and bits of its ambiguous faces. An ambiguous face is joined where
// the field is convex round it: the inside of a convex field is convex, so what is between inside samples is inside.
struct Rows {
    Field field;
    const i64 *first_of, *ambiguous_of;

    // Of the cube as march() has it.
    i64 of(int number, i64 x, i64 y, i64 z) const {
        i64 row = first_of[number], choice = 1;
        for (i64 faces = ambiguous_of[number], side = 0; faces >> side; side++) {
            if (!(faces >> side & 1)) continue;
            i64 start[] = {x - 1, y, z}, axis = side / 2;
            if (side % 2 == 0) start[axis]++;  // faces come in pairs, the far one first
            if (field.convex(start, int(axis))) row += choice;
            choice *= 2;
        }
        return row;
    }
};

}  // namespace

// Into the (X, Y, W) words which samples are inside, from `first` up to `end` along x; returns how many samples are not
// finite.
API i64 surface_signs(const float* field, i64, i64 ny, i64 nz, i64 words, i64 first, i64 end, Word* signs) {
    i64 broken = 0;
    for (i64 row = first * ny; row < end * ny; row++) {
        for (i64 w = 0; w < words; w++) {
            const float* sample = field + row * nz + 64 * w;
            const i64 count = least<i64>(64, nz - 64 * w);
            u8 inside[64] = {};
            i32 wrong = 0;
            for (i64 z = 0; z < count; z++) {
                inside[z] = sample[z] < 0;
                wrong += !(fabsf(sample[z]) < float(INF));
            }
            broken += wrong;
            Word word = 0;
            for (i64 z = 0; z < 64; z += 8) {  // eight bytes of 0 or 1 become the product's highest eight bits
                Word eight = 0;
                for (i64 k = 0; k < 8; k++) eight |= Word(inside[z + k]) << (8 * k);
                word |= (eight * 0x0102040810204080) >> 56 << z;
            }
            signs[row * words + w] = word;
        }
    }
    return broken;
}

// Into count how many points and faces there will be of the slabs from `first` up to `end`; triangles_of (R,) says how
// many each row of the table has.
API void surface_count(const float* field, const Word* signs, i64 nx, i64 ny, i64 nz, i64 words, const i8* triangles_of,
                       i64, const i64* first_of, const i64* ambiguous_of, i64 first, i64 end, i64* count) {
    const Rows rows{{field, {nx, ny, nz}}, first_of, ambiguous_of};
    count[0] = count[1] = 0;
    march(
        Signs{signs, nx, ny, nz, words}, first, end, [&](int, i64, i64, i64) { count[0]++; },
        [&](int number, i64 x, i64 y, i64 z) { count[1] += triangles_of[rows.of(number, x, y, z)]; });
}

// Points in grid units and faces of the zero level in the slabs from `first` up to `end`, from the point and the face on
// that have these numbers.
//
// triangles_of (R,) and edges_of (R, columns) are the table's triangles and their vertices' edges; first_of (256,) and
// ambiguous_of (256,) say which row is whose. Of each edge of a cube `edge_axis` and `edge_corner` say its axis and, bit
// by bit, the corner where it starts. Vertices keep `clearance` off an edge's ends, as a share of it.
API void surface_march(const float* field, const Word* signs, i64 nx, i64 ny, i64 nz, i64 words, const i8* triangles_of,
                       i64, const i8* edges_of, i64 columns, const i64* first_of, const i64* ambiguous_of,
                       const i64* edge_axis, const i64* edge_corner, double clearance, i64 first, i64 end,
                       i64 first_point, i64 first_face, float (*points)[3], i64, Face* faces, i64) {
    const Signs inside{signs, nx, ny, nz, words};
    const Rows rows{{field, {nx, ny, nz}}, first_of, ambiguous_of};
    // of the vertex on the edge that starts at (x, y, z): two slabs are enough, and each id is written before it is read
    Array<i32> ids(2 * 3 * ny * nz);
    auto id = [&](i64 x, i64 axis, i64 y, i64 z) -> i32& { return ids[(((x & 1) * 3 + axis) * ny + y) * nz + z]; };
    const i64 step[] = {ny * nz, nz, 1};
    const float low = float(clearance), high = 1 - low;
    i32 found = i32(first_point);
    i64 made = first_face;
    if (first) {  // the first cubes have vertices of the slab before, which are not made here
        i32 before = 0;
        visit_edges(inside, first - 1, [&](int, i64, i64, i64) { before++; });
        found -= before;
        visit_edges(inside, first - 1, [&](int axis, i64 x, i64 y, i64 z) { id(x, axis, y, z) = found++; });
    }
    march(
        inside, first, end,
        [&](int axis, i64 x, i64 y, i64 z) {
            const float* sample = field + (x * ny + y) * nz + z;
            float a = sample[0], b = sample[step[axis]];
            float t = least(most(a / (a - b), low), high);
            points[found][0] = float(x + double(axis == 0 ? t : 0));
            points[found][1] = float(y + double(axis == 1 ? t : 0));
            points[found][2] = float(z + double(axis == 2 ? t : 0));
            id(x, axis, y, z) = found++;
        },
        [&](int number, i64 x, i64 y, i64 z) {
            i64 row = rows.of(number, x, y, z);
            for (i64 i = 0; i < triangles_of[row]; i++, made++) {
                for (i64 k = 0; k < 3; k++) {
                    i64 edge = edges_of[row * columns + 3 * i + k], corner = edge_corner[edge];
                    faces[made][k] =
                        id(x - 1 + (corner & 1), edge_axis[edge], y + (corner >> 1 & 1), z + (corner >> 2));
                }
            }
        });
}
