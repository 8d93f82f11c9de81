/* Record what native child processes create, for the run of tests that started them.
 *
 * A run with --trace-children names this library in LD_PRELOAD. Each function that can create a
 * name in a directory is wrapped: after a success a line is appended to a file in the run root.
 * Nothing else of the program changes: not its errno, its descriptors, its output or its heap.
 *
 * The code runs in programs that were forked from threads and in their signal handlers. So it
 * takes no lock and allocates nothing; a buffer is a mapping of its own, as stacks may be small.
 *
 * _TIDYTEST_TRACE is "ORIGIN:LOG". ORIGIN has the fixed length of ORIGIN_LENGTH: dashes, until the
 * first process below the run writes its name there. Its descendants inherit that, also where the
 * processes between have ended, so the run knows by which of its commands a file was created.
 */

#define _GNU_SOURCE
#undef _FORTIFY_SOURCE /* its inline definitions of open and others collide with ours */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define VARIABLE "_TIDYTEST_TRACE"
#define ORIGIN_LENGTH 32
#define LONGEST 4096      /* of a path, with its NUL */
#define LINE (1 << 16)    /* of a line of the log, which is written at once */
#define SPACE (2 * LONGEST + LINE)
#define DIRECTORIES 64    /* as many created directories are remembered */
#define MOST_LINES 5000   /* of one program */

static char log_path[LONGEST];
static char origin[ORIGIN_LENGTH + 1];
static atomic_int lines_left;
static char *_Atomic spare; /* see take_space */
static _Atomic uint64_t directories[DIRECTORIES];
static atomic_uint next_directory;

/* The functions that the wrappers call: those of the library that comes next. */

#define FUNCTIONS(X) \
    X(open) X(open64) X(openat) X(openat64) X(creat) X(creat64) X(fopen) X(fopen64) X(freopen) \
    X(freopen64) X(mkdir) X(mkdirat) X(rename) X(renameat) X(renameat2) X(link) X(linkat) \
    X(symlink) X(symlinkat) X(mknod) X(mknodat) X(__xmknod) X(__xmknodat) X(mkfifo) X(mkfifoat) \
    X(mkstemp) X(mkstemp64) X(mkostemp) X(mkostemp64) X(mkstemps) X(mkstemps64) X(mkostemps) \
    X(mkostemps64) X(mkdtemp) X(shm_open) X(sem_open) X(bind)

/* Libraries of old programs call these; newer headers do not declare them. */
int __xmknod(int, const char *, mode_t, dev_t *);
int __xmknodat(int, int, const char *, mode_t, dev_t *);

#define DECLARE(name) static void *_Atomic real_##name;
FUNCTIONS(DECLARE)

static void *find(void *_Atomic *kept, const char *name)
{
    void *found = atomic_load_explicit(kept, memory_order_relaxed);
    if (found == NULL) {
        found = dlsym(RTLD_NEXT, name);
        atomic_store_explicit(kept, found, memory_order_relaxed);
    }
    return found;
}

#define NEXT(name, kind) ((kind)find(&real_##name, #name))
#define MISSING(function) if ((function) == NULL) { errno = ENOSYS; return -1; }

/* Lines of the log: Python literals, which need no escape but for bytes that are not printable. */

struct line {
    char *at, *end; /* where the next byte goes, and behind the last one that there is space for */
};

static void put(struct line *line, const char *text)
{
    while (*text && line->at < line->end)
        *line->at++ = *text++;
}

static void put_bytes(struct line *line, const char *text)
{
    static const char digits[] = "0123456789abcdef";
    put(line, "b'");
    for (; *text && line->at + 4 < line->end; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte >= ' ' && byte < 127 && byte != '\'' && byte != '\\') {
            *line->at++ = *text;
        } else {
            char escaped[] = {'\\', 'x', digits[byte >> 4], digits[byte & 15], 0};
            put(line, escaped);
        }
    }
    put(line, *text ? "" : "'"); /* a line that is cut short is not read */
}

static void append(const char *text, size_t length)
{
    /* By path, each time: the program may close any descriptor, and reuse its number. */
    int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
    long log = syscall(SYS_openat, AT_FDCWD, log_path, flags, 0);
    if (log >= 0) {
        if (syscall(SYS_write, (int)log, text, length) < 0) {
            /* the disk is full: the file is found by a listing, if at all */
        }
        syscall(SYS_close, (int)log);
    }
}

