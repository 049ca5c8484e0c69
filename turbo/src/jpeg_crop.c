#define _POSIX_C_SOURCE 200809L /* for O_CLOEXEC */
#include "jpeg_crop.h"

#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef _WIN32
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

#include <jpeglib.h>

#include "headers.h"

#if !defined(LIBJPEG_TURBO_VERSION_NUMBER) || LIBJPEG_TURBO_VERSION_NUMBER < 2001000
#error "libjpeg-turbo 2.1 or later is needed"
#endif

/* Larger images and files go Pillow's way, which bounds memory. */
#define MOST_PIXELS (1 << 24)
#define MOST_BYTES (1 << 26)

#define MIN_EDGE 16 /* as in galaxy_classify.images.crop: Pillow's way says that an image is too small */

/* The weights of this many sizes are kept. */
#define AXES 64

/* Beyond the edges of a crop libjpeg interpolates colours from fewer pixels than in the whole image. */
#define SPARE 2

/* Buffers with more bytes are not kept. */
#define KEPT_BYTES (1 << 22)

typedef struct {
    uint8_t *start;
    size_t size;
} Buffer;

typedef struct {
    int edge, size, margin;
    Axis axis;
} KeptAxis;

struct Workspace {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    jmp_buf failed;
    Buffer file, lines, rows;
    KeptAxis axes[AXES];
    int number, next; /* of axes kept; where the next one goes */
};

static void fail(j_common_ptr jpeg)
{
    longjmp(((Workspace *)jpeg->client_data)->failed, 1);
}

static void fail_on_warning(j_common_ptr jpeg, int level)
{
    if (level < 0)
        fail(jpeg);
}

static void say_nothing(j_common_ptr jpeg)
{
    (void)jpeg;
}

Workspace *workspace_new(void)
{
    Workspace *workspace = calloc(1, sizeof(*workspace));
    if (workspace) {
        workspace->jpeg.err = jpeg_std_error(&workspace->errors);
        workspace->errors.error_exit = fail;
        workspace->errors.emit_message = fail_on_warning;
        workspace->errors.output_message = say_nothing;
        workspace->jpeg.client_data = workspace;
    }
    return workspace;
}

static void release(Buffer *buffer)
{
    free(buffer->start);
    buffer->start = NULL;
    buffer->size = 0;
}

void workspace_trim(Workspace *workspace)
{
    Buffer *buffers[] = {&workspace->file, &workspace->lines, &workspace->rows};
    for (int i = 0; i < 3; i++)
        if (buffers[i]->size > KEPT_BYTES)
            release(buffers[i]);
}

void workspace_free(Workspace *workspace)
{
    release(&workspace->file);
    release(&workspace->lines);
    release(&workspace->rows);
    for (int i = 0; i < workspace->number; i++)
        axis_free(&workspace->axes[i].axis);
    free(workspace);
}

/* Make a buffer as large as is asked for, its content undefined but never uninitialised; return 0 if that fails. */
static int reserve(Buffer *buffer, size_t size)
{
    if (buffer->size >= size)
        return 1;
    release(buffer);
    buffer->start = calloc(size, 1);
    buffer->size = buffer->start ? size : 0;
    return buffer->start != NULL;
}

/* Return the weights that resize `edge` pixels to `size`, without the margin; NULL if there is not enough memory. */
static const Axis *axis_for(Workspace *workspace, int edge, int size, int margin)
{
    KeptAxis *kept = workspace->axes;
    for (int i = 0; i < workspace->number; i++)
        if (kept[i].edge == edge && kept[i].size == size && kept[i].margin == margin)
            return &kept[i].axis;
    Axis axis;
    if (!axis_init(&axis, edge, size, margin))
        return NULL;
    kept += workspace->next;
    workspace->next = (workspace->next + 1) % AXES;
    if (workspace->number < AXES)
        workspace->number++;
    else
        axis_free(&kept->axis);
    *kept = (KeptAxis){edge, size, margin, axis};
    return &kept->axis;
}

/* Where libjpeg puts pixels: ROWS lines of the same length. */
typedef struct {
    JSAMPROW lines[ROWS];
    size_t stride;
    JDIMENSION left; /* column of the image with which they begin */
} Lines;

/* Tell whether scans of a progressive JPEG are missing: libjpeg then smooths the picture, other than Pillow's way at the
   edges of the crop. */
