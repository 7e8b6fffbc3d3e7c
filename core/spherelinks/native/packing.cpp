// Charts on a square page; see texture/packing.py, which calls these.
#include "view.h"

namespace {

using Triangle = Vec2[3];  // a face's corners on its chart's plane

constexpr int SWEEPS = 8;  // how often the charts' borders are gone over

// A run of marked cells in a line of a chart's bitmap, both ends included.
struct Span {
    i32 line, begin, end;
};

i64 after(i64 k) { return k < 2 ? k + 1 : 0; }
i64 before(i64 k) { return k ? k - 1 : 2; }

bool same(const Vec2& p, const Vec2& q) { return p[0] == q[0] && p[1] == q[1]; }

void copy(Vec2& to, const Vec2& from) {
    to[0] = from[0];
    to[1] = from[1];
}

double distance(const Vec2& p, const Vec2& q) {
    double x = p[0] - q[0], y = p[1] - q[1];
    return sqrt(x * x + y * y);
}

// Twice the signed area of a triangle; never 0.
double doubled_area(const Triangle& p) {
    double area = (p[1][0] - p[0][0]) * (p[2][1] - p[0][1]) - (p[1][1] - p[0][1]) * (p[2][0] - p[0][0]);
    return area != 0 ? area : 1e-300;
}

// Whether a triangle has one of the points strictly inside.
bool holds(const Triangle& p, double doubled, const Vec2* points, i64 count) {
    for (i64 i = 0; i < count; i++) {
        const Vec2& q = points[i];
        double a = (p[1][0] - q[0]) * (p[2][1] - q[1]) - (p[1][1] - q[1]) * (p[2][0] - q[0]);
        double b = (p[2][0] - q[0]) * (p[0][1] - q[1]) - (p[2][1] - q[1]) * (p[0][0] - q[0]);
        if (a / doubled > 1e-9 && b / doubled > 1e-9 && (a + b) / doubled < 1 - 1e-9) return true;
    }
    return false;
}

// Points on the borders of chart k, from start[k] to start[k + 1].
void borders(const Triangle* corners, const i64* chart, const i64* opposite, i64 halves, i64 charts, Vec2* border,
             i64* start, i64* filled) {
    auto on_border = [&](i64 h) { return opposite[h] < 0 || chart[opposite[h] / 3] != chart[h / 3]; };
    for (i64 k = 0; k <= charts; k++) start[k] = 0;
    for (i64 h = 0; h < halves; h++)
        if (on_border(h)) start[chart[h / 3] + 1]++;
    for (i64 k = 0; k < charts; k++) start[k + 1] += start[k];
    memcpy(filled, start, sizeof(i64) * (charts + 1));
    for (i64 h = 0; h < halves; h++)
        if (on_border(h)) copy(border[filled[chart[h / 3]]++], corners[h / 3][h % 3]);
}

}  // namespace

// The mesh's twins, in place, without those across a seam that a chart has with itself.
API void packing_within(const Triangle* corners, const i64* chart, i64* opposite, i64 faces) {
    for (i64 h = 0; h < 3 * faces; h++) {
        if (opposite[h] < 0) continue;
        i64 f = h / 3, g = opposite[h] / 3;
        if (chart[f] == chart[g] && !same(corners[f][after(h % 3)], corners[g][opposite[h] % 3])) opposite[h] = -1;
    }
}

// Of each chart's smallest box: the number of the angle, the lowest corner after turning, and the extent.
API void packing_boxes(const Triangle* corners, i64 faces, const i64* chart, i64 count, const double* angles,
                       i64 turns, i64* turn, Vec2* lowest, Vec2* extent) {
    Array<double> low(2 * count), high(2 * count);
    for (i64 number = 0; number < turns; number++) {
        double cosine = cos(angles[number]), sine = sin(angles[number]);
        low.fill(INF);
        high.fill(-INF);
        for (i64 f = 0; f < faces; f++) {
            double *down = low + 2 * chart[f], *up = high + 2 * chart[f];
            for (const Vec2& p : corners[f]) {
                double x = cosine * p[0] - sine * p[1], y = sine * p[0] + cosine * p[1];
                down[0] = least(down[0], x);
                down[1] = least(down[1], y);
                up[0] = most(up[0], x);
                up[1] = most(up[1], y);
            }
        }
        for (i64 k = 0; k < count; k++) {
            double width = high[2 * k] - low[2 * k], height = high[2 * k + 1] - low[2 * k + 1];
            if (number == 0 || width * height < 0.999999 * extent[k][0] * extent[k][1]) {
                turn[k] = number;
                lowest[k][0] = low[2 * k];
                lowest[k][1] = low[2 * k + 1];
                extent[k][0] = width;
                extent[k][1] = height;
            }
        }
    }
}

