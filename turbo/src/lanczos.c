/* The weights of the Lanczos kernel, and sums of pixels in plain C. */
#include "lanczos.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SUPPORT 3.0 /* half width of the kernel, in pixels of the coarser grid */
#define FRACTION_BITS 22

static double sinc(double x)
{
    const double pi = 3.14159265358979323846;
    return x == 0.0 ? 1.0 : sin(x * pi) / (x * pi);
}

static double lanczos(double x)
{
    return -SUPPORT <= x && x < SUPPORT ? sinc(x) * sinc(x / SUPPORT) : 0.0;
}

/* Store weights in the order in which vectors of 16-bit numbers need them.

   A group of 8 pixels is loaded as two vectors: pixels 0, 1, 4, 5 and pixels 2, 3, 6, 7. In each half of a vector the
   levels of two pixels alternate, colour by colour, and so do their weights. */
static void spread_weights(Axis *axis)
{
    static const int order[2][2] = {{0, 4}, {2, 6}};
    int16_t *low = axis->low, *high = axis->high;
    for (int group = 0; group < axis->size * axis->taps / GROUP; group++) {
        const int32_t *weights = axis->weights + group * GROUP;
        for (int vector = 0; vector < 2; vector++)
            for (int half = 0; half < 2; half++)
                for (int colour = 0; colour < PIXEL; colour++)
                    for (int pixel = 0; pixel < 2; pixel++) {
                        int32_t weight = weights[order[vector][half] + pixel];
                        *low++ = (int16_t)(weight & 0x7fff);
                        *high++ = (int16_t)(weight >> 15);
                    }
    }
}

/* Store the digits of weights to the base 256, from -128 to 127, the least one first. Each half of a vector has those of
   four pixels, once for each colour. */
static void spread_digits(Axis *axis)
{
    int8_t *digit = axis->digits;
    for (int group = 0; group < axis->size * axis->taps / GROUP; group++) {
        int32_t rest[GROUP];
        memcpy(rest, axis->weights + (size_t)group * GROUP, sizeof(rest));
        for (int place = 0; place < 3; place++) {
            int8_t digits[GROUP];
            for (int pixel = 0; pixel < GROUP; pixel++) {
                digits[pixel] = (int8_t)(uint8_t)(rest[pixel] & 0xff);
                rest[pixel] = (rest[pixel] - digits[pixel]) / 256;
            }
            for (int half = 0; half < 2; half++)
                for (int colour = 0; colour < PIXEL; colour++, digit += 4)
                    memcpy(digit, digits + 4 * half, 4);
        }
    }
}

int axis_init(Axis *axis, int edge, int whole, int margin)
{
    int size = whole - 2 * margin;
    double scale = (double)edge / whole;
    double stretch = scale < 1.0 ? 1.0 : scale;
    double support = SUPPORT * stretch;
    int taps = ((int)ceil(support) * 2 + 1 + GROUP - 1) / GROUP * GROUP;
    size_t number = (size_t)size * taps;
    double *kernel = malloc(taps * sizeof(double));

    memset(axis, 0, sizeof(*axis));
    axis->size = size;
    axis->taps = taps;
    axis->first = malloc(size * sizeof(int));
    axis->count = malloc(size * sizeof(int));
    axis->weights = calloc(number, sizeof(int32_t));
    axis->low = malloc(number * PIXEL * sizeof(int16_t));
    axis->high = malloc(number * PIXEL * sizeof(int16_t));
    axis->digits = malloc(number * PIXEL * 3);
    if (!kernel || !axis->first || !axis->count || !axis->weights || !axis->low || !axis->high || !axis->digits) {
        free(kernel);
        axis_free(axis);
        return 0;
    }
    axis->lowest = edge;
    for (int i = 0; i < size; i++) {
        double centre = (margin + i + 0.5) * scale, sum = 0.0;
        int first = (int)(centre - support + 0.5), behind = (int)(centre + support + 0.5);
        first = first < 0 ? 0 : first;
        behind = behind > edge ? edge : behind;
        for (int tap = 0; tap < behind - first; tap++) {
            kernel[tap] = lanczos((tap + first - centre + 0.5) * (1.0 / stretch));
            sum += kernel[tap];
        }
        for (int tap = 0; tap < behind - first; tap++) {
            double weight = (sum != 0.0 ? kernel[tap] / sum : kernel[tap]) * (1 << FRACTION_BITS);
            axis->weights[(size_t)i * taps + tap] = (int32_t)(weight < 0 ? weight - 0.5 : weight + 0.5);
        }
        axis->first[i] = first;
        axis->count[i] = behind - first;
        axis->lowest = first < axis->lowest ? first : axis->lowest;
        axis->last = behind > axis->last ? behind : axis->last;
    }
    free(kernel);
    spread_weights(axis);
    spread_digits(axis);
    return 1;
}

void axis_free(Axis *axis)
{
    free(axis->first);
    free(axis->count);
    free(axis->weights);
    free(axis->low);
    free(axis->high);
    free(axis->digits);
    memset(axis, 0, sizeof(*axis));
}

static void resize_rows(const Axis *axis, const uint8_t *rows, size_t stride, uint8_t *result, int bytes)
{
    for (int row = 0; row < ROWS; row++, rows += stride, result += bytes)
        for (int i = 0; i < axis->size; i++) {
            const uint8_t *pixel = rows + (size_t)(axis->first[i] - axis->lowest) * PIXEL;
            const int32_t *weights = axis->weights + (size_t)i * axis->taps;
            int32_t sums[PIXEL] = {HALF, HALF, HALF, HALF};
            for (int tap = 0; tap < axis->count[i]; tap++)
                for (int colour = 0; colour < PIXEL; colour++)
                    sums[colour] += weights[tap] * pixel[tap * PIXEL + colour];
            for (int colour = 0; colour < PIXEL; colour++)
                result[i * PIXEL + colour] = level_of(sums[colour]);
        }
}

static void sum_rows(const int32_t *weights, int count, const uint8_t *rows, int bytes, uint8_t *result)
{
    for (int i = 0; i < bytes; i++) {
        int32_t sum = HALF;
        for (int row = 0; row < count; row++)
            sum += weights[row] * rows[(size_t)row * bytes + i];
        result[i] = level_of(sum);
    }
}

#if defined(__x86_64__) || defined(_M_X64)
extern const Kernel avx2_kernel, vnni_kernel;
extern int has_avx2(void), has_vnni(void);
#elif defined(__aarch64__) || defined(_M_ARM64)
extern const Kernel neon_kernel;
#endif

static const Kernel plain_kernel = {"plain", resize_rows, sum_rows};

const Kernel *available_kernels(void)
{
    static Kernel kernels[4];
    int number = 0;
#if defined(__x86_64__) || defined(_M_X64)
    if (has_vnni())
        kernels[number++] = vnni_kernel;
    if (has_avx2())
        kernels[number++] = avx2_kernel;
#elif defined(__aarch64__) || defined(_M_ARM64)
    kernels[number++] = neon_kernel;
#endif
    kernels[number] = plain_kernel;
    return kernels;
}
