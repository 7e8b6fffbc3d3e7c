// How far pixels are from a picture's background; see picture/background.py, which calls these.
#include "view.h"

namespace {

double length_by(const Vec3& residual, const Vec3* inverse) {
    double square = 0;
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++) square += residual[a] * inverse[a][b] * residual[b];
    return sqrt(square);
}

}  // namespace

// The Mahalanobis distance of residuals, by the covariance's inverse.
API void background_distances(const Vec3* residual, i64 count, const Vec3* inverse, double* distance) {
    for (i64 i = 0; i < count; i++) distance[i] = length_by(residual[i], inverse);
}

// Of (H, W, 3) Lab colours: the Mahalanobis distance to the `expected` ones by the covariance's inverse, and whether they
// are darker at about the same tint: not below `darkest` of the light, and less than `tint` off.
API void background_compared(const float (*lab)[3], const Vec3* expected, i64 height, i64 width, const Vec3* inverse,
                             double darkest, double tint, double* distance, u8* darker) {
    for (i64 i = 0; i < height * width; i++) {
        Vec3 residual;
        for (int n = 0; n < 3; n++) residual[n] = lab[i][n] - expected[i][n];
        distance[i] = length_by(residual, inverse);
        double light = least(most(lab[i][0] / most(expected[i][0], 1.0), 0.0), 1.0);
        double green = lab[i][1] - expected[i][1] * light, blue = lab[i][2] - expected[i][2] * light;
        darker[i] = residual[0] < 0 && light > darkest && sqrt(green * green + blue * blue) < tint;
    }
}
