/*
 * ledger.c: what a program that waits for EXPIRE (an IKE daemon) has put into cygnetd, and what
 * becomes of it when cygnetd starts anew with nothing. Its policies are put back as they were: there
 * is no secret in them, and while they stand nothing leaves in clear. Its SAs are told to have
 * expired, hard: the daemon then makes new ones with its peer. They are not put back, since the
 * window of sequence numbers that were seen is gone (RFC 4303 §3.4.3), and keys are not ours to keep.
 *
 * What is asked about policies counts when it is acknowledged: one that was refused is not put back. An
 * acknowledgement may come from a cygnetd that has gone since and be read when the next one has its policies
 * already; then what it is about is asked once more. Of what is not acknowledged for sure, a policy stays.
 *
 * A program waits while we ask, so a cygnetd that did not answer us in time once is asked nothing more: what it
 * lacks, the next one gets.
 *
 * All of it is under the lock. Programs that do not wait for EXPIRE (ip) leave nothing here.
 */
#include "tools/shim/shim.h"

#include "xfrm/xfrm.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum { POLICY_BYTES_MAX = 4096, RESTORE_TIMEOUT_S = 2, PENDING_MAX = 256 };

struct ledger_policy {
	struct ledger_policy *next;
	uint8_t sel[sizeof(struct xfrm_selector)]; /* as bytes: what it is known by */
	uint8_t dir;
	uint32_t mark, mark_mask;
	size_t len;
	uint8_t request[]; /* UPDPOLICY */
};

/* A request about policies whose answer is due. */
struct ledger_pending {
	struct ledger_pending *next;
	const struct shim_socket *socket; /* to compare only */
	unsigned generation;		  /* as it was when it was sent */
	size_t len;
	uint8_t bytes[];
};

