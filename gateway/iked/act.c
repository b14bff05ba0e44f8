/*
 * act.c: does what the machine asks for, and tells it what XFRM says.
 */
#include "gateway/iked/control.h"
#include "gateway/iked/iked.h"
#include "gateway/iked/leftovers.h"

#include "gateway/dataplane/log.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- events ----------------------------------------------------------------------------------- */

static const char *event_name(enum ike_event_kind kind)
{
	static const char *const names[] = {
		[IKE_EV_IKE_UP] = "up",
		[IKE_EV_IKE_DOWN] = "down",
		[IKE_EV_CHILD_UP] = "child up",
		[IKE_EV_CHILD_DOWN] = "child down",
		[IKE_EV_IKE_REKEYED] = "rekeyed",
		[IKE_EV_CHILD_REKEYED] = "child rekeyed",
		[IKE_EV_FAILED] = "failed",
		[IKE_EV_RETRY] = "",
		[IKE_EV_MOVED] = "moved",
		[IKE_EV_REFUSED] = "refused",
		[IKE_EV_NOTICE] = "",
	};

	return names[kind];
}

static void format_event(const struct ike_event *e, char *buf, size_t size)
{
	char remote[IP_ADDR_TEXT_MAX];
	size_t used = 0;

	if (e->connection)
		used += (size_t)snprintf(buf, size, "%s%s%s: ", e->connection, e->child ? "/" : "",
					 e->child ? e->child : "");
	else if (e->ends.remote.family)
		used += (size_t)snprintf(buf, size,
					 "%s port %u: ", ip_addr_format(&e->ends.remote, remote),
					 e->ends.remote_port);
	used += (size_t)snprintf(buf + used, size - used, "%s", event_name(e->kind));
	if (e->text && e->text[0])
		used += (size_t)snprintf(buf + used, size - used, "%s%.*s",
					 event_name(e->kind)[0] ? ": " : "",
					 (int)(size - used - 100), e->text);
	if (e->spi_in)
		snprintf(buf + used, size - used, " (SPIs 0x%08x in, 0x%08x out)", e->spi_in,
			 e->spi_out);
}

/* A child is up when its SAs are in XFRM, of which the machine hears later. */
static bool is_refused(const struct iked *d, const struct ike_event *e)
{
	return (e->kind == IKE_EV_CHILD_UP || e->kind == IKE_EV_CHILD_REKEYED) && d->refused.spi &&
	       (d->refused.spi == e->spi_in || d->refused.spi == e->spi_out);
}

static void say_event(struct iked *d, const struct ike_event *event)
{
	struct ike_event copy = *event;
	const struct ike_event *e = &copy;
	char text[900];

	if (is_refused(d, event)) {
		copy.kind = IKE_EV_FAILED;
		copy.text = d->refused.text;
	}
	format_event(e, text, sizeof(text));
	switch (e->kind) {
	case IKE_EV_FAILED:
	case IKE_EV_REFUSED:
		log_warnx("%s", text);
		break;
	case IKE_EV_NOTICE:
		log_debug("%s", text);
		break;
	default:
		log_info("%s", text);
	}
	control_on_event(d->control, e, text);
}

/* ---- actions ---------------------------------------------------------------------------------- */

static void add_sa(struct iked *d, const struct ike_action *a)
{
	struct xfrm_error err;

	/* Without XFRM nothing is refused: when it is there again, all that it lacks gets new keys. */
	if (installed_add_sa(d->installed, &a->sa, &err) == 0 || !xfrm_link_is_up(d->link))
		return;
	d->refused_sas = true;
	d->refused.spi = a->sa.spi;
	snprintf(d->refused.text, sizeof(d->refused.text),
		 "agreed on with the peer, but its %s SA was refused here: %s",
		 a->sa.inbound ? "inbound" : "outbound", err.text);
}

static void move_sa(struct iked *d, const struct ike_action *a)
{
	if (!installed_move_sa(d->installed, &a->old_dst, &a->sa))
		d->lost_sas = true;
}

static void set_address(struct iked *d, const struct ip_addr *addr, bool there)
{
	char text[IP_ADDR_TEXT_MAX];
	int rc = hostwatch_set_address(d->hosts, addr, there);

	ip_addr_format(addr, text);
	if (rc)
		log_warnx("virtual address %s cannot be %s: %s%s", text,
			  there ? "added" : "removed", strerror(-rc),
			  rc == -EPERM ? " (vips were not configured at start)" : "");
	else
		log_info("virtual address %s %s", text, there ? "added" : "removed");
}

