/*
 * exec_target.h: can a library be loaded into this program by LD_PRELOAD? For `cygnet exec`, which
 * would rather refuse than start a program that talks to the kernel after all.
 */
#ifndef CYGNET_EXEC_TARGET_H
#define CYGNET_EXEC_TARGET_H

#include <stddef.h>

/* Finds name as execvp(3) would, into path. 0; -ENOENT, -EACCES, -ENAMETOOLONG. */
int exec_target_find(const char *name, char *path, size_t size);

/* NULL: it can, as far as the file tells. Else why not, as the end of a sentence that begins with the
 * path: statically linked, set-user-ID and the like, of another word size, no program at all.
 * Scripts are judged by their interpreter. */
const char *exec_target_refusal(const char *path);

#endif
