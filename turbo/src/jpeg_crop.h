/* Decode the part of a JPEG that a model sees, and resize it. */
#ifndef GALAXY_JPEG_CROP_H
#define GALAXY_JPEG_CROP_H

#include <stddef.h>
#include <stdint.h>

#include "lanczos.h"

/* What the model sees of an image. */
typedef struct {
    int size;    /* height and width of the model's input, in pixels */
    int margin;  /* pixels at each edge of the input that the model ignores; they are left as they are */
    double crop; /* side of the central square, as a fraction of the image's shorter edge */
    int64_t max_pixels;
} View;

/* What one thread needs to decode: libjpeg's state, buffers, and weights for the sizes of images that it has met. */
typedef struct Workspace Workspace;

Workspace *workspace_new(void); /* NULL if there is not enough memory */
void workspace_free(Workspace *workspace);

/* Release buffers that an unusually large image has needed. */
void workspace_trim(Workspace *workspace);

/* Decode a JPEG into RGB pixels, view->size * view->size * 3 bytes.

   Return 1 if that was possible, and 0 for everything unusual: another format, rare kinds of JPEG, tags of orientation
   or colour, and any damage. Then `pixels` holds nothing of use, and Pillow has to look at the image. */
int decode_crop(Workspace *workspace, const Kernel *kernel, const View *view, const uint8_t *content, size_t size,
                uint8_t *pixels);

/* Read a regular file, and decode it as decode_crop() does. */
int decode_file(Workspace *workspace, const Kernel *kernel, const View *view, const char *path, uint8_t *pixels);

#endif
