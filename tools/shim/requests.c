/*
 * requests.c: what a program has asked and not been told yet. Whoever waits for an answer waits
 * without a limit (charon, pluto), since the kernel never fails to give one: so if cygnetd goes in
 * between, the answer is ENETDOWN.
 */
#include "tools/shim/shim.h"

#include <errno.h>
#include <linux/xfrm.h>
#include <string.h>

size_t requests_gather(const struct iovec *iov, size_t iov_len, size_t offset, void *out,
		       size_t len)
{
	size_t done = 0;

	for (size_t i = 0; i < iov_len && done < len; i++) {
		size_t take;

		if (offset >= iov[i].iov_len) {
			offset -= iov[i].iov_len;
			continue;
		}
		take = iov[i].iov_len - offset;
		if (take > len - done)
			take = len - done;
		memcpy((char *)out + done, (const char *)iov[i].iov_base + offset, take);
		done += take;
		offset = 0;
	}
	return done;
}

/* Those that are answered by data; others are if they ask for an acknowledgement. */
static bool is_get(uint16_t type)
{
	switch (type) {
	case XFRM_MSG_GETSA:
	case XFRM_MSG_GETPOLICY:
	case XFRM_MSG_ALLOCSPI:
	case XFRM_MSG_GETAE:
	case XFRM_MSG_GETSADINFO:
	case XFRM_MSG_GETSPDINFO:
	case XFRM_MSG_GETDEFAULT:
		return true;
	default:
		return false;
	}
}

static bool take_header(const struct nlmsghdr *nlh, size_t left, struct shim_request *out,
			size_t *step)
{
	size_t len = NLMSG_ALIGN((size_t)nlh->nlmsg_len);

	*step = nlh->nlmsg_len >= sizeof(*nlh) && len < left ? len : 0;
	out->seq = nlh->nlmsg_seq;
	out->pid = nlh->nlmsg_pid;
	out->type = nlh->nlmsg_type;
	out->flags = nlh->nlmsg_flags;
	return nlh->nlmsg_flags & NLM_F_REQUEST && nlh->nlmsg_type >= NLMSG_MIN_TYPE &&
	       (nlh->nlmsg_flags & NLM_F_ACK || is_get(nlh->nlmsg_type));
}

bool requests_read(const void *bytes, size_t len, struct shim_request *out, size_t *step)
{
	struct nlmsghdr nlh;

	*step = 0;
	if (len < sizeof(nlh))
		return false;
	memcpy(&nlh, bytes, sizeof(nlh));
	return take_header(&nlh, len, out, step);
}

/* ---- what is due ------------------------------------------------------------------------------- */

static void remove_at(struct shim_socket *s, unsigned i)
{
	s->requests_len--;
	memmove(&s->requests[i], &s->requests[i + 1],
		(s->requests_len - i) * sizeof(s->requests[0]));
}

static void add(struct shim_socket *s, const struct shim_request *request)
{
	if (s->requests_len == SHIM_REQUESTS_MAX)
		remove_at(s, 0);
	s->requests[s->requests_len++] = *request;
}

static void remove_seq(struct shim_socket *s, uint32_t seq)
{
	for (unsigned i = 0; i < s->requests_len; i++) {
		if (s->requests[i].seq == seq) {
			remove_at(s, i);
			return;
		}
	}
}

static size_t total(const struct iovec *iov, size_t iov_len)
{
	size_t len = 0;

	for (size_t i = 0; i < iov_len; i++)
		len += iov[i].iov_len;
	return len;
}

static void each_request(struct shim_socket *s, const struct iovec *iov, size_t iov_len, bool note)
{
	size_t len = total(iov, iov_len), offset = 0, step;
	struct shim_request request;
	struct nlmsghdr nlh;

	do {
		if (requests_gather(iov, iov_len, offset, &nlh, sizeof(nlh)) < sizeof(nlh))
			return;
		if (take_header(&nlh, len - offset, &request, &step)) {
			if (note)
				add(s, &request);
			else
				remove_seq(s, request.seq);
		}
		offset += step;
	} while (step);
}

void requests_note(struct shim_socket *s, const struct iovec *iov, size_t iov_len)
{
	each_request(s, iov, iov_len, true);
}

void requests_undo(struct shim_socket *s, const struct iovec *iov, size_t iov_len)
{
	each_request(s, iov, iov_len, false);
}

void requests_answer(struct shim_socket *s, const struct iovec *iov, size_t iov_len, size_t len)
{
	size_t offset = 0, step;
	struct shim_request answer;
	struct nlmsghdr nlh;
	int error;

	do {
		if (len - offset < sizeof(nlh) ||
		    requests_gather(iov, iov_len, offset, &nlh, sizeof(nlh)) < sizeof(nlh))
			return;
		(void)take_header(&nlh, len - offset, &answer, &step); /* it is an answer */
		if (!(answer.flags & NLM_F_MULTI) || answer.type == NLMSG_DONE)
			remove_seq(s, answer.seq);
		/* One that was cut before its error is no answer yet. */
		if (answer.type == NLMSG_ERROR && len - offset >= sizeof(nlh) + sizeof(error) &&
		    requests_gather(iov, iov_len, offset + sizeof(nlh), &error, sizeof(error)) ==
			    sizeof(error))
			ledger_answered(s, answer.seq, error);
		offset += step;
	} while (step);
}

void requests_refuse(const struct shim_socket *s, int fd, const struct shim_request *request)
{
	const struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
	} answer = {
		.header = {.nlmsg_len = sizeof(answer),
			   .nlmsg_type = NLMSG_ERROR,
			   .nlmsg_flags = NLM_F_CAPPED,
			   .nlmsg_seq = request->seq,
			   .nlmsg_pid = s->portid},
		.error = {.error = -ENETDOWN,
			  .msg = {.nlmsg_len = sizeof(struct nlmsghdr),
				  .nlmsg_type = request->type,
				  .nlmsg_flags = request->flags,
				  .nlmsg_seq = request->seq,
				  .nlmsg_pid = request->pid}},
	};

	/* No room: the program does not read. */
	(void)next_calls()->send(fd, &answer, sizeof(answer), MSG_DONTWAIT | MSG_NOSIGNAL);
}
