/* Resize rows of RGBX pixels with the Lanczos kernel, in the integers that Pillow computes with. */
#ifndef GALAXY_LANCZOS_H
#define GALAXY_LANCZOS_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of a pixel: red, green, blue and one that is not used. */
#define PIXEL 4

/* Rows that are resized at once, so that weights are loaded for all of them. */
#define ROWS 4

/* Taps are computed in groups of this many; weights and rows are padded to whole groups. */
#define GROUP 8

/* The weights of one axis: pixel i of the result is a sum of `taps` pixels of the image from first[i] on.

   A weight is an integer of 22 fractional bits. Vector code takes it as high * 32768 + low, where it multiplies numbers
   of 16 bits, or as three digits to the base 256, where it multiplies bytes. */
typedef struct {
    int size;         /* pixels of the result */
    int taps;         /* weights of each of them, a multiple of GROUP; those that are not needed are 0 */
    int lowest, last; /* the range of pixels of the image that count, the last one not included */
    int *first;       /* [size] */
    int *count;       /* [size]: weights that are not padding */
    int32_t *weights; /* [size][taps] */
    int16_t *low;     /* [size][taps / GROUP][2][4][4], see spread_weights() */
    int16_t *high;
    int8_t *digits;   /* [size][taps / GROUP][3 digits][2][4 colours][4 pixels], see spread_digits() */
} Axis;

/* Set up the weights that resize an axis of `edge` pixels to `whole` pixels, of which `margin` at each end are left out.
   Return 0 if there is not enough memory. */
int axis_init(Axis *axis, int edge, int whole, int margin);

void axis_free(Axis *axis);

/* Resize ROWS rows of RGBX pixels, which lie `stride` bytes behind each other, to rows of `bytes` bytes. A row begins
   with the pixel axis->lowest of the image, and GROUP more pixels follow it. */
typedef void (*ResizeRows)(const Axis *axis, const uint8_t *rows, size_t stride, uint8_t *result, int bytes);

/* Sum up `count` rows of `bytes` bytes, a multiple of 16, that lie one behind the other. */
typedef void (*SumRows)(const int32_t *weights, int count, const uint8_t *rows, int bytes, uint8_t *result);

/* One way to compute the sums. All ways give the same bytes. */
typedef struct {
    const char *name;
    ResizeRows resize_rows;
    SumRows sum_rows;
} Kernel;

/* Return the ways that this processor can take, the fastest first; the list ends with a NULL name. */
const Kernel *available_kernels(void);

/* Round a sum to a level of 0 to 255. */
static inline uint8_t level_of(int32_t sum)
{
    sum >>= 22;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

/* Half of the last level that is kept, so that level_of() rounds to the nearest one. */
#define HALF (1 << 21)

#endif
