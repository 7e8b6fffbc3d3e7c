// A silhouette blown up like a balloon; see generators/inflate.py, which calls these.
#include "view.h"

// Laplace(u) = -1 inside the matte's 0.5 contour, u = 0 on it, by successive over-relaxation; u is zeroed before.
//
// Where a cell's neighbour lies outside, the contour's place between the two sets the difference quotient (Gibou et al.
// 2002), so the outline is exact to a fraction of a cell. Cells next to the contour get the negative value that a
// straight line through it gives. The matte is below 0.5 on the border.
API void inflate_solve(const float* matte, i64 height, i64 width, double relaxation, i64 sweeps, double* u) {
    const i64 beside[] = {-width, width, -1, 1};  // above, below, to the left, to the right
    using Weights = double[4];                    // of those beyond the contour, 0 for those inside
    Array<double> room(4 * height * width, 0.0);
    Weights* weight = reinterpret_cast<Weights*>(room.data);
    auto each_inside = [&](auto visit) {
        for (i64 y = 1; y < height - 1; y++)
            for (i64 at = y * width + 1; at < y * width + width - 1; at++)
                if (matte[at] > 0.5) visit(at);
    };
    each_inside([&](i64 at) {
        for (int k = 0; k < 4; k++) {
            float beyond = matte[at + beside[k]];
            if (beyond <= 0.5) weight[at][k] = 1 / most((matte[at] - 0.5) / (matte[at] - beyond), 0.05);
        }
    });
    for (i64 sweep = 0; sweep < sweeps; sweep++) {
        each_inside([&](i64 at) {
            double total = 0, known = 1;
            for (int k = 0; k < 4; k++) {
                if (weight[at][k] > 0) {
                    total += weight[at][k];
                } else {
                    total += 1;
                    known += u[at + beside[k]];
                }
            }
            u[at] += relaxation * (known / total - u[at]);
        });
    }
    each_inside([&](i64 at) {
        for (int k = 0; k < 4; k++) {
            double& other = u[at + beside[k]];
            if (weight[at][k] > 0) other = least(other, -u[at] * (weight[at][k] - 1));
        }
    });
}

// Each run of inside cells along x blends from the colour at one end to that at the other.
//
// front (X, Y, 3); inside (X, Y); color (X, Y, 3), which holds `front` before
API void inflate_across(const u8* front_data, const u8* inside, i64 count, i64 lines, i64 rim, float* color_data) {
    const Image<const u8, 3> front{front_data, count, lines};
    const Image<float, 3> color{color_data, count, lines};
    for (i64 y = 0; y < lines; y++) {
        i64 start = 0;
        while (start < count) {
            i64 stop = start;
            while (stop < count && inside[stop * lines + y]) stop++;
            i64 length = stop - start, ends = least(rim, (length + 1) / 2);
            for (int k = 0; k < 3; k++) {
                double left = 0, right = 0;
                for (i64 i = 0; i < ends; i++) {
                    left += double(front.at(start + i, y)[k]) / ends;
                    right += double(front.at(stop - 1 - i, y)[k]) / ends;
                }
                for (i64 i = 0; i < length; i++) {
                    double share = (i + 0.5) / length;
                    share *= share * (3 - 2 * share);
                    color.at(start + i, y)[k] = float(left + share * (right - left));
                }
            }
            start = stop + 1;
        }
    }
}
