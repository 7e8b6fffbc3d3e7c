// A mesh's faces in connected groups that can be laid flat; see texture/charts.py, which calls these.
#include "view.h"

namespace {

// Two charts are joined along no less than this share of the shorter one's outline: else they would hang by a neck.
constexpr double NECK = 0.2;
// What the whole variance of the normals counts beside the least, and what a chart costs that is flat.
constexpr double SPREAD = 0.1, FLAT = 0.05;
// Rounds over which a face's normal takes in its neighbours'.
constexpr int SMOOTHING = 1;

// Of a chart, integrated over it: 1, its normal, and the products of the normal's components.
struct Sums {
    double area, x, y, z, xx, yy, zz, yz, xz, xy;

    Sums operator+(const Sums& o) const {
        return {area + o.area, x + o.x, y + o.y, z + o.z, xx + o.xx, yy + o.yy, zz + o.zz, yz + o.yz, xz + o.xz, xy + o.xy};
    }
};

// What two charts cost as one of this outline; infinite where they may not be.
double cost_of(const Sums& both, double outline, double bend, double cone) {
    double area = most(both.area, 1e-300);
    double x = both.x / area, y = both.y / area, z = both.z / area;
    double square = x * x + y * y + z * z;
    if (square < cone * cone) return INF;
    // the covariance of the normals
    double a = both.xx / area - x * x, d = both.yz / area - y * z;
    double b = both.yy / area - y * y, e = both.xz / area - x * z;
    double c = both.zz / area - z * z, f = both.xy / area - x * y;
    // its least eigenvalue, by Newton's method on the characteristic polynomial, which comes from below
    double trace = a + b + c;
    double minors = b * c - d * d + a * c - e * e + a * b - f * f;
    double determinant = a * (b * c - d * d) - f * (f * c - d * e) + e * (f * d - b * e);
    double lowest = 0;
    if (minors > 1e-12) {
        for (int n = 0; n < 3; n++) {
            double slope = (3 * lowest - 2 * trace) * lowest + minors;
            if (slope <= 1e-12) break;
            lowest -= (((lowest - trace) * lowest + minors) * lowest - determinant) / slope;
        }
    }
    if (lowest > bend) return INF;
    return (most(lowest, 0.0) + SPREAD * (1 - square) + FLAT) * outline * outline / area;
}

}  // namespace

// Unit normals, smoothed over the neighbours, and the areas; a face without area gets the zero vector.
API void charts_normals(const Vec3* points, const Face* faces, const i64* opposite, i64 count, Vec3* unit, double* area) {
    Array<double> room(3 * count);
    Vec3* raw = reinterpret_cast<Vec3*>(room.data);
    for (i64 f = 0; f < count; f++) {
        const Vec3 &a = points[faces[f][0]], &b = points[faces[f][1]], &c = points[faces[f][2]];
        double ux = b[0] - a[0], uy = b[1] - a[1], uz = b[2] - a[2];
        double vx = c[0] - a[0], vy = c[1] - a[1], vz = c[2] - a[2];
        raw[f][0] = (uy * vz - uz * vy) / 2;
        raw[f][1] = (uz * vx - ux * vz) / 2;
        raw[f][2] = (ux * vy - uy * vx) / 2;
        area[f] = sqrt(raw[f][0] * raw[f][0] + raw[f][1] * raw[f][1] + raw[f][2] * raw[f][2]);
    }
    for (int turn = 0; turn <= SMOOTHING; turn++) {
        for (i64 f = 0; f < count; f++) {
            double x = raw[f][0], y = raw[f][1], z = raw[f][2];
            if (turn) {
                for (i64 h = 3 * f; h < 3 * f + 3; h++) {
                    if (opposite[h] < 0) continue;
                    const Vec3& other = raw[opposite[h] / 3];
                    x += other[0];
                    y += other[1];
                    z += other[2];
                }
            }
            double length = most(sqrt(x * x + y * y + z * z), 1e-300);
            unit[f][0] = x / length;
            unit[f][1] = y / length;
            unit[f][2] = z / length;
        }
        for (i64 f = 0; f < count; f++)
            for (int d = 0; d < 3; d++) raw[f][d] = unit[f][d] * area[f];
    }
}

