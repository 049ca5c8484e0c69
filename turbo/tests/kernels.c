/* Compare the vector kernels of this processor with plain C, on random rows and on those whose sums are largest.

   It needs neither Python nor libjpeg-turbo, so that another architecture's kernel can be tested under emulation. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/lanczos.h"
#include "draw.h"

#define MOST_PIXELS 500

static void draw_levels(uint8_t *levels, size_t number)
{
    unsigned kind = below(3);
    for (size_t i = 0; i < number; i++)
        levels[i] = kind ? (uint8_t)below(256) : below(2) ? 255 : 0;
    if (kind == 1) /* stripes, at which the kernel swings furthest beyond black and white */
        for (size_t i = 0; i < number; i++)
            levels[i] = i / (4 * 3) % 2 ? 255 : 0;
}

/* Compare both sums for an axis; return how many bytes were compared, 0 if some are not the same. */
static size_t compare(const Kernel *kernel, const Kernel *plain, const Axis *axis)
{
    static uint8_t rows[MOST_PIXELS * 64], lines[ROWS][(MOST_PIXELS + GROUP) * PIXEL], found[2][ROWS * MOST_PIXELS * PIXEL];
    int needed = axis->last - axis->lowest, bytes = 16 * (1 + (int)below(4));

    draw_levels(lines[0], sizeof(lines));
    draw_levels(rows, (size_t)needed * bytes);
    plain->resize_rows(axis, lines[0], sizeof(lines[0]), found[0], axis->size * PIXEL);
    kernel->resize_rows(axis, lines[0], sizeof(lines[0]), found[1], axis->size * PIXEL);
    if (memcmp(found[0], found[1], (size_t)ROWS * axis->size * PIXEL) != 0)
        return 0;
    for (int i = 0; i < axis->size; i++) {
        const uint8_t *first = rows + (size_t)(axis->first[i] - axis->lowest) * bytes;
        const int32_t *weights = axis->weights + (size_t)i * axis->taps;
        plain->sum_rows(weights, axis->count[i], first, bytes, found[0]);
        kernel->sum_rows(weights, axis->count[i], first, bytes, found[1]);
        if (memcmp(found[0], found[1], bytes) != 0)
            return 0;
    }
    return (size_t)axis->size * (ROWS * PIXEL + bytes);
}

int main(int number, char **arguments)
{
    int count = number > 1 ? atoi(arguments[1]) : 10000;
    const Kernel *kernels = available_kernels(), *plain = kernels;
    while (plain[1].name)
        plain++;
    for (const Kernel *kernel = kernels; kernel != plain; kernel++) {
        size_t compared = 0;
        for (int i = 0; i < count; i++) {
            state = i;
            int edge = 1 + (int)below(MOST_PIXELS), size = 1 + (int)below(128);
            int margin = below(2) ? 0 : (int)below((size + 1) / 2);
            Axis axis;
            if (!axis_init(&axis, edge, size, margin))
                return 2;
            size_t bytes = compare(kernel, plain, &axis);
            axis_free(&axis);
            if (!bytes) {
                printf("%s differs from %s: number %d, %d to %d pixels\n", kernel->name, plain->name, i, edge, size);
                return 1;
            }
            compared += bytes;
        }
        printf("%s gives the bytes of %s: %zu of them, for %d axes\n", kernel->name, plain->name, compared, count);
    }
    if (kernels == plain)
        printf("there is only %s\n", plain->name);
    return 0;
}
