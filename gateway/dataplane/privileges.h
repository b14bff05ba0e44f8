/*
 * privileges.h: what a daemon keeps after start: a user of its own, exactly the capabilities it needs
 * (cygnetd: CAP_NET_ADMIN and CAP_NET_RAW), no new privileges, a seccomp list, no core dumps. Tested by
 * reading /proc/PID/status.
 */
#ifndef CYGNET_PRIVILEGES_H
#define CYGNET_PRIVILEGES_H

#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The user and group a daemon becomes. */
struct run_as {
	uid_t uid;
	gid_t gid;
};

/* Looks the user up by name or number, with its primary group. 0, -ENOENT (logged: how to create it). */
int run_as_lookup(const char *user, struct run_as *out);
/* First thing of all, as root and before any key can arrive: not dumpable, core limit 0, no memory of
 * ours in any dump, none of it swapped where that can be had. 0, -errno (logged). */
int privileges_guard_memory(void);
/* Sets of capabilities have the bit of each one's number. cygnetd keeps the first set. */
#define PRIVILEGES_DATAPLANE (PRIVILEGE(CAP_NET_ADMIN) | PRIVILEGE(CAP_NET_RAW))
#define PRIVILEGE(number)    (1ULL << (number))

/* Needed at start, effective: those and CAP_SETUID, CAP_SETGID, CAP_SETPCAP. -EPERM, with the missing
 * ones named in the log. */
int privileges_check(uint64_t needed);
/* Becomes the user, keeps these capabilities (permitted, effective; inheritable, ambient and
 * bounding empty), sets no_new_privs. Before threads are started. 0, -errno (logged). */
int privileges_drop(const struct run_as *run_as, uint64_t kept);
/* Installs the seccomp list for all threads; everything else is EPERM and said in the audit log. xdp:
 * AF_XDP sockets may be made, which see and send whole frames. Not in sanitizer builds. 0, -errno. */
int privileges_seccomp(bool xdp);

#endif
