/* Sums of pixels with NEON, four at a time. */
#include "lanczos.h"

#if defined(__aarch64__) || defined(_M_ARM64)

#include <arm_neon.h>

/* Return four sums, rounded to levels, as the low four of eight bytes. */
static uint8x8_t levels_of(int32x4_t sums)
{
    uint16x4_t levels = vqmovun_s32(vshrq_n_s32(sums, 22));
    return vqmovn_u16(vcombine_u16(levels, levels));
}

static void resize_row(const Axis *axis, const uint8_t *row, uint8_t *result)
{
    for (int i = 0; i < axis->size; i++) {
        const uint8_t *pixel = row + (size_t)(axis->first[i] - axis->lowest) * PIXEL;
        const int32_t *weights = axis->weights + (size_t)i * axis->taps;
        int32x4_t even = vdupq_n_s32(HALF), odd = vdupq_n_s32(0);
        /* Two pixels at a time: weights are padded with zeros, rows with pixels. */
        for (int tap = 0; tap < axis->count[i]; tap += 2) {
            uint16x8_t two = vmovl_u8(vld1_u8(pixel + tap * PIXEL));
            even = vmlaq_n_s32(even, vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(two))), weights[tap]);
            odd = vmlaq_n_s32(odd, vreinterpretq_s32_u32(vmovl_u16(vget_high_u16(two))), weights[tap + 1]);
        }
        vst1_lane_u32((uint32_t *)(result + (size_t)i * PIXEL), vreinterpret_u32_u8(levels_of(vaddq_s32(even, odd))), 0);
    }
}

static void resize_rows(const Axis *axis, const uint8_t *rows, size_t stride, uint8_t *result, int bytes)
{
    for (int row = 0; row < ROWS; row++)
        resize_row(axis, rows + row * stride, result + (size_t)row * bytes);
}

static void sum_rows(const int32_t *weights, int count, const uint8_t *rows, int bytes, uint8_t *result)
{
    for (int i = 0; i < bytes; i += 8) {
        int32x4_t one = vdupq_n_s32(HALF), other = one;
        for (int row = 0; row < count; row++) {
            uint16x8_t eight = vmovl_u8(vld1_u8(rows + (size_t)row * bytes + i));
            one = vmlaq_n_s32(one, vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(eight))), weights[row]);
            other = vmlaq_n_s32(other, vreinterpretq_s32_u32(vmovl_u16(vget_high_u16(eight))), weights[row]);
        }
        uint16x8_t both = vcombine_u16(vqmovun_s32(vshrq_n_s32(one, 22)), vqmovun_s32(vshrq_n_s32(other, 22)));
        vst1_u8(result + i, vqmovn_u16(both));
    }
}

const Kernel neon_kernel = {"neon", resize_rows, sum_rows};

#else
typedef int nothing_here; /* ISO C wants a declaration in every file */
#endif