static int lacks_scans(const struct jpeg_decompress_struct *jpeg)
{
    if (jpeg->progressive_mode)
        for (int component = 0; component < jpeg->num_components; component++)
            for (int coefficient = 0; coefficient < DCTSIZE2; coefficient++)
                if (jpeg->coef_bits[component][coefficient] != 0)
                    return 1;
    return 0;
}

/* Begin to decode the columns from `left` to `right`, or a few more. */
static void start(Workspace *workspace, JDIMENSION left, JDIMENSION right, Lines *lines)
{
    struct jpeg_decompress_struct *jpeg = &workspace->jpeg;
    JDIMENSION width;
    size_t stride;

    jpeg->out_color_space = JCS_EXT_RGBX;
    jpeg_start_decompress(jpeg);
    if (lacks_scans(jpeg))
        fail((j_common_ptr)jpeg);
    left -= left < SPARE ? left : SPARE;
    right = jpeg->output_width - right < SPARE ? jpeg->output_width : right + SPARE;
    width = right - left;
    jpeg_crop_scanline(jpeg, &left, &width);
    /* libjpeg-turbo writes lines that begin at a multiple of 32 bytes past the cache, from where they would have to
       come back at once. So they begin 16 bytes behind one. */
    stride = ((size_t)(width + GROUP) * PIXEL + 31) / 32 * 32;
    if (!reserve(&workspace->lines, ROWS * stride + 48))
        fail((j_common_ptr)jpeg);
    for (int i = 0; i < ROWS; i++)
        lines->lines[i] = workspace->lines.start + (48 - (uintptr_t)workspace->lines.start % 32) % 32 + i * stride;
    lines->stride = stride;
    lines->left = left;
}

/* Decode the rest of the image: damage below the crop is damage. */
static void finish(struct jpeg_decompress_struct *jpeg, Lines *lines)
{
    JDIMENSION rest = jpeg->output_height - jpeg->output_scanline;
    /* libjpeg would not look at rows that are skipped up to the last one, so that one is read. */
    if (rest > 1)
        jpeg_skip_scanlines(jpeg, rest - 1);
    if (rest > 0)
        jpeg_read_scanlines(jpeg, lines->lines, 1);
    jpeg_finish_decompress(jpeg);
}

static void store_rgb(const uint8_t *rgbx, int number, uint8_t *rgb)
{
    for (int i = 0; i < number; i++, rgbx += PIXEL, rgb += 3) {
        rgb[0] = rgbx[0];
        rgb[1] = rgbx[1];
        rgb[2] = rgbx[2];
    }
}

/* Decode an image that has the model's size. */
static void decode_whole(Workspace *workspace, uint8_t *pixels)
{
    struct jpeg_decompress_struct *jpeg = &workspace->jpeg;
    int width = (int)jpeg->image_width;
    Lines lines;

    start(workspace, 0, jpeg->image_width, &lines);
    while (jpeg->output_scanline < jpeg->output_height) {
        JDIMENSION number = jpeg_read_scanlines(jpeg, lines.lines, ROWS);
        for (JDIMENSION i = 0; i < number; i++, pixels += 3 * width)
            store_rgb(lines.lines[i], width, pixels);
    }
    finish(jpeg, &lines);
}

/* Decode the central square, resize its rows as they come, and then its columns. Pillow takes them in this order, as the
   result is a square, too. */
static void decode_resized(Workspace *workspace, const Kernel *kernel, const View *view, uint8_t *pixels)
{
    struct jpeg_decompress_struct *jpeg = &workspace->jpeg;
    int image_width = (int)jpeg->image_width, image_height = (int)jpeg->image_height;
    int shorter = image_width < image_height ? image_width : image_height;
    int edge = (int)nearbyint(view->crop * shorter); /* ties to even, as Python rounds */
    edge = edge < 1 ? 1 : edge;
    int left = (image_width - edge) / 2, top = (image_height - edge) / 2;
    int size = view->size - 2 * view->margin;
    int bytes = (size * PIXEL + 15) / 16 * 16;
    const Axis *axis = axis_for(workspace, edge, view->size, view->margin); /* of the columns and of the rows */
    if (!axis)
        fail((j_common_ptr)jpeg);
    int number = axis->last - axis->lowest;
    if (!reserve(&workspace->rows, ((size_t)number + ROWS) * bytes))
        fail((j_common_ptr)jpeg);
    uint8_t *resized = workspace->rows.start, *result = resized + (size_t)number * bytes;
    Lines lines;

    start(workspace, left + axis->lowest, left + axis->last, &lines);
    jpeg_skip_scanlines(jpeg, top + axis->lowest);
    const uint8_t *pixel = lines.lines[0] + (size_t)(left + axis->lowest - lines.left) * PIXEL;
    for (int row = 0; row < number; row += ROWS) {
        JDIMENSION wanted = number - row < ROWS ? number - row : ROWS, found = 0;
        while (found < wanted)
            found += jpeg_read_scanlines(jpeg, lines.lines + found, wanted - found);
        kernel->resize_rows(axis, pixel, lines.stride, resized + (size_t)row * bytes, bytes);
    }
    finish(jpeg, &lines);
    pixels += ((size_t)view->margin * view->size + view->margin) * 3;
    for (int i = 0; i < size; i++, pixels += (size_t)view->size * 3) {
        const uint8_t *first = resized + (size_t)(axis->first[i] - axis->lowest) * bytes;
        kernel->sum_rows(axis->weights + (size_t)i * axis->taps, axis->count[i], first, bytes, result);
        store_rgb(result, size, pixels);
    }
}