static bool kept;
static struct ledger_pending *pending; /* owned; oldest first */
static unsigned pending_len;
static unsigned generation;	       /* rises when a new cygnetd gets the policies */
static struct ledger_policy *policies; /* owned */
static struct xfrm_usersa_info *sas;   /* owned */
static size_t sas_len, sas_lost;       /* of sas, the first ones went with a former cygnetd */
static pid_t server;		       /* whose SAs these are; 0: not known */
static bool silent;		       /* it has not answered us, nor anybody since */

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
	/* Nobody will say that it was refused. */
	if (*at && nlh.nlmsg_type == XFRM_MSG_NEWPOLICY && !(nlh.nlmsg_flags & NLM_F_ACK)) {
		free(policy);
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

/* ---- asking on our own -------------------------------------------------------------------------------- */

/* A connection of its own, so that nobody else's answers are in between. Opened when something is asked. */
struct own {
	int fd; /* owned; -1: none */
};

static bool own_is_open(struct own *own)
{
	const struct timeval timeout = {.tv_sec = RESTORE_TIMEOUT_S};

	if (own->fd >= 0)
		return true;
	own->fd = link_connect(SOCK_CLOEXEC, true);
	if (own->fd < 0)
		return false;
	(void)next_calls()->setsockopt(own->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	return true;
}

static void own_fini(struct own *own)
{
	if (own->fd >= 0)
		next_calls()->close(own->fd);
}

/* No answer: cygnetd hangs, or went again. What is refused would have been refused before. */
static void ask(struct own *own, const uint8_t *request, size_t len)
{
	uint8_t answer[XFRM_DATAGRAM_MAX];

	if (silent)
		return;
	silent = !own_is_open(own) || next_calls()->send(own->fd, request, len, MSG_NOSIGNAL) < 0 ||
		 next_calls()->recv(own->fd, answer, sizeof(answer), 0) <= 0;
}

/* DELPOLICY of one that was put back. */
static void ask_deletion(struct own *own, const struct ledger_policy *policy)
{
	struct {
		struct nlmsghdr header;
		struct xfrm_userpolicy_id id;
		struct nlattr attr;
		struct xfrm_mark mark;
	} msg = {.header = {.nlmsg_type = XFRM_MSG_DELPOLICY,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
		 .id = {.dir = policy->dir},
		 .attr = {.nla_len = sizeof(msg.attr) + sizeof(msg.mark), .nla_type = XFRMA_MARK},
		 .mark = {policy->mark, policy->mark_mask}};

	static_assert(sizeof(msg) == sizeof(msg.header) + sizeof(msg.id) + sizeof(msg.attr) +
					     sizeof(msg.mark),
		      "netlink has no holes");
	memcpy(&msg.id.sel, policy->sel, sizeof(msg.id.sel));
	msg.header.nlmsg_len = sizeof(msg);
	ask(own, (const uint8_t *)&msg, sizeof(msg));
}

/* ---- requests ------------------------------------------------------------------------------------------ */

union body {
	struct xfrm_usersa_info sa;
	struct xfrm_usersa_id sa_id;
	struct xfrm_usersa_flush flush;
	struct xfrm_userpolicy_info policy;
	struct xfrm_userpolicy_id policy_id;
};

/* What is shorter than it must be is refused, and finds nothing here. */
static void get_body(const uint8_t *bytes, size_t len, union body *out)
{
	size_t room = len - sizeof(struct nlmsghdr);

	memset(out, 0, sizeof(*out));
	memcpy(out, bytes + sizeof(struct nlmsghdr), room < sizeof(*out) ? room : sizeof(*out));
}

/* False: it is not about SAs. */
static bool note_about_sas(const uint8_t *bytes, size_t len, uint16_t type)
{
	union body body;

	get_body(bytes, len, &body);
	switch (type) {
	case XFRM_MSG_NEWSA:
	case XFRM_MSG_UPDSA:
		note_sa(&body.sa);
		return true;
	case XFRM_MSG_DELSA:
		remove_sa(find_sa(&body.sa_id.daddr, body.sa_id.family, body.sa_id.spi,
				  body.sa_id.proto));
		return true;
	case XFRM_MSG_FLUSHSA:
		flush_sas(body.flush.proto);
		return true;
	default:
		return false;
	}
}

static bool is_about_policies(uint16_t type)
{
	return type == XFRM_MSG_NEWPOLICY || type == XFRM_MSG_UPDPOLICY ||
	       type == XFRM_MSG_DELPOLICY || type == XFRM_MSG_FLUSHPOLICY;
}

/* It was done. own: by a cygnetd that has gone, and the present one is to do it, too; else NULL. */
static void note_about_policies(const uint8_t *bytes, size_t len, struct own *own)
{
	struct nlmsghdr nlh;
	union body body;

	memcpy(&nlh, bytes, sizeof(nlh));
	get_body(bytes, len, &body);
	switch (nlh.nlmsg_type) {
	case XFRM_MSG_NEWPOLICY:
	case XFRM_MSG_UPDPOLICY:
		note_policy(bytes, len, &body.policy);
		if (own)
			ask(own, bytes, len); /* EEXIST is as good */
		break;
	case XFRM_MSG_DELPOLICY:
		forget_policy(bytes, len, &body.policy_id);
		if (own)
			ask(own, bytes, len);
		break;
	default: /* FLUSHPOLICY; the present one may have others' */
		for (; policies; remove_policy(&policies)) {
			if (own)
				ask_deletion(own, policies);
		}
		break;
	}
}

/* ---- answers that are due ------------------------------------------------------------------------------ */

/* Takes *at off the list. done: it was done, or may have been. */
static void settle(struct ledger_pending **at, bool done, struct own *own)
{
	struct ledger_pending *p = *at;

	*at = p->next;
	pending_len--;
	if (done)
		note_about_policies(p->bytes, p->len, p->generation != generation ? own : NULL);
	free(p);
}

static void settle_one(struct ledger_pending **at, bool done)
{
	struct own own = {-1};

	settle(at, done, &own);
	own_fini(&own);
}

/* Without memory it counts at once. */
static void append_pending(const struct shim_socket *s, const uint8_t *bytes, size_t len)
{
	struct ledger_pending *p = malloc(sizeof(*p) + len), **at = &pending;

	if (!p) {
		note_about_policies(bytes, len, NULL);
		return;
	}
	*p = (struct ledger_pending){.socket = s, .generation = generation, .len = len};
	memcpy(p->bytes, bytes, len);
	if (pending_len == PENDING_MAX)
		settle_one(&pending, true); /* nobody reads its answer */
	while (*at)
		at = &(*at)->next;
	*at = p;
	pending_len++;
}

static struct ledger_pending **find_pending(const struct shim_socket *s, uint32_t seq)
{
	struct ledger_pending **at = &pending;
	struct nlmsghdr nlh;

	for (; *at; at = &(*at)->next) {
		memcpy(&nlh, (*at)->bytes, sizeof(nlh));
		if ((*at)->socket == s && nlh.nlmsg_seq == seq)
			break;
	}
	return at;
}

void ledger_answered(const struct shim_socket *s, uint32_t seq, int error)
{
	struct ledger_pending **at = find_pending(s, seq);

	silent = false;
	if (*at)
		settle_one(at, error == 0);
}

void ledger_unsent(const struct shim_socket *s, const struct iovec *iov, size_t iov_len)
{
	struct nlmsghdr nlh;
	size_t offset = 0;

	while (pending && requests_gather(iov, iov_len, offset, &nlh, sizeof(nlh)) == sizeof(nlh) &&
	       nlh.nlmsg_len >= sizeof(nlh)) {
		struct ledger_pending **at = find_pending(s, nlh.nlmsg_seq);

		if (*at)
			settle_one(at, false);
		offset += NLMSG_ALIGN((size_t)nlh.nlmsg_len);
	}
}

void ledger_closed(const struct shim_socket *s)
{
	struct ledger_pending **at = &pending;
	struct own own = {-1};

	while (*at) {
		if ((*at)->socket == s)
			settle(at, true, &own);
		else
			at = &(*at)->next;
	}
	own_fini(&own);
}

static void note(const struct shim_socket *s, const uint8_t *bytes, const struct nlmsghdr *nlh)
{
	if (note_about_sas(bytes, nlh->nlmsg_len, nlh->nlmsg_type) ||
	    !is_about_policies(nlh->nlmsg_type))
		return;
	if (nlh->nlmsg_flags & NLM_F_ACK)
		append_pending(s, bytes, nlh->nlmsg_len);
	else
		note_about_policies(bytes, nlh->nlmsg_len, NULL);
}

void ledger_note(const struct shim_socket *s, const struct iovec *iov, size_t iov_len)
{
	uint8_t bytes[POLICY_BYTES_MAX];
	struct nlmsghdr nlh;
	size_t offset = 0;

	while (kept && requests_gather(iov, iov_len, offset, &nlh, sizeof(nlh)) == sizeof(nlh)) {
		if (nlh.nlmsg_len < sizeof(nlh))
			break;
		if (nlh.nlmsg_len <= sizeof(bytes) &&
		    requests_gather(iov, iov_len, offset, bytes, nlh.nlmsg_len) == nlh.nlmsg_len)
			note(s, bytes, &nlh);
		offset += NLMSG_ALIGN((size_t)nlh.nlmsg_len);
	}
	explicit_bzero(bytes, sizeof(bytes)); /* keys among them */
}

/* ---- a new cygnetd ------------------------------------------------------------------------------------- */

static void restore_policies(void)
{
	struct own own = {-1};

	for (const struct ledger_policy *p = policies; p && !silent; p = p->next)
		ask(&own, p->request, p->len);
	own_fini(&own);
}

void ledger_connected(int fd)
{
	struct ucred peer = {0};
	socklen_t len = sizeof(peer);

	/* The number is 0 if it is of another PID namespace: then every new connection is to a new one. */
	(void)next_calls()->getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
	if (!kept || (server && server == peer.pid))
		return;
	silent = false;
	if (server || policies || sas_len)
		restore_policies();
	generation++;
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
