/* A CUDA driver without a GPU: `guise --device cuda` goes through every step that it would take on one, and what it gives the
 * driver to compile is written down. Memory is the processor's, copies are made, and programs are accepted and never run, so
 * what is drawn means nothing. docs/gpu.md says how the PTX is given to NVIDIA's assembler.
 *
 *   cc -O1 -shared -fPIC -o libcuda.so.1 fake_driver.c
 *   FAKE_PTX=folder FAKE_SM=75 FAKE_CUDA=12080 LD_LIBRARY_PATH=. guise ... --device cuda
 *
 * FAKE_SM is the compute capability to be (75: an RTX 2080 Ti), FAKE_CUDA the driver's version (12080: CUDA 12.8). */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2 };
enum { HOST = 1 };
typedef uint64_t Pointer;

static int setting(const char *name, int otherwise) {
    const char *value = getenv(name);
    return value ? atoi(value) : otherwise;
}

/* Handles are not told apart here, but must not be null. */
static int handle;

/* --- devices and contexts ------------------------------------------------------------------------ */

int cuInit(unsigned flags) { return SUCCESS; }
int cuDriverGetVersion(int *version) { *version = setting("FAKE_CUDA", 12080); return SUCCESS; }
int cuDeviceGetCount(int *count) { *count = 1; return SUCCESS; }
int cuDeviceGet(int *device, int index) { *device = index; return index ? INVALID_VALUE : SUCCESS; }
int cuDeviceGetName(char *name, int size, int device) { snprintf(name, size, "a GPU that is not there"); return SUCCESS; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = (size_t)11 << 30; return SUCCESS; }
int cuDeviceGetPCIBusId(char *id, int size, int device) { snprintf(id, size, "0000:01:00.0"); return SUCCESS; }

/* The attributes by their numbers in cuda.h, as an RTX 2080 Ti has them. */
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    int sm = setting("FAKE_SM", 75);
    switch (attribute) {
        case 1: case 2: case 3: *value = 1024; break;     /* threads in a block, along x, along y */
        case 4: *value = 64; break;                        /* along z */
        case 5: *value = 2147483647; break;                /* blocks along x */
        case 6: case 7: *value = 65535; break;             /* along y, along z */
        case 8: *value = 49152; break;                     /* shared memory of a block */
        case 97: *value = 65536; break;                    /* the same, on request */
        case 10: *value = 32; break;                       /* threads in a warp */
        case 16: *value = 68; break;                       /* multiprocessors */
        case 75: *value = sm / 10; break;
        case 76: *value = sm % 10; break;
        case 115: *value = 1; break;                       /* memory pools */
        default: *value = 0;
    }
    return SUCCESS;
}

int cuDevicePrimaryCtxRetain(void **context, int device) { *context = &handle; return SUCCESS; }
int cuDevicePrimaryCtxRelease_v2(int device) { return SUCCESS; }
int cuCtxSetCurrent(void *context) { return SUCCESS; }
int cuCtxGetCurrent(void **context) { *context = &handle; return SUCCESS; }
int cuCtxSynchronize(void) { return SUCCESS; }
int cuCtxGetStreamPriorityRange(int *least, int *greatest) { *least = *greatest = 0; return SUCCESS; }

/* --- streams and events: everything is done at once ------------------------------------------------ */

int cuStreamCreate(void **stream, unsigned flags) { *stream = &handle; return SUCCESS; }
int cuStreamCreateWithPriority(void **stream, unsigned flags, int priority) { *stream = &handle; return SUCCESS; }
int cuStreamDestroy_v2(void *stream) { return SUCCESS; }
int cuStreamSynchronize(void *stream) { return SUCCESS; }
int cuStreamWaitEvent(void *stream, void *event, unsigned flags) { return SUCCESS; }
int cuEventCreate(void **event, unsigned flags) { *event = &handle; return SUCCESS; }
int cuEventDestroy_v2(void *event) { return SUCCESS; }
int cuEventRecord(void *event, void *stream) { return SUCCESS; }
int cuEventQuery(void *event) { return SUCCESS; }
int cuEventSynchronize(void *event) { return SUCCESS; }
int cuEventElapsedTime(float *ms, void *start, void *end) { *ms = 0.001f; return SUCCESS; }
int cuEventElapsedTime_v2(float *ms, void *start, void *end) { *ms = 0.001f; return SUCCESS; }