// Give faces that stick out into another chart to that chart, whose notch they fill; corners and chart in place.
//
// Such a face has two edges there, so that all its corners have a place there. It must keep its area and its third
// edge's length there, roughly, and no other corner of that chart may lie in the notch.
API void packing_trim(Triangle* corners, i64* chart, const i64* opposite, i64 faces, i64 charts) {
    Array<double> doubled(faces), points(6 * faces);
    Array<i64> start(charts + 1), filled(charts + 1);
    Vec2* border = reinterpret_cast<Vec2*>(points.data);
    for (i64 f = 0; f < faces; f++) doubled[f] = doubled_area(corners[f]);
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        borders(corners, chart, opposite, 3 * faces, charts, border, start, filled);
        bool moved = false;
        for (i64 f = 0; f < faces; f++) {
            for (i64 k = 0; k < 3; k++) {
                i64 one = opposite[3 * f + k], two = opposite[3 * f + after(k)], three = opposite[3 * f + before(k)];
                if (one < 0 || two < 0 || chart[one / 3] == chart[f] || chart[one / 3] != chart[two / 3]) continue;
                i64 a = one / 3, b = two / 3;
                Triangle place;
                copy(place[k], corners[a][after(one % 3)]);
                copy(place[after(k)], corners[a][one % 3]);
                copy(place[before(k)], corners[b][two % 3]);
                if (!same(corners[a][one % 3], corners[b][after(two % 3)])) continue;
                if (three >= 0 && chart[three / 3] == chart[a]) {  // a hole: its last edge must meet too
                    const Triangle& c = corners[three / 3];
                    if (!same(c[three % 3], place[k]) || !same(c[after(three % 3)], place[before(k)])) continue;
                }
                double area = doubled_area(place);
                double was = distance(corners[f][k], corners[f][before(k)]);
                double is = distance(place[k], place[before(k)]);
                if (!(0.8 * was <= is && is <= 1.25 * was)) continue;
                if (!(0.8 <= area / doubled[f] && area / doubled[f] <= 1.25)) continue;
                i64 first = start[chart[a]];
                if (holds(place, area, border + first, start[chart[a] + 1] - first)) continue;
                memcpy(corners[f], place, sizeof place);
                chart[f] = chart[a];
                moved = true;
                break;
            }
        }
        if (!moved) break;
    }
}

// The piece of each face, connected across edges within its label, in order of first appearance.
API void packing_pieces(const i64* label, const i64* opposite, i64 faces, i64* piece) {
    Array<i64> stack(faces);
    for (i64 f = 0; f < faces; f++) piece[f] = -1;
    i64 count = 0;
    for (i64 seed = 0; seed < faces; seed++) {
        if (piece[seed] >= 0) continue;
        piece[seed] = count;
        stack[0] = seed;
        i64 top = 1;
        while (top) {
            i64 f = stack[--top];
            for (i64 h = 3 * f; h < 3 * f + 3; h++) {
                if (opposite[h] < 0) continue;
                i64 other = opposite[h] / 3;
                if (piece[other] < 0 && label[other] == label[f]) {
                    piece[other] = count;
                    stack[top++] = other;
                }
            }
        }
        count++;
    }
}

// The corners, each chart turned by the angle of its number, its smallest box beginning at 0.
API void packing_laid(const Triangle* corners, i64 faces, const i64* chart, const i64* turn, const Vec2* low,
                      const double* angles, i64 turns, Triangle* out) {
    Array<double> cosine(turns), sine(turns);
    for (i64 n = 0; n < turns; n++) {
        cosine[n] = cos(angles[n]);
        sine[n] = sin(angles[n]);
    }
    for (i64 f = 0; f < faces; f++) {
        i64 k = chart[f];
        double c = cosine[turn[k]], s = sine[turn[k]];
        for (i64 corner = 0; corner < 3; corner++) {
            double x = corners[f][corner][0], y = corners[f][corner][1];
            out[f][corner][0] = c * x - s * y - low[k][0];
            out[f][corner][1] = s * x + c * y - low[k][1];
        }
    }
}