// The chart of each face, connected, numbered from 0 in order of first appearance, into `label`; returns their number.
//
// most_faces, used up: the largest number of faces that a chart with this face may have.
// Every face starts as a chart. In each round, of all charts that may be joined, each pair is joined whose members are
// each other's best neighbour (as Boruvka builds trees; hierarchical face clustering: Garland, Willmott & Heckbert
// 2001). The cost is, as in D-Charts (Julius, Kraevoy & Sheffer 2005), the product of how far the normals are from those
// of a developable surface and of how far the outline is from a circle.
API i64 charts_grow(const Vec3* points, const Face* faces, const i64* opposite, i64 count, const Vec3* normal,
                    const double* area, i64* most_faces, double bend, double cone, i64* label) {
    i64 n = count, room = 3 * count / 2;
    Array<i64> size(n, 1);
    Array<double> outline(n, 0.0), lowest(n);
    Array<Sums> sums(n);
    Array<i32> one(room), two(room), other(room), best(n), to(n), start(n + 1), fill(n + 1);
    Array<double> border(room), cost(room), shared(room), known(room);  // a negative cost is to be found
    Array<u8> changed(n, 0);
    i64 arcs = 0;
    for (i64 f = 0; f < n; f++) {
        label[f] = f;
        double x = normal[f][0], y = normal[f][1], z = normal[f][2], a = area[f];
        sums[f] = {a, a * x, a * y, a * z, a * x * x, a * y * y, a * z * z, a * y * z, a * x * z, a * x * y};
        for (i64 k = 0; k < 3; k++) {
            const Vec3 &p = points[faces[f][k]], &q = points[faces[f][k < 2 ? k + 1 : 0]];
            double dx = p[0] - q[0], dy = p[1] - q[1], dz = p[2] - q[2];
            double length = sqrt(dx * dx + dy * dy + dz * dz);
            outline[f] += length;
            if (opposite[3 * f + k] > 3 * f + k) {
                one[arcs] = i32(f);
                two[arcs] = i32(opposite[3 * f + k] / 3);
                border[arcs] = length;
                cost[arcs] = -1;
                arcs++;
            }
        }
    }
    while (true) {
        for (i64 i = 0; i < n; i++) {
            best[i] = -1;
            lowest[i] = INF;
        }
        for (i64 e = 0; e < arcs; e++) {
            i64 i = one[e], j = two[e];
            if (cost[e] < 0) {
                cost[e] = INF;
                bool few = size[i] + size[j] <= least(most_faces[i], most_faces[j]);
                if (few && border[e] >= NECK * least(outline[i], outline[j]))
                    cost[e] = cost_of(sums[i] + sums[j], outline[i] + outline[j] - 2 * border[e], bend, cone);
            }
            if (cost[e] < lowest[i]) {
                lowest[i] = cost[e];
                best[i] = i32(e);
            }
            if (cost[e] < lowest[j]) {
                lowest[j] = cost[e];
                best[j] = i32(e);
            }
        }
        i64 left = 0;
        for (i64 i = 0; i < n; i++) {
            i64 e = best[i], j = e >= 0 ? one[e] + two[e] - i : i;
            bool joined = j != i && best[j] == e;
            if (joined && j < i) {
                i64 t = to[i] = to[j];
                sums[t] = sums[t] + sums[i];
                outline[t] += outline[i] - 2 * border[e];
                size[t] += size[i];
                most_faces[t] = least(most_faces[t], most_faces[i]);
                continue;
            }
            if (left != i) {
                sums[left] = sums[i];
                outline[left] = outline[i];
                size[left] = size[i];
                most_faces[left] = most_faces[i];
            }
            to[i] = i32(left);
            changed[left] = joined;
            left++;
        }
        if (left == n) return n;
        n = left;
        for (i64 f = 0; f < count; f++) label[f] = to[label[f]];
        // arcs between the same two charts become one
        for (i64 i = 0; i <= n; i++) start[i] = 0;
        for (i64 e = 0; e < arcs; e++) {
            i32 i = to[one[e]], j = to[two[e]];
            one[e] = least(i, j);
            two[e] = most(i, j);
            if (i != j) start[one[e] + 1]++;
        }
        for (i64 i = 0; i < n; i++) {
            start[i + 1] += start[i];
            fill[i] = start[i];
        }
        for (i64 e = 0; e < arcs; e++) {
            if (one[e] == two[e]) continue;
            i64 at = fill[one[e]]++;
            other[at] = two[e];
            shared[at] = border[e];
            known[at] = cost[e];
        }
        arcs = 0;
        i32* latest = best;  // of each chart: the last arc to it
        for (i64 i = 0; i < n; i++) latest[i] = -1;
        for (i64 i = 0; i < n; i++) {
            i64 first = arcs;
            for (i64 at = start[i]; at < start[i + 1]; at++) {
                i64 j = other[at];
                if (latest[j] >= first) {
                    border[latest[j]] += shared[at];
                    continue;
                }
                latest[j] = i32(arcs);
                one[arcs] = i32(i);
                two[arcs] = i32(j);
                border[arcs] = shared[at];
                cost[arcs] = changed[i] || changed[j] ? -1 : known[at];
                arcs++;
            }
        }
    }
}
