/* The Python module: decode a batch of JPEGs without the interpreter's lock. */
#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030b0000
#endif
#include <Python.h>

#include <string.h>

#include <jpeglib.h>

#include "jpeg_crop.h"

#define WORKSPACE "galaxy_classify_turbo.workspace"
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

/* One thread may use a workspace at a time; the interpreter's lock guards `busy`. */
typedef struct {
    Workspace *workspace;
    int busy;
} Handle;

static void free_handle(PyObject *capsule)
{
    Handle *handle = PyCapsule_GetPointer(capsule, WORKSPACE);
    workspace_free(handle->workspace);
    PyMem_Free(handle);
}

static PyObject *new_workspace(PyObject *module, PyObject *arguments)
{
    (void)module, (void)arguments;
    Handle *handle = PyMem_Calloc(1, sizeof(*handle));
    if (!handle)
        return PyErr_NoMemory();
    handle->workspace = workspace_new();
    if (!handle->workspace) {
        PyMem_Free(handle);
        return PyErr_NoMemory();
    }
    PyObject *capsule = PyCapsule_New(handle, WORKSPACE, free_handle);
    if (!capsule) {
        workspace_free(handle->workspace);
        PyMem_Free(handle);
    }
    return capsule;
}

/* An image to decode: a path, or the content of a file; neither for what is left to Pillow. */
typedef struct {
    const char *path;
    const uint8_t *content;
    size_t size;
} Image;

/* Describe the image of an item, which `kept` keeps alive; return 0 with an exception set if it is of another type. */
static int describe(PyObject *item, PyObject **kept, Image *image)
{
    if (item == Py_None)
        return 1;
    if (PyBytes_Check(item)) {
        char *content;
        Py_ssize_t size;
        if (PyBytes_AsStringAndSize(item, &content, &size) < 0)
            return 0;
        Py_INCREF(item);
        *kept = item;
        image->content = (const uint8_t *)content;
        image->size = (size_t)size;
        return 1;
    }
    if (PyUnicode_Check(item)) {
        if (!PyUnicode_FSConverter(item, kept)) { /* no file has such a name, as Pillow's way will say */
            if (!PyErr_ExceptionMatches(PyExc_ValueError)) /* includes UnicodeEncodeError */
                return 0;
            PyErr_Clear();
            *kept = NULL;
            return 1;
        }
        image->path = PyBytes_AsString(*kept);
        return image->path != NULL;
    }
    PyErr_SetString(PyExc_TypeError, "an image must be a path (str), the content of a file (bytes) or None");
    return 0;
}

static const Kernel *find_kernel(const char *name)
{
    const Kernel *kernel = available_kernels();
    if (!name)
        return kernel;
    while (kernel->name && strcmp(kernel->name, name) != 0)
        kernel++;
    if (!kernel->name) {
        PyErr_Format(PyExc_ValueError, "kernel %s is not available", name);
        return NULL;
    }
    return kernel;
}

static int check_view(const View *view)
{
    if (view->size < 1 || view->size > 4096 || view->margin < 0 || view->margin > (view->size - 1) / 2) {
        PyErr_SetString(PyExc_ValueError, "size and margin must leave something of the model's input");
        return 0;
    }
    if (!(view->crop > 0.0 && view->crop <= 1.0)) {
        PyErr_SetString(PyExc_ValueError, "crop must be above 0 and at most 1");
        return 0;
    }
    return 1;
}

/* Decode images; the interpreter's lock is not held. */
static void decode_all(Workspace *workspace, const Kernel *kernel, const View *view, const Image *images, Py_ssize_t number,
                       uint8_t *pixels, char *decoded)
{
    size_t bytes = (size_t)view->size * view->size * 3;
    for (Py_ssize_t i = 0; i < number; i++, pixels += bytes) {
        if (images[i].path)
            decoded[i] = (char)decode_file(workspace, kernel, view, images[i].path, pixels);
        else if (images[i].content)
            decoded[i] = (char)decode_crop(workspace, kernel, view, images[i].content, images[i].size, pixels);
        else
            decoded[i] = 0;
    }
    workspace_trim(workspace);
}

