# Find libjpeg-turbo: the one of the system, or the static one below LIBJPEG_TURBO_ROOT, for wheels.
set(LIBJPEG_TURBO_ROOT "$ENV{LIBJPEG_TURBO_ROOT}" CACHE PATH "Where a static libjpeg-turbo is installed")
if(LIBJPEG_TURBO_ROOT)
  find_path(JPEG_INCLUDE_DIR jpeglib.h PATHS "${LIBJPEG_TURBO_ROOT}/include" NO_DEFAULT_PATH)
  find_library(JPEG_LIBRARY NAMES libjpeg.a jpeg-static PATHS "${LIBJPEG_TURBO_ROOT}/lib" "${LIBJPEG_TURBO_ROOT}/lib64" NO_DEFAULT_PATH)
else()
  find_path(JPEG_INCLUDE_DIR jpeglib.h)
  find_library(JPEG_LIBRARY NAMES jpeg)
endif()
