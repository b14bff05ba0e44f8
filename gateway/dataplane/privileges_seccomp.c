/*
 * privileges_seccomp.c: the system calls cygnetd makes after its start. Everything else fails with
 * EPERM and is said in the audit log; the process lives on, because a daemon that is killed stops
 * protecting traffic. Above all it cannot start a program, trace one, load a module or mount.
 *
 * Who needs what: packet threads epoll, recvmmsg, sendmmsg, readv and writev; the control thread
 * its sockets, rtnetlink, sysctls under /proc and the file of sequence numbers; libnftables opens
 * netlink sockets anew; liburcu starts a thread of its own.
 */
#include "gateway/dataplane/privileges.h"

#include "gateway/dataplane/log.h"

#include <errno.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/sockios.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef CYGNET_SANITIZED

/* Calls that are allowed whatever their arguments. A name the machine's architecture does not have
 * (poll on arm64) is passed over. */
static const char *const allowed[] = {
	/* files: sysctls, state, the control socket's path */
	"openat", "close", "read", "write", "readv", "writev", "pread64", "pwrite64", "lseek",
	"fstat", "newfstatat", "stat", "lstat", "statx", "access", "faccessat", "faccessat2",
	"readlink", "readlinkat", "getdents64", "fsync", "fdatasync", "ftruncate", "flock", "fcntl",
	"unlink", "unlinkat", "rename", "renameat", "renameat2", "dup", "dup2", "dup3", "pipe2",
	/* sockets; which kinds may be made anew stands below */
	"bind", "connect", "listen", "accept", "accept4", "getsockname", "getpeername",
	"getsockopt", "setsockopt", "sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmsg",
	"recvmmsg", "shutdown",
	/* waiting and time */
	"epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll",
	"select", "pselect6", "eventfd2", "timerfd_create", "timerfd_settime", "timerfd_gettime",
	"clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time",
	"restart_syscall",
	/* memory; what may be executable stands below */
	"brk", "munmap", "mremap", "madvise", "mlock", "mlock2", "munlock", "membarrier",
	/* threads and signals; clone and tgkill stand below */
	"futex", "futex_waitv", "set_robust_list", "rseq", "set_tid_address", "sched_yield",
	"sched_getaffinity", "sched_setaffinity", "getcpu", "gettid", "getpid", "getppid", "exit",
	"exit_group", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait",
	"sigaltstack", "signalfd4",
	/* who and where we are */
	"getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "getgroups", "capget",
	"getrandom", "uname", "sysinfo", "getrusage"};

/* rtnetlink, nftables, control clients, raw ICMP and interface requests. */
static const int socket_families[] = {AF_UNIX, AF_NETLINK, AF_INET, AF_INET6};

/* Questions about descriptors and interfaces; the C library's stdio asks TCGETS. */
static const unsigned long ioctls[] = {FIONREAD,     FIONBIO,	   TCGETS,    SIOCGIFNAME,
				       SIOCGIFINDEX, SIOCGIFFLAGS, SIOCGIFMTU};

static int allow(scmp_filter_ctx ctx, const char *name, unsigned count,
		 const struct scmp_arg_cmp *args)
{
	int call = seccomp_syscall_resolve_name(name);

	if (call == __NR_SCMP_ERROR)
		return 0;
	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, call, count, args);
}

/* Argument number arg, masked, is value. Integers are masked to the 32 bits the kernel looks at. */
static int allow_if(scmp_filter_ctx ctx, const char *name, unsigned arg, uint64_t mask,
		    uint64_t value)
{
	const struct scmp_arg_cmp cmp = {
		.arg = arg, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};

	return allow(ctx, name, 1, &cmp);
}

static int allow_plain(scmp_filter_ctx ctx, bool xdp)
{
	int rc = 0;

	for (unsigned i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && !rc; i++)
		rc = allow(ctx, allowed[i], 0, NULL);
	for (unsigned i = 0; i < sizeof(socket_families) / sizeof(socket_families[0]) && !rc; i++)
		rc = allow_if(ctx, "socket", 0, UINT32_MAX, (uint32_t)socket_families[i]);
	if (!rc && xdp)
		rc = allow_if(ctx, "socket", 0, UINT32_MAX, AF_XDP);
	for (unsigned i = 0; i < sizeof(ioctls) / sizeof(ioctls[0]) && !rc; i++)
		rc = allow_if(ctx, "ioctl", 1, UINT32_MAX, (uint32_t)ioctls[i]);
	if (!rc)
		rc = allow_if(ctx, "socketpair", 0, UINT32_MAX, AF_UNIX);
	return rc;
}

/* No memory becomes executable; a library's own pages are mapped so and never writable. */
static int allow_memory(scmp_filter_ctx ctx)
{
	int rc = allow_if(ctx, "mprotect", 2, PROT_EXEC, 0);

	if (!rc)
		rc = allow_if(ctx, "mmap", 2, PROT_EXEC, 0);
	if (!rc)
		rc = allow_if(ctx, "mmap", 2, PROT_WRITE, 0);
	return rc;
}

/* Threads yes, processes no. clone3 hides its flags in memory; told that it does not exist, the C
 * library uses clone. */
static int allow_threads(scmp_filter_ctx ctx)
{
	int rc = allow_if(ctx, "clone", 0, CLONE_THREAD, CLONE_THREAD);

	if (!rc)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS),
				      seccomp_syscall_resolve_name("clone3"), 0);
	if (!rc)
		rc = allow_if(ctx, "prctl", 0, UINT32_MAX, PR_SET_NAME);
	/* abort() signals its own thread. */
	if (!rc)
		rc = allow_if(ctx, "tgkill", 0, UINT32_MAX, (uint32_t)getpid());
	/* Reading a limit (a thread's stack size) yes, setting one no. */
	if (!rc)
		rc = allow_if(ctx, "prlimit64", 2, UINT64_MAX, 0);
	return rc;
}

int privileges_seccomp(bool xdp)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc;

	if (!ctx) {
		log_warnx("seccomp: out of memory");
		return -ENOMEM;
	}
	rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!rc)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_LOG, 1);
	if (!rc)
		rc = allow_plain(ctx, xdp);
	if (!rc)
		rc = allow_memory(ctx);
	if (!rc)
		rc = allow_threads(ctx);
	if (!rc)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	if (rc) {
		errno = -rc;
		log_warn("seccomp: the list of system calls cannot be installed");
	}
	return rc;
}

#else

int privileges_seccomp(bool xdp)
{
	(void)xdp;
	log_debug("seccomp: not in a build with sanitizers, whose runtime needs other calls");
	return 0;
}

#endif
