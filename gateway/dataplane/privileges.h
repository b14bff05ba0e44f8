/*
 * privileges.h: what cygnetd keeps after start: its own user, exactly CAP_NET_ADMIN and
 * CAP_NET_RAW, no new privileges, a seccomp list, no core dumps. Tested by reading
 * /proc/PID/status.
 */
#ifndef CYGNET_PRIVILEGES_H
#define CYGNET_PRIVILEGES_H

#include <sys/types.h>

/* The user and group cygnetd becomes. */
struct run_as {
	uid_t uid;
	gid_t gid;
};

/* Looks the user up by name or number, with its primary group. 0, -ENOENT (logged: how to create it). */
int run_as_lookup(const char *user, struct run_as *out);
/* First thing of all, as root and before any key can arrive: not dumpable, core limit 0, no memory of
 * ours in any dump, none of it swapped where that can be had. 0, -errno (logged). */
int privileges_guard_memory(void);
/* Needed at start: effective CAP_NET_ADMIN, CAP_NET_RAW, CAP_SETUID, CAP_SETGID, CAP_SETPCAP. -EPERM, with
 * the missing ones named in the log. */
int privileges_check(void);
/* Becomes the user, keeps the two capabilities (permitted, effective; inheritable, ambient and
 * bounding empty), sets no_new_privs. Before threads are started. 0, -errno (logged). */
int privileges_drop(const struct run_as *run_as);
/* Installs the seccomp list for all threads; everything else is EPERM and said in the audit log. Not in sanitizer builds. 0, -errno. */
int privileges_seccomp(void);

#endif