// The corners on the unit square: in cells of their chart's box, turned by right angles, moved to its place.
API void packing_placed(const Triangle* local, i64 faces, const i64* chart, const i64 (*size)[2], const i64* turns,
                        const i64 (*where)[2], i64 side, Triangle* out) {
    for (i64 f = 0; f < faces; f++) {
        i64 k = chart[f];
        double width = size[k][0], height = size[k][1];
        for (i64 corner = 0; corner < 3; corner++) {
            double x = local[f][corner][0], y = local[f][corner][1], u = x, v = y;
            if (turns[k] == 1) {
                u = y;
                v = width - x;
            } else if (turns[k] == 2) {
                u = width - x;
                v = height - y;
            } else if (turns[k] == 3) {
                u = height - y;
                v = x;
            }
            out[f][corner][0] = (u + where[k][0]) / side;
            out[f][corner][1] = (v + where[k][1]) / side;
        }
    }
}

// Bitmaps of all charts, one after the other from first[k]: the cells within `half` of a face, along x or y.
API void packing_drawn(const Triangle* local, i64 faces, const i64* chart, double scale, double half, const i64* first,
                       const i64 (*size)[2], u8* mask) {
    for (i64 f = 0; f < faces; f++) {
        i64 k = chart[f];
        Triangle p;
        for (i64 a = 0; a < 3; a++) {
            p[a][0] = local[f][a][0] * scale + half;
            p[a][1] = local[f][a][1] * scale + half;
        }
        double lowest = least(p[0][1], p[1][1], p[2][1]), highest = most(p[0][1], p[1][1], p[2][1]);
        i64 top = most<i64>(lowest - half, 0), bottom = least<i64>(highest + half, size[k][1] - 1);
        for (i64 y = top; y <= bottom; y++) {
            double low = y - half, high = y + 1 + half, left = INF, right = -INF;
            for (i64 side = 0; side < 3; side++) {
                i64 a = side, b = after(side);
                if (p[a][1] > p[b][1]) swap(a, b);
                if (p[b][1] < low || p[a][1] > high) continue;
                double rise = most(p[b][1] - p[a][1], 1e-30);
                const double ends[] = {most((low - p[a][1]) / rise, 0.0), least((high - p[a][1]) / rise, 1.0)};
                for (double t : ends) {
                    double x = p[a][0] + t * (p[b][0] - p[a][0]);
                    left = least(left, x);
                    right = most(right, x);
                }
            }
            if (!(left <= right)) continue;
            i64 begin = most<i64>(left - half, 0), end = least<i64>(right + half, size[k][0] - 1);
            if (begin <= end) memset(mask + first[k] + y * size[k][0] + begin, 1, end - begin + 1);
        }
    }
}

// Runs of marked cells: along the rows of chart k from start[k], along its columns from start[count + 1 + k]; each half
// of start has one more entry than there are charts, where the last one's runs end. Returns how many there are.
API i64 packing_spans(const u8* mask, const i64* first, const i64 (*size)[2], i64 count, Span* spans, i64* start) {
    i64 found = 0;
    for (i64 across = 0; across < 2; across++) {
        i64* begins = start + across * (count + 1);
        for (i64 k = 0; k < count; k++) {
            begins[k] = found;
            i64 width = size[k][0], height = size[k][1];
            i64 step = across ? width : 1, leap = across ? 1 : width;
            i64 lines = across ? width : height, length = across ? height : width;
            for (i64 line = 0; line < lines; line++) {
                bool inside = false;
                for (i64 at = 0; at < length; at++) {
                    bool marked = mask[first[k] + line * leap + at * step];
                    if (marked && !inside) spans[found++] = {i32(line), i32(at), i32(at)};
                    if (marked) spans[found - 1].end = i32(at);
                    inside = marked;
                }
            }
        }
        begins[count] = found;
    }
    return found;
}

namespace {

// A strip of cells: of each cell the next one in its row that is taken and the next that is free (`width` where there
// is none), of each row its longest gap.
struct Strip {
    i64 width;
    Array<u8> taken;
    Array<i32> next_taken, next_free, gap;

    Strip(i64 width, i64 height)
        : width(width), taken(height * width, 0), next_taken(height * (width + 1), i32(width)),
          next_free(height * (width + 1)), gap(height, i32(width)) {
        for (i64 y = 0; y < height; y++)
            for (i64 x = 0; x <= width; x++) next_free[y * (width + 1) + x] = i32(x);
    }