int decode_crop(Workspace *workspace, const Kernel *kernel, const View *view, const uint8_t *content, size_t size,
                uint8_t *pixels)
{
    struct jpeg_decompress_struct *jpeg = &workspace->jpeg;
    int width, height;

    if (size > MOST_BYTES || !read_headers(content, size, &width, &height))
        return 0;
    if (width < MIN_EDGE || height < MIN_EDGE || (int64_t)width * height > view->max_pixels ||
        (int64_t)width * height > MOST_PIXELS)
        return 0;
    if (setjmp(workspace->failed)) {
        jpeg_destroy_decompress(jpeg);
        return 0;
    }
    /* Each image gets a state of its own: libjpeg keeps tables from one image to the next, and would use them for an
       image whose own are damaged. */
    jpeg_create_decompress(jpeg);
    jpeg_mem_src(jpeg, content, (unsigned long)size);
    jpeg_read_header(jpeg, TRUE);
    if (width == view->size && height == view->size)
        decode_whole(workspace, pixels);
    else
        decode_resized(workspace, kernel, view, pixels);
    jpeg_destroy_decompress(jpeg);
    return 1;
}

#ifdef _WIN32

int decode_file(Workspace *workspace, const Kernel *kernel, const View *view, const char *path, uint8_t *pixels)
{
    (void)workspace, (void)kernel, (void)view, (void)path, (void)pixels;
    return 0;
}

#else

/*
 * Tell whether a file has been written to between two looks at it. What was read of it may then have a hole of zeros,
 * which libjpeg decodes without a word.
 */
static int has_changed(const struct stat *before, const struct stat *after)
{
#ifdef __APPLE__
    const struct timespec first = before->st_mtimespec, second = after->st_mtimespec;
#else
    const struct timespec first = before->st_mtim, second = after->st_mtim;
#endif
    return before->st_size != after->st_size || first.tv_sec != second.tv_sec || first.tv_nsec != second.tv_nsec;
}

/* Read a JPEG file into the workspace; return its size, or 0 if it is none, cannot be read, or changed meanwhile. */
static size_t read_jpeg(Workspace *workspace, const char *path)
{
    Buffer *file = &workspace->file;
    struct stat status, afterwards;
    size_t size = 0;
    ssize_t found = 0;
    int descriptor;

    /* Look before opening: a pipe could block for ever, and a device may do something when it is opened. */
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size < SIGNATURE || status.st_size > MOST_BYTES)
        return 0;
    /* One byte more than the file should have tells whether it grows. */
    if (!reserve(file, (size_t)status.st_size + 1))
        return 0;
    descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return 0;
    do {
        size_t room = (size_t)status.st_size + 1 - size;
        found = read(descriptor, file->start + size, size == 0 && room > 4096 ? 4096 : room);
        size += found > 0 ? (size_t)found : 0;
    } while (found > 0 && size <= (size_t)status.st_size && is_jpeg(file->start, size));
    if (found != 0 || fstat(descriptor, &afterwards) != 0 || has_changed(&status, &afterwards))
        size = 0;
    close(descriptor);
    return size;
}

int decode_file(Workspace *workspace, const Kernel *kernel, const View *view, const char *path, uint8_t *pixels)
{
    size_t size = read_jpeg(workspace, path);
    return size > 0 && decode_crop(workspace, kernel, view, workspace->file.start, size, pixels);
}

#endif
