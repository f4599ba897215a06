/* What LLVM's archives of Debian unstable and Rust's library ask of glibc 2.36 to 2.39, by what glibc has had for long: with it the
 * program starts on systems with glibc 2.35 or later. */

#include <stdint.h>
#include <sys/random.h>

/* The same but for binary literals, which nothing here parses. */
extern long older_strtol(const char *, char **, int) __asm__("strtol");
extern unsigned long older_strtoul(const char *, char **, int) __asm__("strtoul");
long __isoc23_strtol(const char *text, char **end, int base) { return older_strtol(text, end, base); }
long long __isoc23_strtoll(const char *text, char **end, int base) { return older_strtol(text, end, base); }
unsigned long __isoc23_strtoul(const char *text, char **end, int base) { return older_strtoul(text, end, base); }
unsigned long long __isoc23_strtoull(const char *text, char **end, int base) { return older_strtoul(text, end, base); }

uint32_t arc4random(void) {
    uint32_t value;
    while (getrandom(&value, sizeof value, 0) != sizeof value) {}
    return value;
}

/* The newer ones differ in errno and in the last bit, and are else the same. */
#define OLDER(type, name, parameters, arguments)                 \
    extern type older_##name parameters;                         \
    __asm__(".symver older_" #name ", " #name "@GLIBC_2.2.5");   \
    type name parameters { return older_##name arguments; }
OLDER(double, fmod, (double x, double y), (x, y))
OLDER(float, fmodf, (float x, float y), (x, y))
OLDER(float, acosf, (float x), (x))
OLDER(float, acoshf, (float x), (x))
OLDER(float, asinf, (float x), (x))
OLDER(float, atan2f, (float y, float x), (y, x))
OLDER(float, atanhf, (float x), (x))
OLDER(float, coshf, (float x), (x))
OLDER(float, log10f, (float x), (x))
OLDER(float, sinhf, (float x), (x))

/* Rust's library does without these where it finds their addresses to be zero. */
__asm__(".globl pidfd_spawnp\n.set pidfd_spawnp, 0\n.globl pidfd_getpid\n.set pidfd_getpid, 0");