/* Space for a path and a line. One is kept for the next call; a signal handler, or another thread,
 * that comes meanwhile gets one of its own. */
static char *take_space(void)
{
    char *space = atomic_exchange(&spare, NULL);
    if (space != NULL)
        return space;
    void *new = mmap(NULL, SPACE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return new == MAP_FAILED ? NULL : new;
}

static void give_back(char *space)
{
    space = atomic_exchange(&spare, space);
    if (space != NULL)
        munmap(space, SPACE);
}

static void write_start(int count, char **words)
{
    char *space = take_space();
    if (space == NULL)
        return;
    struct line line = {space, space + LINE - 8};
    put(&line, "\n(None, '");
    put(&line, origin);
    put(&line, "', (");
    for (int i = 0; i < count; i++) {
        put_bytes(&line, words[i]);
        put(&line, ",");
    }
    if (line.at < line.end) { /* else the command is too long */
        line.end = space + LINE;
        put(&line, "))\n");
        append(space, (size_t)(line.at - space));
    }
    give_back(space);
}

/* Paths. */

static int exists(int directory, const char *path)
{
    char first;
    if (syscall(SYS_faccessat, directory, path, F_OK) == 0 || errno != ENOENT)
        return 1;
    return syscall(SYS_readlinkat, directory, path, &first, 1) >= 0; /* a link to nothing */
}

static int is_missing(int directory, const char *path)
{
    /* Follows links: to open a link to nothing creates a file. */
    int kept = errno;
    int missing = syscall(SYS_faccessat, directory, path, F_OK) != 0 && errno == ENOENT;
    errno = kept;
    return missing;
}

static int is_free(int directory, const char *path)
{
    int kept = errno;
    int answer = path != NULL && !exists(directory, path);
    errno = kept;
    return answer;
}

static size_t target_of(int descriptor, char *path)
{
    char name[40];
    char digits[12];
    int length = 0;
    unsigned number = (unsigned)descriptor;
    do
        digits[length++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    memcpy(name, "/proc/self/fd/", 14);
    for (int i = 0; i < length; i++)
        name[14 + i] = digits[length - 1 - i];
    name[14 + length] = 0;
    long size = syscall(SYS_readlinkat, AT_FDCWD, name, path, LONGEST - 1);
    path[size > 0 ? size : 0] = 0;
    return size > 0 && path[0] == '/' ? (size_t)size : 0;
}

static size_t absolute(int directory, const char *path, char *found)
{
    size_t length = 0;
    if (path[0] != '/') {
        if (directory != AT_FDCWD)
            length = target_of(directory, found);
        else if (syscall(SYS_getcwd, found, LONGEST) > 0 && found[0] == '/')
            length = strlen(found);
        if (length == 0)
            return 0;
        found[length++] = '/';
    }
    size_t more = strnlen(path, LONGEST);
    memcpy(found + length, path, more);
    found[length + more] = 0;
    return length + more;
}

/* Whether a path lies in a directory that was recorded; a new directory is remembered. */
static int is_part(const char *path, int is_directory)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (; *path; path++) {
        if (*path == '/') {
            for (int i = 0; i < DIRECTORIES; i++)
                if (atomic_load_explicit(&directories[i], memory_order_relaxed) == hash)
                    return 1;
        }
        hash = (hash ^ (unsigned char)*path) * 1099511628211u;
    }
    if (is_directory) {
        unsigned place = atomic_fetch_add(&next_directory, 1) % DIRECTORIES;
        atomic_store_explicit(&directories[place], hash, memory_order_relaxed);
    }
    return 0;
}

enum { BY_PATH, DIRECTORY, BY_DESCRIPTOR };

/* Record a path that this process has just created; errno stays as it is. */
static void record(int how, int descriptor, const char *path)
{
    int kept = errno;
    char *space = NULL;
    size_t length = 0;
    if (log_path[0] && atomic_load(&lines_left) > 0 && (space = take_space())) {
        if (how == BY_DESCRIPTOR)
            length = target_of(descriptor, space);
        if (length == 0 && path != NULL)
            length = absolute(how == BY_DESCRIPTOR ? AT_FDCWD : descriptor, path, space);
        if (length > 0 && !is_part(space, how == DIRECTORY)) {
            char *text = space + 2 * LONGEST;
            struct line line = {text, text + LINE};
            atomic_fetch_sub(&lines_left, 1);
            put(&line, "\n(");
            put_bytes(&line, space);
            put(&line, ", None, '");
            put(&line, origin);
            put(&line, "')\n");
            append(text, (size_t)(line.at - text));
        }
        give_back(space);
    }
    errno = kept;
}

/* The wrappers. Each looks, calls, and records what is new. */

static int opened(int descriptor, int is_new)
{
    if (descriptor >= 0 && is_new)
        record(BY_DESCRIPTOR, descriptor, NULL);
    return descriptor;
}

static int creates(int directory, const char *path, int flags)
{
    if (!(flags & O_CREAT) || path == NULL)
        return 0;
    return (flags & O_EXCL) || is_missing(directory, path);
}

#define MODE_OF(flags, mode) \
    if (((flags) & O_CREAT) || ((flags) & O_TMPFILE) == O_TMPFILE) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

#define OPEN(name) \
    int name(const char *path, int flags, ...) \
    { \
        mode_t mode = 0; \
        MODE_OF(flags, mode) \
        int (*next)(const char *, int, ...) = NEXT(name, int (*)(const char *, int, ...)); \
        MISSING(next) \
        int is_new = creates(AT_FDCWD, path, flags); \
        return opened(next(path, flags, mode), is_new); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int directory, const char *path, int flags, ...) \
    { \
        mode_t mode = 0; \
        MODE_OF(flags, mode) \
        int (*next)(int, const char *, int, ...) = \
            NEXT(name, int (*)(int, const char *, int, ...)); \
        MISSING(next) \
        int is_new = creates(directory, path, flags); \
        return opened(next(directory, path, flags, mode), is_new); \
    }
OPENAT(openat)
OPENAT(openat64)

#define CREAT(name) \
    int name(const char *path, mode_t mode) \
    { \
        int (*next)(const char *, mode_t) = NEXT(name, int (*)(const char *, mode_t)); \
        MISSING(next) \
        int is_new = creates(AT_FDCWD, path, O_CREAT); \
        return opened(next(path, mode), is_new); \
    }
CREAT(creat)
CREAT(creat64)

static int mode_creates(const char *path, const char *mode)
{
    int writes = path != NULL && mode != NULL && (mode[0] == 'w' || mode[0] == 'a');
    return writes && is_missing(AT_FDCWD, path);
}

static FILE *stream(FILE *file, int is_new)
{
    if (file != NULL && is_new)
        record(BY_DESCRIPTOR, fileno(file), NULL);
    return file;
}

#define FOPEN(name) \
    FILE *name(const char *path, const char *mode) \
    { \
        FILE *(*next)(const char *, const char *) = \
            NEXT(name, FILE *(*)(const char *, const char *)); \
        int is_new = mode_creates(path, mode); \
        return stream(next(path, mode), is_new); \
    }
FOPEN(fopen)
FOPEN(fopen64)

#define FREOPEN(name) \
    FILE *name(const char *path, const char *mode, FILE *file) \
    { \
        FILE *(*next)(const char *, const char *, FILE *) = \
            NEXT(name, FILE *(*)(const char *, const char *, FILE *)); \
        int is_new = mode_creates(path, mode); \
        return stream(next(path, mode, file), is_new); \
    }
FREOPEN(freopen)
FREOPEN(freopen64)

/* These fail if the name exists: after a success it is new. */

static int made(int result, int how, int directory, const char *path)
{
    if (result == 0)
        record(how, directory, path);
    return result;
}

int mkdir(const char *path, mode_t mode)
{
    int (*next)(const char *, mode_t) = NEXT(mkdir, int (*)(const char *, mode_t));
    return made(next(path, mode), DIRECTORY, AT_FDCWD, path);
}

int mkdirat(int directory, const char *path, mode_t mode)
{
    int (*next)(int, const char *, mode_t) = NEXT(mkdirat, int (*)(int, const char *, mode_t));
    return made(next(directory, path, mode), DIRECTORY, directory, path);
}

int link(const char *source, const char *path)
{
    int (*next)(const char *, const char *) = NEXT(link, int (*)(const char *, const char *));
    return made(next(source, path), BY_PATH, AT_FDCWD, path);
}

int linkat(int from, const char *source, int directory, const char *path, int flags)
{
    int (*next)(int, const char *, int, const char *, int) =
        NEXT(linkat, int (*)(int, const char *, int, const char *, int));
    return made(next(from, source, directory, path, flags), BY_PATH, directory, path);
}

int symlink(const char *target, const char *path)
{
    int (*next)(const char *, const char *) = NEXT(symlink, int (*)(const char *, const char *));
    return made(next(target, path), BY_PATH, AT_FDCWD, path);
}

int symlinkat(const char *target, int directory, const char *path)
{
    int (*next)(const char *, int, const char *) =
        NEXT(symlinkat, int (*)(const char *, int, const char *));
    return made(next(target, directory, path), BY_PATH, directory, path);
}

int mknod(const char *path, mode_t mode, dev_t device)
{
    int (*next)(const char *, mode_t, dev_t) = NEXT(mknod, int (*)(const char *, mode_t, dev_t));
    MISSING(next)
    return made(next(path, mode, device), BY_PATH, AT_FDCWD, path);
}

int mknodat(int directory, const char *path, mode_t mode, dev_t device)
{
    int (*next)(int, const char *, mode_t, dev_t) =
        NEXT(mknodat, int (*)(int, const char *, mode_t, dev_t));
    MISSING(next)
    return made(next(directory, path, mode, device), BY_PATH, directory, path);
}

int __xmknod(int version, const char *path, mode_t mode, dev_t *device)
{
    int (*next)(int, const char *, mode_t, dev_t *) =
        NEXT(__xmknod, int (*)(int, const char *, mode_t, dev_t *));
    if (next == NULL) /* a newer libc has it for old programs only */
        return mknod(path, mode, *device);
    return made(next(version, path, mode, device), BY_PATH, AT_FDCWD, path);
}

int __xmknodat(int version, int directory, const char *path, mode_t mode, dev_t *device)
{
    int (*next)(int, int, const char *, mode_t, dev_t *) =
        NEXT(__xmknodat, int (*)(int, int, const char *, mode_t, dev_t *));
    if (next == NULL)
        return mknodat(directory, path, mode, *device);
    return made(next(version, directory, path, mode, device), BY_PATH, directory, path);
}

int mkfifo(const char *path, mode_t mode)
{
    int (*next)(const char *, mode_t) = NEXT(mkfifo, int (*)(const char *, mode_t));
    return made(next(path, mode), BY_PATH, AT_FDCWD, path);
}

int mkfifoat(int directory, const char *path, mode_t mode)
{
    int (*next)(int, const char *, mode_t) = NEXT(mkfifoat, int (*)(int, const char *, mode_t));
    return made(next(directory, path, mode), BY_PATH, directory, path);
}

#define MKSTEMP(name, parameters, arguments) \
    int name parameters \
    { \
        int (*next) parameters = NEXT(name, int (*) parameters); \
        return opened(next arguments, 1); \
    }
MKSTEMP(mkstemp, (char *template), (template))
MKSTEMP(mkstemp64, (char *template), (template))
MKSTEMP(mkostemp, (char *template, int flags), (template, flags))
MKSTEMP(mkostemp64, (char *template, int flags), (template, flags))
MKSTEMP(mkstemps, (char *template, int suffix), (template, suffix))
MKSTEMP(mkstemps64, (char *template, int suffix), (template, suffix))
MKSTEMP(mkostemps, (char *template, int suffix, int flags), (template, suffix, flags))
MKSTEMP(mkostemps64, (char *template, int suffix, int flags), (template, suffix, flags))

char *mkdtemp(char *template)
{
    char *(*next)(char *) = NEXT(mkdtemp, char *(*)(char *));
    char *path = next(template);
    if (path != NULL)
        record(DIRECTORY, AT_FDCWD, path);
    return path;
}

/* A rename creates its target only if nothing was there: else it replaces or exchanges it. */

int rename(const char *source, const char *path)
{
    int (*next)(const char *, const char *) = NEXT(rename, int (*)(const char *, const char *));
    int is_new = is_free(AT_FDCWD, path);
    int result = next(source, path);
    return is_new ? made(result, BY_PATH, AT_FDCWD, path) : result;
}

int renameat(int from, const char *source, int directory, const char *path)
{
    int (*next)(int, const char *, int, const char *) =
        NEXT(renameat, int (*)(int, const char *, int, const char *));
    int is_new = is_free(directory, path);
    int result = next(from, source, directory, path);
    return is_new ? made(result, BY_PATH, directory, path) : result;
}

int renameat2(int from, const char *source, int directory, const char *path, unsigned flags)
{
    int (*next)(int, const char *, int, const char *, unsigned) =
        NEXT(renameat2, int (*)(int, const char *, int, const char *, unsigned));
    MISSING(next)
    int is_new = is_free(directory, path);
    int result = next(from, source, directory, path, flags);
    return is_new ? made(result, BY_PATH, directory, path) : result;
}

/* Names below /dev/shm, and sockets. */

static int shared_name(char *path, const char *start, const char *name)
{
    name += strspn(name, "/");
    size_t length = strnlen(name, 256);
    if (length == 0 || length > 255)
        return 0;
    memcpy(stpcpy(path, start), name, length + 1);
    return 1;
}

int shm_open(const char *name, int flags, mode_t mode)
{
    int (*next)(const char *, int, mode_t) = NEXT(shm_open, int (*)(const char *, int, mode_t));
    MISSING(next)
    char path[300];
    int is_new = (flags & O_CREAT) && shared_name(path, "/dev/shm/", name)
        && is_missing(AT_FDCWD, path);
    return opened(next(name, flags, mode), is_new);
}

sem_t *sem_open(const char *name, int flags, ...)
{
    sem_t *(*next)(const char *, int, ...) = NEXT(sem_open, sem_t *(*)(const char *, int, ...));
    if (next == NULL) {
        errno = ENOSYS;
        return SEM_FAILED;
    }
    if (!(flags & O_CREAT))
        return next(name, flags);
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    unsigned value = va_arg(rest, unsigned);
    va_end(rest);
    char path[300];
    int is_new = shared_name(path, "/dev/shm/sem.", name) && is_missing(AT_FDCWD, path);
    sem_t *semaphore = next(name, flags, mode, value);
    if (semaphore != SEM_FAILED && is_new)
        record(BY_PATH, AT_FDCWD, path);
    return semaphore;
}

int bind(int socket, const struct sockaddr *address, socklen_t size)
{
    int (*next)(int, const struct sockaddr *, socklen_t) =
        NEXT(bind, int (*)(int, const struct sockaddr *, socklen_t));
    int result = next(socket, address, size);
    const size_t start = offsetof(struct sockaddr_un, sun_path);
    if (result == 0 && address->sa_family == AF_UNIX && size > start) {
        char path[sizeof((struct sockaddr_un *)0)->sun_path + 1] = {0};
        size_t length = size - start < sizeof path - 1 ? size - start : sizeof path - 1;
        memcpy(path, ((const struct sockaddr_un *)(const void *)address)->sun_path, length);
        if (path[0]) /* else it has no name in the file system */
            record(BY_PATH, AT_FDCWD, path);
    }
    return result;
}

/* The start of the program. */

static char *number(char *end, int digits, uint64_t value)
{
    while (digits-- > 0) {
        *--end = (char)('0' + value % 10);
        value /= 10;
    }
    return end;
}

__attribute__((constructor)) static void start(int count, char **words)
{
#define FIND(name) find(&real_##name, #name);
    FUNCTIONS(FIND) /* now: dlsym may allocate, which a signal handler must not */
    char *setting = getenv(VARIABLE);
    if (setting == NULL || strnlen(setting, ORIGIN_LENGTH + 2) < ORIGIN_LENGTH + 2)
        return;
    const char *path = setting + ORIGIN_LENGTH + 1;
    if (path[-1] != ':' || path[0] != '/' || strnlen(path, LONGEST) == LONGEST)
        return;
    int is_first = setting[0] == '-';
    if (is_first) { /* its pid, and the time, as a pid is used again */
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        uint64_t time = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
        setting[11] = '-';
        number(setting + ORIGIN_LENGTH, 20, time);
        number(setting + 11, 11, (uint64_t)getpid());
    }
    memcpy(origin, setting, ORIGIN_LENGTH);
    for (int i = 0; i < ORIGIN_LENGTH; i++)
        if ((origin[i] < '0' || origin[i] > '9') && origin[i] != '-')
            return;
    atomic_store(&lines_left, MOST_LINES);
    strcpy(log_path, path);
    if (is_first)
        write_start(count, words);
}
