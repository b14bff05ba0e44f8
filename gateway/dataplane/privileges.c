/*
 * privileges.c: see privileges.h. Called by the daemons: guard_memory first of all, check
 * before anything is opened, drop when the devices and sockets are open, seccomp last. The
 * capability work is libcap-ng's, the filter's program libseccomp's; the list itself is in
 * privileges_seccomp.c.
 */
#include "gateway/dataplane/privileges.h"

#include "gateway/dataplane/log.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static bool parse_uid(const char *text, uid_t *out)
{
	unsigned long value;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	value = strtoul(text, &end, 10);
	/* The last value means "leave it as it is" to setresuid. */
	if (errno || *end || value >= UINT32_MAX)
		return false;
	*out = (uid_t)value;
	return true;
}

int run_as_lookup(const char *user, struct run_as *out)
{
	const struct passwd *entry;
	uid_t uid;

	errno = 0;
	entry = getpwnam(user);
	if (!entry && parse_uid(user, &uid))
		entry = getpwuid(uid);
	if (!entry) {
		log_err("there is no user \"%s\": create it with systemd-sysusers, or with "
			"useradd --system --no-create-home --shell /usr/sbin/nologin %s",
			user, user);
		return -ENOENT;
	}
	out->uid = entry->pw_uid;
	out->gid = entry->pw_gid;
	return 0;
}

/* Without it a core file, or a debugger of the same user, would have the keys. */
static int forbid_dumps(void)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
		int rc = -errno;

		log_warn("no core dumps: prctl");
		return rc;
	}
	return 0;
}

/* Should a core be written after all, nothing that is memory of ours goes into it: the same as
 * MADV_DONTDUMP for each mapping there is and will be. Keys live on in cipher contexts and buffers all
 * over the heap, so a corner of it for keys alone would protect little. */
static int leave_dumps_empty(void)
{
	int fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);
	int rc = 0;

	if (fd < 0 || write(fd, "0", 1) != 1)
		rc = -errno;
	if (fd >= 0)
		close(fd);
	if (rc)
		log_warnx("memory in core dumps: %s", strerror(-rc));
	return rc;
}

/* Nothing is ever written to swap. Pages are locked as they come into use, so that large sparse
 * buffers cost no more than before; the limit is lifted while we may, or allocations would begin to
 * fail at it. A machine that forbids this is used all the same. */
static void keep_out_of_swap(void)
{
#ifndef CYGNET_SANITIZED
	const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};

	if (setrlimit(RLIMIT_MEMLOCK, &all) < 0 ||
	    mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
		log_info("keys may be swapped to disk: memory cannot be locked (%s)",
			 strerror(errno));
#endif
}

int privileges_guard_memory(void)
{
	const struct rlimit none = {0, 0};
	/* First: of a process that is not dumpable, /proc is root's. */
	int rc = leave_dumps_empty();

	if (!rc)
		rc = forbid_dumps();
	if (rc)
		return rc;
	if (setrlimit(RLIMIT_CORE, &none) < 0) {
		rc = -errno;
		log_warn("no core dumps: setrlimit");
		return rc;
	}
	keep_out_of_swap();
	return 0;
}

int privileges_check(uint64_t needed)
{
	char missing[128] = "";
	size_t len = 0;

	if (capng_get_caps_process() < 0) {
		log_err("capabilities of this process cannot be read");
		return -EPERM;
	}
	needed |= PRIVILEGE(CAP_SETUID) | PRIVILEGE(CAP_SETGID) | PRIVILEGE(CAP_SETPCAP);
	for (unsigned i = 0; i <= CAP_LAST_CAP; i++) {
		if (!(needed & PRIVILEGE(i)) || capng_have_capability(CAPNG_EFFECTIVE, i))
			continue;
		len += (size_t)snprintf(missing + len, sizeof(missing) - len, " cap_%s",
					capng_capability_to_name(i));
	}
	if (len == 0)
		return 0;
	log_err("start this as root; capabilities missing:%s", missing);
	return -EPERM;
}

/* Reads back what the kernel says: the change has many steps, and a half-done one is worse than
 * none because nobody would notice. */
static bool drop_is_complete(const struct run_as *run_as, uint64_t keep)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (getresuid(&ruid, &euid, &suid) < 0 || getresgid(&rgid, &egid, &sgid) < 0)
		return false;
	if (ruid != run_as->uid || euid != run_as->uid || suid != run_as->uid ||
	    rgid != run_as->gid || egid != run_as->gid || sgid != run_as->gid ||
	    getgroups(0, NULL) != 0)
		return false;
	if (capng_get_caps_process() < 0)
		return false;
	for (unsigned i = 0; i <= CAP_LAST_CAP; i++) {
		bool kept = keep & PRIVILEGE(i);

		if (!!capng_have_capability(CAPNG_EFFECTIVE, i) != kept ||
		    !!capng_have_capability(CAPNG_PERMITTED, i) != kept ||
		    capng_have_capability(CAPNG_INHERITABLE, i) ||
		    capng_have_capability(CAPNG_BOUNDING_SET, i) ||
		    capng_have_capability(CAPNG_AMBIENT, i))
			return false;
	}
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

int privileges_drop(const struct run_as *run_as, uint64_t kept)
{
	int rc;

	if (run_as->uid == 0) {
		log_err("refusing to run as root: name a user of its own");
		return -EINVAL;
	}
	capng_clear(CAPNG_SELECT_ALL);
	for (unsigned i = 0; i <= CAP_LAST_CAP; i++) {
		if ((kept & PRIVILEGE(i)) &&
		    capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, i) < 0) {
			log_err("capabilities cannot be chosen");
			return -EPERM;
		}
	}
	rc = capng_change_id((int)run_as->uid, (int)run_as->gid,
			     CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING | CAPNG_CLEAR_AMBIENT);
	if (rc < 0) {
		log_err("becoming user %u, group %u failed (libcap-ng step %d)", run_as->uid,
			run_as->gid, rc);
		return -EPERM;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		rc = -errno;
		log_warn("no_new_privs");
		return rc;
	}
	/* The kernel resets the flag when the user changes, to what fs.suid_dumpable says. */
	rc = forbid_dumps();
	if (rc)
		return rc;
	if (!drop_is_complete(run_as, kept)) {
		log_err("privileges are not what they should be after dropping them");
		return -EPERM;
	}
	return 0;
}