static PyObject *decode(PyObject *module, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"workspace", "images", "pixels", "size", "margin", "crop", "max_pixels", "kernel", NULL};
    PyObject *capsule, *given, *buffer, *images = NULL, *result = NULL, **kept = NULL;
    const char *kernel_name = NULL;
    long long max_pixels = 0;
    Image *found = NULL;
    Py_buffer pixels = {0};
    Py_ssize_t number = 0;
    View view = {0}; /* what is not given, is refused below */

    (void)module;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "OOO|$iidLz", names, &capsule, &given, &buffer, &view.size,
                                     &view.margin, &view.crop, &max_pixels, &kernel_name))
        return NULL;
    view.max_pixels = max_pixels;
    const Kernel *kernel = find_kernel(kernel_name);
    Handle *handle = PyCapsule_GetPointer(capsule, WORKSPACE);
    if (!kernel || !handle || !check_view(&view))
        return NULL;
    if (PyObject_GetBuffer(buffer, &pixels, PyBUF_WRITABLE) < 0)
        return NULL;
    images = PySequence_Tuple(given);
    if (!images || (number = PyTuple_Size(images)) < 0)
        goto end;
    if (pixels.len != number * view.size * view.size * 3) {
        PyErr_SetString(PyExc_ValueError, "pixels must have the shape (images, size, size, 3)");
        goto end;
    }
    kept = PyMem_Calloc((size_t)number + 1, sizeof(*kept));
    found = PyMem_Calloc((size_t)number + 1, sizeof(*found));
    result = PyBytes_FromStringAndSize(NULL, number);
    if (!kept || !found || !result) {
        PyErr_NoMemory();
        Py_CLEAR(result);
        goto end;
    }
    for (Py_ssize_t i = 0; i < number; i++)
        if (!describe(PyTuple_GetItem(images, i), &kept[i], &found[i])) {
            Py_CLEAR(result);
            goto end;
        }
    char *decoded = PyBytes_AsString(result);
    if (handle->busy) { /* asked now, since the images may have been made by other code, in whatever threads */
        PyErr_SetString(PyExc_RuntimeError, "the workspace is in use in another thread");
        Py_CLEAR(result);
        goto end;
    }
    handle->busy = 1;
    Py_INCREF(capsule);
    Py_BEGIN_ALLOW_THREADS
    decode_all(handle->workspace, kernel, &view, found, number, pixels.buf, decoded);
    Py_END_ALLOW_THREADS
    handle->busy = 0;
    Py_DECREF(capsule);
end:
    for (Py_ssize_t i = 0; kept && i < number; i++)
        Py_XDECREF(kept[i]);
    PyMem_Free(kept);
    PyMem_Free(found);
    Py_XDECREF(images);
    PyBuffer_Release(&pixels);
    return result;
}

static PyObject *kernels(PyObject *module, PyObject *arguments)
{
    (void)module, (void)arguments;
    PyObject *list = PyList_New(0);
    for (const Kernel *kernel = available_kernels(); list && kernel->name; kernel++) {
        PyObject *name = PyUnicode_FromString(kernel->name);
        if (!name || PyList_Append(list, name) < 0)
            Py_CLEAR(list);
        Py_XDECREF(name);
    }
    if (!list)
        return NULL;
    PyObject *names = PyList_AsTuple(list);
    Py_DECREF(list);
    return names;
}

static PyMethodDef methods[] = {
    {"new_workspace", new_workspace, METH_NOARGS, NULL},
    {"decode", (PyCFunction)(void (*)(void))decode, METH_VARARGS | METH_KEYWORDS, NULL},
    {"kernels", kernels, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static int set_up(PyObject *module)
{
    if (PyModule_AddStringConstant(module, "VERSION", GALAXY_TURBO_VERSION) < 0)
        return -1;
    return PyModule_AddStringConstant(module, "LIBJPEG_TURBO_VERSION", TEXT(LIBJPEG_TURBO_VERSION));
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, set_up}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_turbo", NULL, 0, methods, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__turbo(void)
{
    return PyModuleDef_Init(&definition);
}
