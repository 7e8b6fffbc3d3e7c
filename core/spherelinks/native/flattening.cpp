// Charts laid flat, and a proof that no triangle lies on another; see texture/flattening.py, which calls these.
#include "view.h"

namespace {

// Rounds of turning the faces and placing the points, and steps of the solver within each: so many, and that times the
// root of the number of points more, as errors travel one edge a step.
constexpr int ROUNDS = 3, STEPS = 8;
constexpr double MORE = 0.7;
// Least height of a triangle, as a share of its base: needles are taken for that fat.
constexpr double NEEDLE = 1e-3;
// Largest mean, over a chart's area, of what its map strains it: the sum of (s - 1)^2 over both singular values s.
constexpr double STRAIN = 0.01;

// A face laid flat with its first corner at 0, the second at (x1, 0), the third at (x2, y2).
struct Shape {
    double x1, x2, y2;
};
struct Turn {
    double cosine, sine;
};
// Between two places; the weight is half the sum of the cotangents opposite.
struct Edge {
    u32 one, two;
    double weight;
};

struct Chart {
    i64 faces, places;
    const i64* own;     // (faces,) of the mesh
    const u32* at;      // (3 faces,) the corners' places
    const i64* joined;  // (3 faces,) twins within the chart, -1 at its seams
};

i64 after(i64 h) { return h % 3 < 2 ? h + 1 : h - 2; }

// Twice the signed area of a triangle.
double doubled_area(const Vec2& a, const Vec2& b, const Vec2& c) {
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}

// What a chart starts from: its points on the plane across the mean normal, its faces' shapes, and the turn by which
// each face's first edge follows the normal, the shortest way, onto the mean normal: which unrolls cylinders, nearly
// cones, and does not depend on a path.
void project(const Vec3* points, const Face* faces, const Vec3* normal, const double* area, const Chart& chart,
             Vec2* uv, Shape* shape, Turn* turn) {
    double x = 0, y = 0, z = 0;
    for (i64 g = 0; g < chart.faces; g++) {
        i64 f = chart.own[g];
        x = x + area[f] * normal[f][0];
        y = y + area[f] * normal[f][1];
        z = z + area[f] * normal[f][2];
    }
    double length = sqrt(x * x + y * y + z * z);
    if (length > 0) {
        x = x / length;
        y = y / length;
        z = z / length;
    } else {
        x = 0;
        y = 0;
        z = 1;
    }
    // two axes across it (Duff et al. 2017, "Building an orthonormal basis, revisited")
    double sign = z >= 0 ? 1.0 : -1.0;
    double s = -1 / (sign + z), t = -x * y / (sign + z);
    double ux = 1 + sign * x * x * s, uy = sign * t, uz = -sign * x;
    double vx = t, vy = sign + y * y * s, vz = -y;
    const Vec3& origin = points[faces[chart.own[0]][0]];
    for (i64 g = 0; g < chart.faces; g++) {
        i64 f = chart.own[g];
        for (i64 k = 0; k < 3; k++) {
            const Vec3& p = points[faces[f][k]];
            double dx = p[0] - origin[0], dy = p[1] - origin[1], dz = p[2] - origin[2];
            uv[chart.at[3 * g + k]][0] = dx * ux + dy * uy + dz * uz;
            uv[chart.at[3 * g + k]][1] = dx * vx + dy * vy + dz * vz;
        }
        const Vec3 &a = points[faces[f][0]], &b = points[faces[f][1]], &c = points[faces[f][2]];
        double px = b[0] - a[0], py = b[1] - a[1], pz = b[2] - a[2];
        double qx = c[0] - a[0], qy = c[1] - a[1], qz = c[2] - a[2];
        double base = most(sqrt(px * px + py * py + pz * pz), 1e-12);
        double along = (px * qx + py * qy + pz * qz) / base;
        double height = sqrt(most(qx * qx + qy * qy + qz * qz - along * along, 0.0));
        shape[g] = {base, along, most(height, NEEDLE * most(base, fabs(along)))};
        double nx = normal[f][0] + x, ny = normal[f][1] + y, nz = normal[f][2] + z;
        double back = (nx * px + ny * py + nz * pz) / most(nx * x + ny * y + nz * z, 1e-9);
        px = px - back * nx;
        py = py - back * ny;
        pz = pz - back * nz;
        double cosine = px * ux + py * uy + pz * uz, sine = px * vx + py * vy + pz * vz;
        length = sqrt(cosine * cosine + sine * sine);
        turn[g] = length > 0 ? Turn{cosine / length, sine / length} : Turn{1, 0};
    }
}

// Turn each face to where its edges lie closest to those between the places. weight: (3F,)
void fit(const Chart& chart, const Shape* shape, const double* weight, const Vec2* uv, Turn* turn) {
    for (i64 g = 0; g < chart.faces; g++) {
        i64 i = chart.at[3 * g], j = chart.at[3 * g + 1], k = chart.at[3 * g + 2];
        double x1 = shape[g].x1, x2 = shape[g].x2, y2 = shape[g].y2;
        double ax = uv[j][0] - uv[i][0], ay = uv[j][1] - uv[i][1];
        double bx = uv[k][0] - uv[i][0], by = uv[k][1] - uv[i][1];
        double p = weight[3 * g], q = weight[3 * g + 1], r = weight[3 * g + 2];
        double cosine = p * x1 * ax + q * ((x2 - x1) * (bx - ax) + y2 * (by - ay)) + r * (x2 * bx + y2 * by);
        double sine = p * x1 * ay + q * ((x2 - x1) * (by - ay) - y2 * (bx - ax)) + r * (x2 * by - y2 * bx);
        double length = sqrt(cosine * cosine + sine * sine);
        if (length > 0) turn[g] = {cosine / length, sine / length};
    }
}

// What the Laplacian of the places should be: at each, the sum of the weighted edges that end there.
void want(const Chart& chart, const Shape* shape, const double* weight, const Turn* turn, Vec2* wanted) {
    memset(wanted, 0, sizeof(Vec2) * chart.places);
    for (i64 g = 0; g < chart.faces; g++) {
        i64 i = chart.at[3 * g], j = chart.at[3 * g + 1], k = chart.at[3 * g + 2];
        double x1 = shape[g].x1, x2 = shape[g].x2, y2 = shape[g].y2;
        double cosine = turn[g].cosine, sine = turn[g].sine;
        double p = weight[3 * g], q = weight[3 * g + 1], r = weight[3 * g + 2];
        // from i to j, from j to k, from i to k
        double ax = p * cosine * x1, ay = p * sine * x1;
        double bx = q * (cosine * (x2 - x1) - sine * y2), by = q * (sine * (x2 - x1) + cosine * y2);
        double cx = r * (cosine * x2 - sine * y2), cy = r * (sine * x2 + cosine * y2);
        wanted[i][0] -= ax + cx;
        wanted[i][1] -= ay + cy;
        wanted[j][0] += ax - bx;
        wanted[j][1] += ay - by;
        wanted[k][0] += bx + cx;
        wanted[k][1] += by + cy;
    }
}

// The Laplacian of weighted edges times a vector of places.
void multiply(const Edge* edges, i64 count, const Vec2* vector, Vec2* image, i64 places) {
    memset(image, 0, sizeof(Vec2) * places);
    for (i64 n = 0; n < count; n++) {
        const Edge& e = edges[n];
        double x = e.weight * (vector[e.one][0] - vector[e.two][0]);
        double y = e.weight * (vector[e.one][1] - vector[e.two][1]);
        image[e.one][0] += x;
        image[e.one][1] += y;
        image[e.two][0] -= x;
        image[e.two][1] -= y;
    }
}

// Bring the places' Laplacian to `rest`, which is used up, by conjugate gradients; `uv` in place.
//
// Both coordinates go as one system, preconditioned by its diagonal.
void solve(const Edge* edges, i64 count, Vec2* rest, Vec2* uv, i64 n) {
    Array<double> inverse(n, 0.0), steps(2 * n), images(2 * n);
    Vec2 *step = reinterpret_cast<Vec2*>(steps.data), *image = reinterpret_cast<Vec2*>(images.data);
    for (i64 e = 0; e < count; e++) {
        inverse[edges[e].one] += edges[e].weight;
        inverse[edges[e].two] += edges[e].weight;
    }
    multiply(edges, count, uv, image, n);
    double power = 0, size = 0;
    for (i64 i = 0; i < n; i++) {
        inverse[i] = inverse[i] > 1e-12 ? 1 / inverse[i] : 0.0;
        for (int c = 0; c < 2; c++) {
            size += rest[i][c] * rest[i][c] * inverse[i];
            rest[i][c] -= image[i][c];
            step[i][c] = rest[i][c] * inverse[i];
            power += rest[i][c] * step[i][c];
        }
    }
    double enough = most(1e-5 * power, 1e-20 * size);  // below that all is rounding
    i64 turns = STEPS + i64(MORE * sqrt(double(n)));
    for (i64 turn = 0; turn < turns; turn++) {
        multiply(edges, count, step, image, n);
        double curve = 0;
        for (i64 i = 0; i < n; i++) curve += step[i][0] * image[i][0] + step[i][1] * image[i][1];
        if (power <= enough || curve <= 0) break;
        double far = power / curve, before = power;
        power = 0;
        for (i64 i = 0; i < n; i++) {
            for (int c = 0; c < 2; c++) {
                uv[i][c] += far * step[i][c];
                rest[i][c] -= far * image[i][c];
                power += rest[i][c] * rest[i][c] * inverse[i];
            }
        }
        for (i64 i = 0; i < n; i++)
            for (int c = 0; c < 2; c++) step[i][c] = rest[i][c] * inverse[i] + power / before * step[i][c];
    }
}

// Move a chart's places to where its faces keep their shapes as far as possible; `uv` and `turn` in place.
//
// As rigid as possible (Liu et al. 2008, "A local/global approach to mesh parameterization"): each face is turned to
// where it fits best, then the places are found that fit all faces best, and so on.
void relax(const Chart& chart, const Shape* shape, Turn* turn, Vec2* uv) {
    i64 halves = 3 * chart.faces;
    Array<double> weight(halves);  // half the cotangent opposite each half-edge
    for (i64 g = 0; g < chart.faces; g++) {
        double x1 = shape[g].x1, x2 = shape[g].x2, y2 = shape[g].y2;
        weight[3 * g] = (x2 * (x2 - x1) + y2 * y2) / (2 * x1 * y2);
        weight[3 * g + 1] = x2 / (2 * y2);
        weight[3 * g + 2] = (x1 - x2) / (2 * y2);
    }
    Array<Edge> edges(halves);
    i64 count = 0;
    for (i64 h = 0; h < halves; h++) {
        i64 twin = chart.joined[h];
        if (twin > h) continue;
        edges[count++] = {chart.at[h], chart.at[after(h)], weight[h] + (twin >= 0 ? weight[twin] : 0.0)};
    }
    Array<double> room(2 * chart.places);
    Vec2* wanted = reinterpret_cast<Vec2*>(room.data);
    for (int round = 0; round < ROUNDS; round++) {
        if (round) fit(chart, shape, weight, uv, turn);
        want(chart, shape, weight, turn, wanted);
        solve(edges, count, wanted, uv, chart.places);
    }
}

// Whether all of a chart's triangles lie face up and are not strained much in the mean over their area.
bool sound(const Chart& chart, const Shape* shape, const Vec2* uv) {
    double strain = 0, whole = 0;
    for (i64 g = 0; g < chart.faces; g++) {
        const Vec2 &a = uv[chart.at[3 * g]], &b = uv[chart.at[3 * g + 1]], &c = uv[chart.at[3 * g + 2]];
        double doubled = doubled_area(a, b, c);
        if (doubled <= 0) return false;
        // the map's derivatives along the base and across it; the singular values' squares add up to theirs
        double x1 = shape[g].x1, x2 = shape[g].x2, y2 = shape[g].y2;
        double px = (b[0] - a[0]) / x1, py = (b[1] - a[1]) / x1;
        double qx = (c[0] - a[0] - px * x2) / y2, qy = (c[1] - a[1] - py * x2) / y2;
        double squares = px * px + py * py + qx * qx + qy * qy;
        strain += x1 * y2 * (squares - 2 * sqrt(squares + 2 * doubled / (x1 * y2)) + 2);
        whole += x1 * y2;
    }
    return strain <= STRAIN * whole;
}

// An edge of the outline, between two places; `left` is the lesser x.
struct Border {
    u32 i, j;
    double left;
};

void sort_by_left(Border* items, Border* room, i64 count) {
    if (count < 2) return;
    i64 half = count / 2;
    sort_by_left(items, room, half);
    sort_by_left(items + half, room + half, count - half);
    memcpy(room, items, sizeof(Border) * count);
    for (i64 n = 0, a = 0, b = half; n < count; n++)
        items[n] = b == count || (a < half && !(room[b].left < room[a].left)) ? room[a++] : room[b++];
}

// Whether a chart's outline crosses or touches itself, or has not just one loop that runs round the chart.
//
// Where it does not, and all triangles lie face up, none lies on another: as many triangles lie on a point as the
// outline winds round it, which is once within the outer loop and not at all within the holes.
bool crosses(const Chart& chart, const Vec2* uv) {
    i64 halves = 3 * chart.faces, count = 0, outer = 0;
    const u32* at = chart.at;
    const i64* joined = chart.joined;
    Array<u8> seen(halves, 0);
    Array<Border> outline(halves), room(halves);
    for (i64 seed = 0; seed < halves; seed++) {
        if (joined[seed] >= 0 || seen[seed]) continue;
        double doubled = 0;
        for (i64 h = seed; !seen[h];) {
            seen[h] = 1;
            i64 next = after(h);
            u32 i = at[h], j = at[next];
            doubled += uv[i][0] * uv[j][1] - uv[j][0] * uv[i][1];
            outline[count++] = {i, j, least(uv[i][0], uv[j][0])};
            while (joined[next] >= 0) next = after(joined[next]);
            h = next;
        }
        outer += doubled > 0;
    }
    if (outer != 1) return true;
    sort_by_left(outline, room, count);
    for (i64 s = 0; s < count; s++) {
        u32 i = outline[s].i, j = outline[s].j;
        double right = most(uv[i][0], uv[j][0]);
        double bottom = least(uv[i][1], uv[j][1]), top = most(uv[i][1], uv[j][1]);
        for (i64 t = s + 1; t < count && !(outline[t].left > right); t++) {
            u32 k = outline[t].i, m = outline[t].j;
            if (most(uv[k][1], uv[m][1]) < bottom || least(uv[k][1], uv[m][1]) > top) continue;
            if (i == k || i == m || j == k || j == m) continue;  // neighbours
            if (doubled_area(uv[i], uv[j], uv[k]) * doubled_area(uv[i], uv[j], uv[m]) <= 0 &&
                doubled_area(uv[k], uv[m], uv[i]) * doubled_area(uv[k], uv[m], uv[j]) <= 0)
                return true;
        }
    }
    return false;
}

}  // namespace