static void perform(struct iked *d, const struct ike_action *a)
{
	switch (a->kind) {
	case IKE_SEND:
		if (a->send.len)
			net_send(d->net, &a->send.ends, a->send.data, a->send.len,
				 a->send.keepalive);
		break;
	case IKE_ADD_SA:
		add_sa(d, a);
		break;
	case IKE_DELETE_SA:
		installed_delete_sa(d->installed, &a->sa);
		break;
	case IKE_MOVE_SA:
		move_sa(d, a);
		break;
	case IKE_ADD_POLICIES:
		installed_add_policies(d->installed, &a->policy);
		break;
	case IKE_DELETE_POLICIES:
		installed_delete_policies(d->installed, &a->policy);
		break;
	case IKE_ADD_ADDRESS:
	case IKE_DELETE_ADDRESS:
		set_address(d, &a->address, a->kind == IKE_ADD_ADDRESS);
		break;
	case IKE_EVENT:
		say_event(d, &a->event);
		break;
	case IKE_KEYS:
		control_on_keys(d->control, &a->keys);
		break;
	}
}

static void set_timer(struct iked *d)
{
	uint64_t next = ike_next_tick(d->ike), now = iked_now_ms(), wait;
	struct timeval tv;

	if (next == UINT64_MAX) {
		event_del(d->tick);
		return;
	}
	wait = next > now ? next - now : 0;
	tv = (struct timeval){.tv_sec = (time_t)(wait / 1000),
			      .tv_usec = (suseconds_t)(wait % 1000 * 1000)};
	event_add(d->tick, &tv);
}

static void drain(struct iked *d)
{
	struct ike_action action;

	while (ike_next_action(d->ike, &action))
		perform(d, &action);
}

static bool stands(void *ctx, const struct ip_addr *dst, uint32_t spi)
{
	return installed_has_sa(ctx, dst, spi);
}

void iked_pump(struct iked *d)
{
	drain(d);
	d->refused.spi = 0; /* a peer may use the number again */
	while (d->lost_sas || d->refused_sas) {
		bool lost = d->lost_sas;

		d->lost_sas = d->refused_sas = false;
		if (lost)
			ike_on_sas_lost(d->ike, iked_now_ms(), stands, d->installed);
		else
			ike_on_sas_refused(d->ike, iked_now_ms(), stands, d->installed);
		drain(d);
	}
	if (installed_take_changed(d->installed))
		leftovers_note(d->leftovers, d->installed);
	set_timer(d);
}

/* ---- XFRM ------------------------------------------------------------------------------------- */

static void on_acquire(struct iked *d, const struct xfrm_acquire *acquire)
{
	struct ike_ts src, dst;

	request_flow(&acquire->sel, &src, &dst);
	ike_on_acquire(d->ike, iked_now_ms(), acquire->policy.config.tmpl.reqid, &src, &dst,
		       acquire->seq);
}

static void on_misfit(struct iked *d, const struct sa_id *id, const struct cygnet_misfit *misfit)
{
	struct ike_ts from, to;

	request_flow(&misfit->flow, &from, &to);
	ike_on_bad_selector(d->ike, iked_now_ms(), &id->dst, id->spi, &from, &to, misfit->quote,
			    misfit->quote_len);
}

void iked_on_xfrm(struct iked *d, const struct xfrm_message *event)
{
	const struct sa_id *id = &event->sa.config.id;

	switch (event->type) {
	case XFRM_MSG_ACQUIRE:
		on_acquire(d, &event->acquire);
		break;
	case XFRM_MSG_EXPIRE:
		ike_on_expire(d->ike, iked_now_ms(), &id->dst, id->spi, event->hard);
		break;
	case XFRM_MSG_MAPPING:
		ike_on_mapping(d->ike, iked_now_ms(), &id->dst, id->spi, &event->is.addr,
			       event->is.port);
		break;
	case CYGNET_MSG_MISFIT:
		on_misfit(d, id, &event->misfit);
		break;
	default:
		return;
	}
	iked_pump(d);
}

void iked_poll_use(struct iked *d)
{
	struct ip_addr dst, src;
	uint32_t spi;

	for (unsigned i = 0; installed_inbound_at(d->installed, i, &dst, &src, &spi); i++) {
		struct xfrm_message msg = {.type = XFRM_MSG_GETSA}, reply = {0};
		uint64_t now = (uint64_t)time(NULL);
		struct xfrm_error err;

		msg.sa.config.id = (struct sa_id){.dst = dst, .spi = spi, .proto = IPPROTO_ESP};
		msg.sa.config.src = src;
		if (xfrm_link_get(d->link, &msg, &reply, &err) == 0 && reply.sa.status.last_use &&
		    reply.sa.status.last_use <= now)
			ike_on_inbound(d->ike, iked_now_ms(), &dst, spi,
				       now - reply.sa.status.last_use);
		xfrm_message_cleanse(&reply);
	}
	iked_pump(d);
}
