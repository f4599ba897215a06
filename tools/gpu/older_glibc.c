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

/* The newer ones do not set errno, and are else the same. */
extern double older_fmod(double, double);
extern float older_fmodf(float, float);
__asm__(".symver older_fmod, fmod@GLIBC_2.2.5");
__asm__(".symver older_fmodf, fmodf@GLIBC_2.2.5");
double fmod(double x, double y) { return older_fmod(x, y); }
float fmodf(float x, float y) { return older_fmodf(x, y); }

/* Rust's library does without these where it finds their addresses to be zero. */
__asm__(".globl pidfd_spawnp\n.set pidfd_spawnp, 0\n.globl pidfd_getpid\n.set pidfd_getpid, 0");