// Order the faces by chart and number the places of their corners; order, first, place, places and joined are filled.
API void flattening_cut(const i64* opposite, const i64* chart, i64 faces, i64 count, i64* order, i64* first, u32* place,
                        i64* places, i64* joined) {
    constexpr u32 NONE = 0xFFFFFFFF;
    for (i64 k = 0; k <= count; k++) first[k] = 0;
    for (i64 f = 0; f < faces; f++) first[chart[f] + 1]++;
    for (i64 k = 0; k < count; k++) first[k + 1] += first[k];
    Array<i64> fill(count), at(faces);
    memcpy(fill, first, sizeof(i64) * count);
    for (i64 f = 0; f < faces; f++) {
        at[f] = fill[chart[f]]++;
        order[at[f]] = f;
    }
    for (i64 g = 0; g < faces; g++) {
        i64 k = chart[order[g]];
        for (i64 c = 0; c < 3; c++) {
            i64 h = opposite[3 * order[g] + c];
            joined[3 * g + c] = h >= 0 && chart[h / 3] == k ? 3 * (at[h / 3] - first[k]) + h % 3 : -1;
        }
    }
    for (i64 h = 0; h < 3 * faces; h++) place[h] = NONE;
    for (i64 k = 0; k < count; k++) {
        i64 start = 3 * first[k];
        places[k] = 0;
        for (i64 seed = start; seed < 3 * first[k + 1]; seed++) {
            if (place[seed] != NONE) continue;
            u32 number = u32(places[k]++);
            i64 h = seed;
            while (h >= start && place[h] == NONE) {  // all round the vertex, or up to a seam
                place[h] = number;
                h = start + joined[h % 3 ? h - 1 : h + 2];
            }
            h = h < start ? start + joined[seed] : -1;
            while (h >= start) {  // then from the seed the other way
                h = after(h);
                place[h] = number;
                h = start + joined[h];
            }
        }
    }
}

// Flatten the charts from `begin` to before `end`; several threads may do so at once with different ones.
API void flattening_lay(const Vec3* points, const Face* faces, const Vec3* normal, const double* area, const i64* order,
                        const i64* first, const u32* place, const i64* places, const i64* joined, Vec2 (*corners)[3],
                        u8* good, i64 begin, i64 end) {
    for (i64 k = begin; k < end; k++) {
        Chart chart{first[k + 1] - first[k], places[k], order + first[k], place + 3 * first[k], joined + 3 * first[k]};
        Array<double> room(2 * chart.places);
        Array<Shape> shape(chart.faces);
        Array<Turn> turn(chart.faces);
        Vec2* uv = reinterpret_cast<Vec2*>(room.data);
        project(points, faces, normal, area, chart, uv, shape, turn);
        relax(chart, shape, turn, uv);
        good[k] = sound(chart, shape, uv) && !crosses(chart, uv);
        for (i64 h = 0; h < 3 * chart.faces; h++) {
            corners[chart.own[h / 3]][h % 3][0] = uv[chart.at[h]][0];
            corners[chart.own[h / 3]][h % 3][1] = uv[chart.at[h]][1];
        }
    }
}
