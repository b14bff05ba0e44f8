/*
 * ledger.c: what a program that waits for EXPIRE (an IKE daemon) has put into cygnetd, and what
 * becomes of it when cygnetd starts anew with nothing. Its policies are put back as they were: there
 * is no secret in them, and while they stand nothing leaves in clear. Its SAs are told to have
 * expired, hard: the daemon then makes new ones with its peer. They are not put back, since the
 * window of sequence numbers that were seen is gone (RFC 4303 §3.4.3), and keys are not ours to keep.
 *
 * All of it is under the lock. Programs that do not wait for EXPIRE (ip) leave nothing here.
 */
#include "tools/shim/shim.h"

#include "xfrm/xfrm.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum { POLICY_BYTES_MAX = 4096, RESTORE_TIMEOUT_S = 2 };

struct ledger_policy {
	struct ledger_policy *next;
	uint8_t sel[sizeof(struct xfrm_selector)]; /* as bytes: what it is known by */
	uint8_t dir;
	uint32_t mark, mark_mask;
	size_t len;
	uint8_t request[]; /* UPDPOLICY */
};

static bool kept;
static struct ledger_policy *policies; /* owned */
static struct xfrm_usersa_info *sas;   /* owned */
static size_t sas_len, sas_lost;       /* of sas, the first ones went with a former cygnetd */
static pid_t server;		       /* whose SAs these are; 0: not known */

void ledger_keep(void)
{
	kept = true;
}

bool ledger_is_kept(void)
{
	return kept;
}

/* ---- SAs --------------------------------------------------------------------------------------------- */

static size_t find_sa(const xfrm_address_t *dst, uint16_t family, uint32_t spi, uint8_t proto)
{
	size_t bytes = family == AF_INET6 ? 16 : 4, i = 0;

	while (i < sas_len &&
	       (sas[i].family != family || sas[i].id.spi != spi || sas[i].id.proto != proto ||
		memcmp(&sas[i].id.daddr, dst, bytes) != 0))
		i++;
	return i;
}

static void note_sa(const struct xfrm_usersa_info *info)
{
	size_t i = find_sa(&info->id.daddr, info->family, info->id.spi, info->id.proto);
	struct xfrm_usersa_info *grown = sas;

	if (i == sas_len && !(sas_len & (sas_len - 1)))
		grown = reallocarray(sas, sas_len ? 2 * sas_len : 1, sizeof(*sas));
	if (!grown)
		return; /* it will not be told to have expired; its peer's silence will tell */
	sas = grown;
	sas[i] = *info;
	sas_len += i == sas_len;
}

/* The first len of them have been told. */
static void remove_told(size_t len)
{
	if (!len)
		return;
	sas_len -= len;
	sas_lost -= len;
	memmove(&sas[0], &sas[len], sas_len * sizeof(sas[0]));
}

static void remove_sa(size_t i)
{
	if (i >= sas_len)
		return;
	sas_len--;
	memmove(&sas[i], &sas[i + 1], (sas_len - i) * sizeof(sas[0]));
	sas_lost -= i < sas_lost;
}

static void flush_sas(uint8_t proto)
{
	for (size_t i = sas_len; i-- > 0;) {
		if (proto == 0 || sas[i].id.proto == proto)
			remove_sa(i);
	}
}

/* ---- policies ------------------------------------------------------------------------------------------ */

/* The mark among the attributes behind a message's body, by which policies differ, too. */
static void find_mark(const uint8_t *bytes, size_t len, size_t body, struct ledger_policy *out)
{
	size_t at = sizeof(struct nlmsghdr) + NLMSG_ALIGN(body);

	while (at < len && len - at >= sizeof(struct nlattr)) {
		struct xfrm_mark mark;
		struct nlattr attr;

		memcpy(&attr, bytes + at, sizeof(attr));
		if (attr.nla_len < sizeof(attr) || attr.nla_len > len - at)
			return;
		if (attr.nla_type == XFRMA_MARK && attr.nla_len >= sizeof(attr) + sizeof(mark)) {
			memcpy(&mark, bytes + at + sizeof(attr), sizeof(mark));
			out->mark = mark.v;
			out->mark_mask = mark.m;
			return;
		}
		at += NLMSG_ALIGN((size_t)attr.nla_len);
	}
}

static struct ledger_policy **find_policy(const struct ledger_policy *key)
{
	struct ledger_policy **at = &policies;

	while (*at && ((*at)->dir != key->dir || (*at)->mark != key->mark ||
		       (*at)->mark_mask != key->mark_mask ||
		       memcmp((*at)->sel, key->sel, sizeof(key->sel)) != 0))
		at = &(*at)->next;
	return at;
}

static void remove_policy(struct ledger_policy **at)
{
	struct ledger_policy *gone = *at;

	if (!gone)
		return;
	*at = gone->next;
	free(gone);
}

