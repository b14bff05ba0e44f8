/*
 * request.c: one request: parsed, handed to whoever serves its type, answered and
 * acknowledged as the kernel's netlink does it: a refusal is always answered, success only when
 * NLM_F_ACK asks, a GET by its data, a dump by its entries. Called by session.c.
 */
#include "gateway/dataplane/control/parts.h"
#include "gateway/dataplane/log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { ACK_ROOM = 512 }; /* header, capped request, sentence */

/* answers: what is served fills the message, which then goes out. */
static const struct service {
	uint16_t type;
	bool answers;
	int (*serve)(struct control *c, struct xfrm_message *msg, struct xfrm_error *err);
} services[] = {
	{XFRM_MSG_NEWSA, false, serve_new_sa},
	{XFRM_MSG_UPDSA, false, serve_update_sa},
	{XFRM_MSG_ALLOCSPI, true, serve_alloc_spi},
	{XFRM_MSG_DELSA, false, serve_delete_sa},
	{XFRM_MSG_FLUSHSA, false, serve_flush_sa},
	{XFRM_MSG_NEWPOLICY, false, serve_new_policy},
	{XFRM_MSG_UPDPOLICY, false, serve_new_policy},
	{XFRM_MSG_DELPOLICY, false, serve_delete_policy},
	{XFRM_MSG_FLUSHPOLICY, false, serve_flush_policy},
	{XFRM_MSG_GETSA, true, serve_get_sa},
	{XFRM_MSG_GETPOLICY, true, serve_get_policy},
	{XFRM_MSG_EXPIRE, false, serve_expire_sa},
	{XFRM_MSG_POLEXPIRE, false, serve_expire_policy},
	{XFRM_MSG_MIGRATE, false, serve_migrate},
	{XFRM_MSG_GETAE, true, serve_get_ae},
	{XFRM_MSG_NEWAE, false, serve_new_ae},
	{XFRM_MSG_GETSADINFO, true, serve_get_sad_info},
	{XFRM_MSG_GETSPDINFO, true, serve_get_spd_info},
	{XFRM_MSG_NEWSPDINFO, false, serve_set_spd_info},
	{XFRM_MSG_GETDEFAULT, true, serve_get_default},
	{XFRM_MSG_SETDEFAULT, false, serve_set_default},
	{CYGNET_MSG_GETSTATUS, true, serve_get_status},
};

int request_ack(struct session *s, const struct nlmsghdr *nlh, const struct xfrm_error *err)
{
	return request_ack_with(s, nlh, err, -1);
}

int request_ack_with(struct session *s, const struct nlmsghdr *nlh, const struct xfrm_error *err,
		     int fd)
{
	struct datagram *d = datagram_new(ACK_ROOM);

	if (!d) {
		if (fd >= 0)
			close(fd);
		return -ENOMEM;
	}
	d->fd = fd;
	d->len = xfrm_put_ack(d->bytes, d->size, nlh, session_pid(s, nlh->nlmsg_pid), err);
	return session_push(s, d);
}

static int start_dump(struct session *s, const struct xfrm_message *msg, struct xfrm_error *err)
{
	struct dump *dump = &s->dump;

	if (dump->active)
		return xfrm_error_set(err, -EBUSY, 0, "a dump is under way on this connection");
	*dump = (struct dump){.active = true,
			      .type = msg->type,
			      .seq = msg->seq,
			      .pid = msg->pid,
			      .filter = msg->filter};
	sadb_walk_begin(s->control->deps.db, &dump->walk, msg->type != XFRM_MSG_GETSA);
	return 0;
}

static const struct service *find_service(uint16_t type)
{
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		if (services[i].type == type)
			return &services[i];
	}
	return NULL;
}

/* *out_of_memory: an answer could not be queued. */
static int serve(struct session *s, struct xfrm_message *msg, struct xfrm_error *err,
		 bool *out_of_memory)
{
	const struct service *service = find_service(msg->type);
	int rc;

	if (!service && msg->type == CYGNET_MSG_GETTUNNEL)
		return xfrm_error_set(err, -EOPNOTSUPP, 0, "tunnels are asked for by a dump");
	if (!service)
		/* ACQUIRE: a kernel would ask its managers, for tests of theirs. */
		return xfrm_error_set(err, msg->type == XFRM_MSG_ACQUIRE ? -EOPNOTSUPP : -EINVAL, 0,
				      "message type %u is an answer, not a request", msg->type);
	s->control->by_ike = s->is_ike;
	rc = service->serve(s->control, msg, err);
	s->control->by_ike = false;
	if (rc || !service->answers)
		return rc;
	msg->flags = 0;
	*out_of_memory = session_answer(s, msg) < 0;
	return 0;
}

/* Not netlink's own: its type is below NLMSG_MIN_TYPE, which nobody else uses. */
static int handle_ctl(struct session *s, const struct nlmsghdr *nlh, size_t len)
{
	struct xfrm_error err = {0};
	struct xfrm_message msg;

	if (xfrm_parse(nlh, len, &msg, &err))
		return request_ack(s, nlh, &err);
	session_ctl(s, &msg.ctl);
	return nlh->nlmsg_flags & NLM_F_ACK ? request_ack(s, nlh, NULL) : 0;
}

/* Keys leave the daemon for a file: that is root's to want, and for others to see afterwards. */
static int take_keys(struct session *s, const struct nlmsghdr *nlh)
{
	struct xfrm_error err = {0};

	if (s->peer.uid != 0)
		(void)xfrm_error_set(&err, -EPERM, 0, "only root may write keys to a file");
	else
		log_warnx("control: root (process %d) takes the keys of %u SAs for a file",
			  (int)s->peer.pid, sadb_sa_count(s->control->deps.db));
	return request_ack(s, nlh, &err);
}

static int hear_misfits(struct session *s, const struct nlmsghdr *nlh)
{
	session_hear_misfits(s);
	return nlh->nlmsg_flags & NLM_F_ACK ? request_ack(s, nlh, NULL) : 0;
}

int request_handle(struct session *s, const struct nlmsghdr *nlh, size_t len)
{
	bool wants_ack = nlh->nlmsg_flags & NLM_F_ACK, out_of_memory = false;
	struct xfrm_error err = {0};
	struct xfrm_message msg;
	int rc;

	if (nlh->nlmsg_type == CYGNET_MSG_CTL)
		return handle_ctl(s, nlh, len);
	/* Not for us, as the kernel sees it; but whoever wants it acknowledged gets that. */
	if (!(nlh->nlmsg_flags & NLM_F_REQUEST) || nlh->nlmsg_type < NLMSG_MIN_TYPE)
		return wants_ack ? request_ack(s, nlh, NULL) : 0;
	rc = xfrm_parse(nlh, len, &msg, &err);
	if (rc)
		return request_ack(s, nlh, &err);
	msg.pid = session_pid(s, msg.pid); /* of answers and of the events it causes */
	if (msg.type == CYGNET_MSG_IKEREG)
		return encap_register(s, nlh, &msg);
	if (msg.type == CYGNET_MSG_TAKEKEYS)
		return take_keys(s, nlh);
	if (msg.type == CYGNET_MSG_MISFITREG)
		return hear_misfits(s, nlh);
	if (msg.dump) {
		rc = start_dump(s, &msg, &err);
		wants_ack = false; /* NLMSG_DONE says it */
	} else {
		rc = serve(s, &msg, &err, &out_of_memory);
	}
	xfrm_message_cleanse(&msg);
	if (out_of_memory)
		return -ENOMEM;
	return rc || wants_ack ? request_ack(s, nlh, &err) : 0;
}