/* --- memory ---------------------------------------------------------------------------------------- */

int cuMemAllocHost_v2(void **memory, size_t bytes) { return (*memory = calloc(1, bytes)) ? SUCCESS : OUT_OF_MEMORY; }
int cuMemFreeHost(void *memory) { free(memory); return SUCCESS; }
int cuMemAlloc_v2(Pointer *memory, size_t bytes) {
    void *zeros = calloc(1, bytes);
    *memory = (Pointer)(uintptr_t)zeros;
    return zeros ? SUCCESS : OUT_OF_MEMORY;
}
int cuMemFree_v2(Pointer memory) { free((void *)(uintptr_t)memory); return SUCCESS; }
int cuMemAllocAsync(Pointer *memory, size_t bytes, void *stream) { return cuMemAlloc_v2(memory, bytes); }
int cuMemFreeAsync(Pointer memory, void *stream) { return cuMemFree_v2(memory); }
int cuMemGetInfo_v2(size_t *available, size_t *total) { *available = *total = (size_t)11 << 30; return SUCCESS; }

static int copy(void *to, const void *from, size_t bytes) { memmove(to, from, bytes); return SUCCESS; }
int cuMemcpyHtoDAsync_v2(Pointer to, const void *from, size_t bytes, void *stream) { return copy((void *)(uintptr_t)to, from, bytes); }
/* `guise` adds four ones first and goes on only where they are four. A single number that is read back is that sum. */
int cuMemcpyDtoHAsync_v2(void *to, Pointer from, size_t bytes, void *stream) {
    if (bytes == sizeof(float)) *(float *)(uintptr_t)from = 4;
    return copy(to, (void *)(uintptr_t)from, bytes);
}
int cuMemcpyDtoDAsync_v2(Pointer to, Pointer from, size_t bytes, void *stream) {
    return copy((void *)(uintptr_t)to, (void *)(uintptr_t)from, bytes);
}

/* One side of CUDA_MEMCPY2D. */
struct side { size_t x, y; int kind; void *host; Pointer device; void *array; size_t pitch; };
struct rectangle { struct side from, to; size_t width, height; };
static char *row(const struct side *side, size_t y) {
    char *start = side->kind == HOST ? side->host : (char *)(uintptr_t)side->device;
    return start + (side->y + y) * side->pitch + side->x;
}
int cuMemcpy2DAsync_v2(const struct rectangle *it, void *stream) {
    for (size_t y = 0; y < it->height; y++) memmove(row(&it->to, y), row(&it->from, y), it->width);
    return SUCCESS;
}

/* --- programs -------------------------------------------------------------------------------------- */

int cuModuleLoadData(void **module, const void *ptx) {
    static unsigned count;
    const char *folder = getenv("FAKE_PTX");
    *module = &handle;
    if (!folder) return SUCCESS;
    char path[4096];
    snprintf(path, sizeof path, "%s/%04u.ptx", folder, __atomic_fetch_add(&count, 1, __ATOMIC_RELAXED));
    FILE *file = fopen(path, "w");
    if (!file || fputs(ptx, file) < 0 || fclose(file)) {
        perror(path);
        abort();
    }
    return SUCCESS;
}
int cuModuleUnload(void *module) { return SUCCESS; }
int cuModuleGetFunction(void **function, void *module, const char *name) { *function = &handle; return SUCCESS; }
int cuFuncSetAttribute(void *function, int attribute, int value) { return SUCCESS; }
int cuFuncGetAttribute(int *value, int attribute, void *function) { *value = 1024; return SUCCESS; }
int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared,
                   void *stream, void **parameters, void **extra) {
    return SUCCESS;
}
int cuGetErrorName(int error, const char **name) { *name = "an error of the fake driver"; return SUCCESS; }
int cuGetErrorString(int error, const char **text) { return cuGetErrorName(error, text); }