/* One that is there keeps its place: among equal priorities the older one is found first. */
static void note_policy(const uint8_t *bytes, size_t len, const struct xfrm_userpolicy_info *info)
{
	struct ledger_policy *policy = calloc(1, sizeof(*policy) + len), **at;
	struct nlmsghdr nlh;

	if (!policy)
		return;
	memcpy(policy->sel, &info->sel, sizeof(policy->sel));
	policy->dir = info->dir;
	find_mark(bytes, len, sizeof(*info), policy);
	memcpy(&nlh, bytes, sizeof(nlh));
	at = find_policy(policy);
	if (*at && nlh.nlmsg_type == XFRM_MSG_NEWPOLICY) {
		free(policy); /* it will be refused */
		return;
	}
	remove_policy(at);
	nlh.nlmsg_type = XFRM_MSG_UPDPOLICY;
	nlh.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	memcpy(policy->request, bytes, len);
	memcpy(policy->request, &nlh, sizeof(nlh));
	policy->len = len;
	policy->next = *at;
	*at = policy;
}

static void forget_policy(const uint8_t *bytes, size_t len, const struct xfrm_userpolicy_id *id)
{
	struct ledger_policy key = {.dir = id->dir};

	memcpy(key.sel, &id->sel, sizeof(key.sel));
	find_mark(bytes, len, sizeof(*id), &key);
	remove_policy(find_policy(&key));
}

/* ---- requests ------------------------------------------------------------------------------------------ */

static void note(const uint8_t *bytes, size_t len, uint16_t type)
{
	union {
		struct xfrm_usersa_info sa;
		struct xfrm_usersa_id sa_id;
		struct xfrm_usersa_flush flush;
		struct xfrm_userpolicy_info policy;
		struct xfrm_userpolicy_id policy_id;
	} body = {0};
	size_t room = len - sizeof(struct nlmsghdr);

	/* What is shorter than it must be is refused, and finds nothing here. */
	memcpy(&body, bytes + sizeof(struct nlmsghdr), room < sizeof(body) ? room : sizeof(body));
	switch (type) {
	case XFRM_MSG_NEWSA:
	case XFRM_MSG_UPDSA:
		note_sa(&body.sa);
		break;
	case XFRM_MSG_DELSA:
		remove_sa(find_sa(&body.sa_id.daddr, body.sa_id.family, body.sa_id.spi,
				  body.sa_id.proto));
		break;
	case XFRM_MSG_FLUSHSA:
		flush_sas(body.flush.proto);
		break;
	case XFRM_MSG_NEWPOLICY:
	case XFRM_MSG_UPDPOLICY:
		note_policy(bytes, len, &body.policy);
		break;
	case XFRM_MSG_DELPOLICY:
		forget_policy(bytes, len, &body.policy_id);
		break;
	case XFRM_MSG_FLUSHPOLICY:
		while (policies)
			remove_policy(&policies);
		break;
	default:
		break;
	}
}

void ledger_note(const struct iovec *iov, size_t iov_len)
{
	uint8_t bytes[POLICY_BYTES_MAX];
	struct nlmsghdr nlh;
	size_t offset = 0;

	while (kept && requests_gather(iov, iov_len, offset, &nlh, sizeof(nlh)) == sizeof(nlh)) {
		if (nlh.nlmsg_len < sizeof(nlh))
			break;
		if (nlh.nlmsg_len <= sizeof(bytes) &&
		    requests_gather(iov, iov_len, offset, bytes, nlh.nlmsg_len) == nlh.nlmsg_len)
			note(bytes, nlh.nlmsg_len, nlh.nlmsg_type);
		offset += NLMSG_ALIGN((size_t)nlh.nlmsg_len);
	}
	explicit_bzero(bytes, sizeof(bytes)); /* keys among them */
}

/* ---- a new cygnetd ------------------------------------------------------------------------------------- */

/* By a connection of its own, so that nobody else's answers are in between. */
static void restore_policies(void)
{
	const struct timeval timeout = {.tv_sec = RESTORE_TIMEOUT_S};
	const struct next_calls *next = next_calls();
	int fd = link_connect(SOCK_CLOEXEC, true);
	uint8_t answer[XFRM_DATAGRAM_MAX];

	if (fd < 0)
		return;
	(void)next->setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	for (const struct ledger_policy *p = policies; p; p = p->next) {
		/* One that is refused was refused before; one without an answer: cygnetd went again. */
		if (next->send(fd, p->request, p->len, MSG_NOSIGNAL) < 0 ||
		    next->recv(fd, answer, sizeof(answer), 0) <= 0)
			break;
	}
	next->close(fd);
}

void ledger_connected(int fd)
{
	struct ucred peer = {0};
	socklen_t len = sizeof(peer);

	/* The number is 0 if it is of another PID namespace: then every new connection is to a new one. */
	(void)next_calls()->getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
	if (!kept || (server && server == peer.pid))
		return;
	if (server || policies || sas_len)
		restore_policies();
	sas_lost = sas_len;
	server = peer.pid;
}

bool ledger_tell_lost(int fd)
{
	const size_t lost = sas_lost;
	size_t told = 0;

	for (; told < lost; told++) {
		const struct {
			struct nlmsghdr header;
			struct xfrm_user_expire expire;
		} event = {
			.header = {.nlmsg_len = sizeof(event), .nlmsg_type = XFRM_MSG_EXPIRE},
			.expire = {.state = sas[told], .hard = 1},
		};

		if (next_calls()->send(fd, &event, sizeof(event), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			break; /* full: the rest when these are read */
	}
	remove_told(told);
	return lost > 0;
}
