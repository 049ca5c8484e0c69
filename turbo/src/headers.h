/* Look at the headers of a JPEG, to tell whether it is an ordinary one. */
#ifndef GALAXY_HEADERS_H
#define GALAXY_HEADERS_H

#include <stddef.h>
#include <stdint.h>

/* Bytes from which is_jpeg() can tell. */
#define SIGNATURE 3

static inline int is_jpeg(const uint8_t *content, size_t size)
{
    return size >= SIGNATURE && content[0] == 0xff && content[1] == 0xd8 && content[2] == 0xff;
}

/* Read the size of an ordinary JPEG; return 0 for any other file.

   An ordinary JPEG is baseline or progressive, grey or of three colours with 8 bits, and holds no application data but
   JFIF's and Adobe's marker. Exif data may turn the picture, a profile may change its colours, and some cameras put
   several pictures into a file. */
int read_headers(const uint8_t *content, size_t size, int *width, int *height);

#endif