    // After cells of this row were taken.
    void look_again(i64 y) {
        i64 a = width, b = width, longest = 0;
        for (i64 x = width - 1; x >= 0; x--) {
            if (taken[y * width + x]) {
                a = x;
            } else {
                b = x;
                longest = most(longest, a - x);
            }
            next_taken[y * (width + 1) + x] = i32(a);
            next_free[y * (width + 1) + x] = i32(b);
        }
        gap[y] = i32(longest);
    }
};

struct Place {
    i64 x, y;
};

// The lowest, then leftmost place where a chart's runs are free, with y up to `highest`; y is -1 if there is none.
Place first_fit(const Strip& strip, const Span* spans, i64 count, i64 columns, i64 highest) {
    i64 width = strip.width, hint = 0, tight = 0;  // the run that failed last fails again soonest
    for (i64 y = 0; y <= highest; y++) {
        i64 x = 0;
        for (i64 i = 0; i < count; i++) {
            i64 j = i + tight < count ? i + tight : i + tight - count;
            if (strip.gap[y + spans[j].line] <= spans[j].end - spans[j].begin) {
                x = width;
                tight = j;
                break;
            }
        }
        while (x + columns <= width) {
            bool free = true;
            for (i64 i = 0; i < count; i++) {
                i64 j = i + hint < count ? i + hint : i + hint - count;
                i64 row = (y + spans[j].line) * (width + 1);
                i64 hit = strip.next_taken[row + x + spans[j].begin];
                if (hit <= x + spans[j].end) {
                    x = strip.next_free[row + hit] - spans[j].begin;
                    hint = j;
                    free = false;
                    break;
                }
            }
            if (free) return {x, y};
        }
    }
    return {-1, -1};
}

// A chart turned by some right angles, and its runs.
struct Turned {
    i64 columns, rows, count;
    const Span* spans;
};

// `spans`, `start` and `size` as packing_spans leaves them; the turned runs go into `room`.
Turned turned(const Span* spans, const i64* start, const i64 (*size)[2], i64 charts, i64 k, i64 turn, Span* room) {
    bool odd = turn & 1;  // then the columns become rows
    i64 columns = size[k][odd], rows = size[k][!odd];
    const i64* begin = start + odd * (charts + 1) + k;
    i64 count = begin[1] - begin[0];
    for (i64 i = 0; i < count; i++) {
        const Span& s = spans[begin[0] + i];
        room[i] = s;
        if (turn == 1 || turn == 2) room[i].line = i32(rows - 1 - s.line);
        if (turn >= 2) {
            room[i].begin = i32(columns - 1 - s.end);
            room[i].end = i32(columns - 1 - s.begin);
        }
    }
    return {columns, rows, count, room};
}

}  // namespace

// Place the charts in that order on a strip `width` cells wide and at most `limit` high.
//
// Returns the chart that found no room, -1 if all did; sets the height, each chart's lowest cell (zeroed before) and
// its right angles (zeroed before).
API i64 packing_strip(const i64* order, i64 charts, const Span* spans, const i64* start, const i64 (*size)[2], i64 width,
                      i64 limit, i64 (*where)[2], i64* turns, i64* height) {
    Strip strip(width, limit);
    i64 longest = 0;
    for (i64 k = 0; k < 2 * charts + 1; k++) longest = most(longest, start[k + 1] - start[k]);
    Array<Span> room(longest);
    *height = 0;
    for (i64 n = 0; n < charts; n++) {
        i64 k = order[n], top = limit + 1;
        for (i64 turn = 0; turn < 4; turn++) {
            Turned chart = turned(spans, start, size, charts, k, turn, room);
            Place found = first_fit(strip, chart.spans, chart.count, chart.columns, least(top - 1, limit) - chart.rows);
            if (found.y < 0) continue;
            top = found.y + chart.rows;
            where[k][0] = found.x;
            where[k][1] = found.y;
            turns[k] = turn;
        }
        if (top > limit) return k;
        *height = most(*height, top);
        Turned chart = turned(spans, start, size, charts, k, turns[k], room);
        for (i64 i = 0; i < chart.count; i++) {
            const Span& s = chart.spans[i];
            memset(&strip.taken[(where[k][1] + s.line) * width + where[k][0] + s.begin], 1, s.end - s.begin + 1);
        }
        for (i64 y = where[k][1]; y < top; y++) strip.look_again(y);
    }
    return -1;
}
