/*
 * Preloaded into a process, this counts the steps that it takes on the disk
 * below one folder, and at a chosen one kills it or lets the system call fail.
 * A write has two steps: before anything is written, and with half of it done.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *below;
static int step, at = -1, failure;
static bool ours[4096];

/* From now on count from 0; at step `when` fail with `error`, or die if it is 0. */
void fault_arm(const char *folder, int when, int error);
int fault_steps(void);

void fault_arm(const char *folder, int when, int error)
{
    below = folder;
    step = 0;
    at = when;
    failure = error;
    memset(ours, 0, sizeof(ours));
}

int fault_steps(void)
{
    return step;
}

__attribute__((constructor)) static void from_environment(void)
{
    const char *when = getenv("FAULT_AT");

    if (when) {
        fault_arm(getenv("FAULT_BELOW"), atoi(when), 0);
    }
}

static bool is_below(const char *path)
{
    return below && strncmp(path, below, strlen(below)) == 0;
}

static bool is_ours(int fd)
{
    return fd >= 0 && fd < 4096 && ours[fd];
}

/* Whether the call that is about to be made shall fail. */
static bool fails(void)
{
    if (step++ != at) {
        return false;
    }
    if (!failure) {
        kill(getpid(), SIGKILL);
    }
    errno = failure;
    return true;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int opened(int fd, const char *path)
{
    if (fd >= 0 && fd < 4096) {
        ours[fd] = is_below(path);
    }
    return fd;
}

#define OPEN(name)                                             \
    int name(const char *path, int flags, ...)                 \
    {                                                          \
        va_list arguments;                                     \
        mode_t mode;                                           \
                                                               \
        va_start(arguments, flags);                            \
        mode = va_arg(arguments, mode_t);                      \
        va_end(arguments);                                     \
        if (is_below(path) && fails()) {                       \
            return -1;                                         \
        }                                                      \
        return opened(REAL(name)(path, flags, mode), path);    \
    }

OPEN(open)
OPEN(open64)

ssize_t write(int fd, const void *data, size_t size)
{
    if (is_ours(fd)) {
        size_t half = size / 2;

        if (fails()) {
            return -1;
        }
        /* A signal in the middle of a write leaves what was written; so do we. */
        if (half && step == at) {
            if (REAL(write)(fd, data, half) < 0) {
                return -1;
            }
        }
        if (fails()) {
            return -1;
        }
    }
    return REAL(write)(fd, data, size);
}

/* The kernel outlives the process here, and waiting for the disk takes long. */
int fsync(int fd)
{
    if (is_ours(fd)) {
        return fails() ? -1 : 0;
    }
    return REAL(fsync)(fd);
}

int fchmod(int fd, mode_t mode)
{
    return is_ours(fd) && fails() ? -1 : REAL(fchmod)(fd, mode);
}

int flock(int fd, int operation);
int flock(int fd, int operation)
{
    return is_ours(fd) && fails() ? -1 : REAL(flock)(fd, operation);
}

int rename(const char *from, const char *to)
{
    return is_below(to) && fails() ? -1 : REAL(rename)(from, to);
}

int unlink(const char *path)
{
    return is_below(path) && fails() ? -1 : REAL(unlink)(path);
}

int mkdir(const char *path, mode_t mode)
{
    return is_below(path) && fails() ? -1 : REAL(mkdir)(path, mode);
}
