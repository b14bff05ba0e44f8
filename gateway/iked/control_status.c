/*
 * control_status.c: IKE SAs and their children as JSON, one object an IKE SA, with what XFRM counted.
 * Field names are an interface: cygnet(8) prints them, scripts read them.
 */
#include "gateway/iked/control.h"
#include "gateway/iked/iked.h"

#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const char *state_name(enum ike_sa_state state)
{
	static const char *const names[] = {
		[IKE_STATE_CONNECTING] = "connecting", [IKE_STATE_UP] = "up",
		[IKE_STATE_REKEYING] = "rekeying",     [IKE_STATE_REKEYED] = "rekeyed",
		[IKE_STATE_DELETING] = "deleting",     [IKE_STATE_WAITING] = "waiting",
	};

	return names[state];
}

static json_t *selectors(const struct ike_ts_list *list)
{
	json_t *array = json_array();
	char text[IKE_TS_TEXT_MAX];

	for (unsigned i = 0; list && i < list->count; i++)
		(void)json_array_append_new(array, json_string(ike_ts_format(&list->at[i], text)));
	return array;
}

static json_t *hex(uint64_t value, int digits)
{
	char text[24];

	snprintf(text, sizeof(text), "%0*llx", digits, (unsigned long long)value);
	return json_string(text);
}

/* UINT64_MAX is never: null. */
static json_t *seconds(uint64_t value)
{
	return value == UINT64_MAX ? json_null() : json_integer((json_int_t)value);
}

static void add_counters(struct iked *d, json_t *object, const char *bytes, const char *packets,
			 const struct ip_addr *src, const struct ip_addr *dst, uint32_t spi)
{
	struct xfrm_message msg = {.type = XFRM_MSG_GETSA}, reply = {0};
	struct xfrm_error err;

	msg.sa.config.id = (struct sa_id){.dst = *dst, .spi = spi, .proto = IPPROTO_ESP};
	msg.sa.config.src = *src;
	if (xfrm_link_get(d->link, &msg, &reply, &err) < 0)
		return;
	(void)json_object_set_new(object, bytes, json_integer((json_int_t)reply.sa.status.bytes));
	(void)json_object_set_new(object, packets,
				  json_integer((json_int_t)reply.sa.status.packets));
	xfrm_message_cleanse(&reply);
}

static json_t *child_object(struct iked *d, const struct ike_status *sa,
			    const struct ike_child_status *c)
{
	char suite[64] = "";
	json_t *object;

	if (c->suite.encr)
		esp_suite_name(&c->suite, suite);
	object = json_pack("{s:s,s:i,s:o,s:o,s:s,s:s,s:b,s:b,s:i,s:o,s:o,s:o,s:o}", "name", c->name,
			   "reqid", (int)c->reqid, "spi_in", hex(c->spi_in, 8), "spi_out",
			   hex(c->spi_out, 8), "state",
			   c->deleting	 ? "deleting"
			   : c->rekeying ? "rekeying"
					 : "up",
			   "suite", suite, "esn", c->esn, "udp", c->udp, "dh_group", c->dh_group,
			   "age", seconds(c->age_s), "rekey_in", seconds(c->rekey_in_s), "local_ts",
			   selectors(c->local_ts), "remote_ts", selectors(c->remote_ts));
	if (object) {
		add_counters(d, object, "bytes_in", "packets_in", &sa->ends.remote, &sa->ends.local,
			     c->spi_in);
		add_counters(d, object, "bytes_out", "packets_out", &sa->ends.local,
			     &sa->ends.remote, c->spi_out);
	}
	return object;
}

static void format_end(const struct ip_addr *addr, uint16_t port, char *buf, size_t size)
{
	char text[IP_ADDR_TEXT_MAX];

	snprintf(buf, size, "%s[%u]", addr->family ? ip_addr_format(addr, text) : "%any", port);
}

static json_t *addresses(const struct ike_status *sa)
{
	json_t *array = json_array();
	char text[IP_ADDR_TEXT_MAX];

	for (unsigned i = 0; i < sa->vip_count; i++)
		(void)json_array_append_new(array, json_string(ip_addr_format(&sa->vips[i], text)));
	return array;
}

static json_t *sa_object(struct iked *d, unsigned i, const struct ike_status *sa)
{
	char local[64], remote[64], local_id[IKE_ID_TEXT_MAX] = "", remote_id[IKE_ID_TEXT_MAX] = "";
	char suite[IKE_PROPOSAL_TEXT_MAX] = "";
	struct ike_child_status child;
	json_t *children = json_array(), *object;

	format_end(&sa->ends.local, sa->ends.local_port, local, sizeof(local));
	format_end(&sa->ends.remote, sa->ends.remote_port, remote, sizeof(remote));
	if (sa->local_id.type)
		ike_id_format(&sa->local_id, local_id);
	if (sa->remote_id.type)
		ike_id_format(&sa->remote_id, remote_id);
	if (sa->suite.count)
		ike_proposal_format(&sa->suite, suite, sizeof(suite));
	object = json_pack(
		"{s:s,s:s,s:b,s:s,s:s,s:s,s:s,s:o,s:o,s:s,s:b,s:b,s:b,s:b,s:o,s:o,s:o,s:o}",
		"connection", sa->connection, "state", state_name(sa->state), "initiator",
		sa->initiator, "local", local, "remote", remote, "local_id", local_id, "remote_id",
		remote_id, "spi_i", hex(sa->spi_i, 16), "spi_r", hex(sa->spi_r, 16), "suite", suite,
		"nat_here", sa->nat_here, "nat_there", sa->nat_there, "fragmentation",
		sa->fragmentation, "ppk", sa->ppk, "age", seconds(sa->age_s), "rekey_in",
		seconds(sa->rekey_in_s), "last_heard", seconds(sa->last_heard_s), "vips",
		addresses(sa));
	for (unsigned k = 0; ike_child_status_at(d->ike, iked_now_ms(), i, k, &child); k++)
		(void)json_array_append_new(children, child_object(d, sa, &child));
	(void)json_object_set_new(object, "children", children);
	return object;
}

/* Connections without an IKE SA, so that what is configured and down shows too. */
static void add_idle(struct control_client *client)
{
	const struct iked *d = control_iked(client);

	for (unsigned i = 0; i < d->config->ike.connection_count; i++) {
		const char *name = d->config->ike.connections[i].name;
		struct ike_status sa;
		bool found = false;

		for (unsigned k = 0; !found && ike_status_at(d->ike, iked_now_ms(), k, &sa); k++)
			found = sa.connection && !strcmp(sa.connection, name);
		if (!found)
			control_send(client, json_pack("{s:{s:s,s:s,s:[]}}", "sa", "connection",
						       name, "state", "down", "children"));
	}
}

void control_status(struct control_client *client)
{
	struct iked *d = control_iked(client);
	struct ike_status sa;

	for (unsigned i = 0; ike_status_at(d->ike, iked_now_ms(), i, &sa); i++)
		control_send(client, json_pack("{s:o}", "sa", sa_object(d, i, &sa)));
	add_idle(client);
	control_send(client,
		     json_pack("{s:b,s:i,s:b}", "ok", 1, "half_open",
			       (int)ike_half_open_count(d->ike), "xfrm", xfrm_link_is_up(d->link)));
}
