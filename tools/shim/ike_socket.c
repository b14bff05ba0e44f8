/*
 * ike_socket.c: what an IKE daemon asks the kernel to do with its UDP sockets for IPsec's sake.
 *
 * UDP_ENCAP (RFC 3948) would hand ESP to the kernel's own IPsec, and a kernel that has none answers
 * it with ICMP errors. cygnetd takes its copies beside the socket; all that is left to do is
 * to keep them from the daemon.
 *
 * IP_XFRM_POLICY and IPV6_XFRM_POLICY let IKE pass by all policies. cygnetd lets pass by what carries its mark, so
 * that is what such a socket gets.
 */
#include "tools/shim/shim.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/xfrm.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

#ifndef IP_XFRM_POLICY
#define IP_XFRM_POLICY 17
#endif
#ifndef IPV6_XFRM_POLICY
#define IPV6_XFRM_POLICY 35
#endif

/* gateway/dataplane/capture/capture.h has the same. */
enum { CYGNET_MARK = 0x219 };

enum { ENCAP_OFF = 0, ENCAP_ESP = 2, UDP_HEADER = 8, MARKER = 4 };

/* A UDP socket's filter sees the UDP header first. IKE has a marker of zeros behind it (RFC 3948 §2.2);
 * keepalives are shorter than one. */
static int keep_ike_only(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, UDP_HEADER + MARKER, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, UDP_HEADER),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	return next_calls()->setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
					sizeof(program));
}

static int keep_all(int fd)
{
	int none = 0;

	if (next_calls()->setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none)) < 0 &&
	    errno != ENOENT)
		return -1;
	return 0;
}

static int encapsulate(int fd, const void *value, socklen_t len)
{
	int kind;

	if (!value || len < (socklen_t)sizeof(kind)) {
		errno = EINVAL;
		return -1;
	}
	kind = *(const int *)value;
	if (kind == ENCAP_OFF)
		return keep_all(fd);
	if (kind == ENCAP_ESP)
		return keep_ike_only(fd);
	errno = ENOPROTOOPT; /* the drafts' kind, which nobody speaks any more */
	return -1;
}

/* Nothing but "let it pass" is what cygnetd's mark means; as nothing else is asked for by IKE daemons, it is refused and
 * not taken for that. No value, as the kernel has it: the socket is like others again. */
static int let_pass(int fd, const void *value, socklen_t len)
{
	struct xfrm_userpolicy_info policy;
	int mark = CYGNET_MARK;

	if (!value || len == 0) {
		mark = 0;
	} else if (len < (socklen_t)sizeof(policy)) {
		errno = EINVAL;
		return -1;
	} else {
		memcpy(&policy, value, sizeof(policy));
		if (policy.action != XFRM_POLICY_ALLOW || len > (socklen_t)sizeof(policy)) {
			errno = EOPNOTSUPP;
			return -1;
		}
	}
	return next_calls()->setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
}

bool ike_socket_option(int fd, int level, int option, const void *value, socklen_t len, int *rc)
{
	if (level == IPPROTO_UDP && option == UDP_ENCAP) {
		*rc = encapsulate(fd, value, len);
		return true;
	}
	if ((level == IPPROTO_IP && option == IP_XFRM_POLICY) ||
	    (level == IPPROTO_IPV6 && option == IPV6_XFRM_POLICY)) {
		*rc = let_pass(fd, value, len);
		return true;
	}
	return false;
}
