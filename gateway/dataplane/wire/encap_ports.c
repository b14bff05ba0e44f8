/*
 * encap_ports.c: which UDP ports are open for encapsulated ESP, and who gets the IKE datagrams that
 * come by them; see encap_ports.h. control/encap.c calls it for SAs and clients, the packet thread
 * asks encap_ports_find.
 *
 * A change is a new table. The packet thread may still use what the old one names, so that is freed
 * when it has gone on.
 */
#include "gateway/dataplane/wire/encap_ports.h"

#include "gateway/dataplane/log.h"
#include "gateway/dataplane/rcu.h"
#include "gateway/dataplane/wire/ike_relay.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { IKE_PORT = 500 };

struct entry {
	struct entry *next;
	struct encap_port *port; /* owned until it is retired */
	unsigned users;
};

struct encap_ports {
	/* Set at creation, then immutable. */
	struct event_base *base; /* borrowed */
	uint32_t mark;
	struct encap_listener listener;

	struct entry *entries;
	unsigned count;
	bool closing;			     /* a port was closed, and may still be bound */
	_Atomic(struct encap_table *) table; /* owned until it is retired; NULL: no ports */
	struct ike_relay *relays;	     /* owned */
};

struct encap_port *encap_ports_find(const struct encap_ports *p, uint8_t family, uint16_t port)
{
	return encap_table_find(atomic_load_explicit(&p->table, memory_order_acquire), family,
				port);
}

int encap_ports_new(struct encap_ports **out, struct event_base *base, uint32_t mark,
		    struct encap_listener listener)
{
	struct encap_ports *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->base = base;
	p->mark = mark;
	p->listener = listener;
	*out = p;
	return 0;
}

/* A table of all entries but one. NULL if out of memory. */
static struct encap_table *make_table(const struct encap_ports *p, const struct entry *without)
{
	struct encap_table *table = malloc(sizeof(*table) + p->count * sizeof(struct encap_port *));

	if (!table)
		return NULL;
	table->count = 0;
	for (const struct entry *e = p->entries; e; e = e->next) {
		if (e != without)
			table->at[table->count++] = e->port;
	}
	return table;
}

static void publish(struct encap_ports *p, struct encap_table *table)
{
	struct encap_table *old = atomic_load_explicit(&p->table, memory_order_relaxed);

	atomic_store_explicit(&p->table, table, memory_order_release);
	if (old)
		rcu_retire(old, free);
}

static struct entry *find_entry(const struct encap_ports *p, uint8_t family, uint16_t port)
{
	struct entry *e = p->entries;

	while (e && (e->port->family != family || e->port->port != port))
		e = e->next;
	return e;
}

static bool other_family_has(const struct encap_ports *p, const struct encap_port *port)
{
	return find_entry(p, port->family == AF_INET ? AF_INET6 : AF_INET, port->port);
}

static void say_opened(const struct encap_port *port)
{
	log_info("UDP port %u carries ESP over IPv%c%s", port->port,
		 port->family == AF_INET6 ? '6' : '4',
		 port->foreign ? ", beside the process that holds it" : "");
}

static void unlink_entry(struct encap_ports *p, struct entry *e)
{
	struct entry **at = &p->entries;

	while (*at != e) {
		assert(*at); /* or e is in no list */
		at = &(*at)->next;
	}
	*at = e->next;
	p->count--;
}

static int add_entry(struct encap_ports *p, struct entry *e)
{
	struct encap_table *table;
	int rc;

	e->next = p->entries;
	p->entries = e;
	p->count++;
	table = make_table(p, NULL);
	rc = table ? p->listener.watch(p->listener.ctx, e->port, true) : -ENOMEM;
	if (rc < 0) {
		free(table);
		unlink_entry(p, e);
		return rc;
	}
	publish(p, table);
	return 0;
}

/* Who holds the port may be ourselves: a socket closes when the packet thread has gone on, at once,
 * but "flush" and "add" in one file are quicker. Waiting for that is rare and short. */
static int open_port(struct encap_ports *p, struct encap_port **out, uint8_t family, uint16_t port)
{
	int rc = encap_port_open(out, family, port, p->mark);

	if (rc < 0 || !(*out)->foreign || !p->closing)
		return rc;
	encap_port_close(*out);
	rcu_drain();
	p->closing = false;
	return encap_port_open(out, family, port, p->mark);
}

int encap_ports_get(struct encap_ports *p, uint8_t family, uint16_t port)
{
	struct entry *e = find_entry(p, family, port);
	int rc;

	if (e) {
		e->users++;
		return 0;
	}
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	rc = open_port(p, &e->port, family, port);
	if (rc == 0) {
		rc = add_entry(p, e);
		if (rc < 0)
			encap_port_close(e->port);
	}
	if (rc < 0) {
		errno = -rc;
		log_warn("UDP port %u over IPv%c", port, family == AF_INET6 ? '6' : '4');
		free(e);
		return rc;
	}
	e->users = 1;
	say_opened(e->port);
	if (!other_family_has(p, e->port))
		p->listener.used(p->listener.ctx, port, true);
	return 0;
}

void encap_ports_put(struct encap_ports *p, uint8_t family, uint16_t port)
{
	struct entry *e = find_entry(p, family, port);
	struct encap_table *table;

	assert(e && e->users);
	if (--e->users)
		return;
	table = make_table(p, e);
	if (!table) {
		e->users++; /* out of memory: it stays open until the end */
		return;
	}
	(void)p->listener.watch(p->listener.ctx, e->port, false); /* nothing to do about failure */
	if (!other_family_has(p, e->port))
		p->listener.used(p->listener.ctx, port, false);
	unlink_entry(p, e);
	publish(p, table);
	rcu_retire(e->port, encap_port_close);
	p->closing = true;
	free(e);
}

bool encap_ports_none(const struct encap_ports *p)
{
	return !p->entries;
}

/* ---- IKE ------------------------------------------------------------------------------------ */

static const uint8_t families[] = {AF_INET, AF_INET6};

static void set_owner(struct encap_port *port, struct ike_owner *owner)
{
	struct ike_owner *old = atomic_load_explicit(&port->ike, memory_order_relaxed);

	atomic_store_explicit(&port->ike, owner, memory_order_release);
	if (old)
		rcu_retire(old, ike_owner_free);
}

/* The client closed its end, or registering did not come to an end. */
static void forget_relay(void *ctx, struct ike_relay *relay)
{
	struct encap_ports *p = ctx;
	const uint16_t port = ike_relay_port(relay);

	for (unsigned i = 0; i < 2; i++) {
		struct entry *e = find_entry(p, families[i], port);

		if (!ike_relay_uses(relay, families[i]))
			continue;
		set_owner(e->port, NULL);
		encap_ports_put(p, families[i], port);
	}
	ike_relay_free(&p->relays, relay);
}

static int take_family(struct encap_ports *p, struct ike_relay *relay, uint8_t family)
{
	struct ike_owner *owner;
	struct entry *e;
	int rc = encap_ports_get(p, family, ike_relay_port(relay));

	if (rc == -EAFNOSUPPORT)
		return 0;
	if (rc < 0)
		return rc;
	e = find_entry(p, family, ike_relay_port(relay));
	rc = e->port->foreign ? -EADDRINUSE : ike_relay_use(relay, family, &owner);
	if (rc < 0)
		encap_ports_put(p, family, ike_relay_port(relay));
	else
		set_owner(e->port, owner);
	return rc;
}

int encap_ports_register(struct encap_ports *p, uint16_t port, int *client)
{
	const struct ike_relay_end end = {forget_relay, p};
	struct ike_relay *relay;
	int rc;

	if (port == 0 || port == IKE_PORT)
		return -EINVAL;
	if (ike_relay_find(p->relays, port))
		return -EBUSY;
	rc = ike_relay_new(&relay, p->base, port, p->mark, end, client);
	if (rc < 0)
		return rc;
	ike_relay_link(&p->relays, relay);
	for (unsigned i = 0; rc == 0 && i < 2; i++)
		rc = take_family(p, relay, families[i]);
	if (rc < 0) {
		ike_relay_close_client(client);
		forget_relay(p, relay);
	}
	return rc;
}

void encap_ports_keepalive(const struct encap_ports *p, const struct udp_ends *ends, uint32_t mark)
{
	const struct encap_port *port = encap_ports_find(p, ends->src.family, ends->sport);
	const struct wire_dest dest = {
		.src = ends->src, .dst = ends->dst, .dport = ends->dport, .mark = mark};
	uint8_t byte = 0xff;
	struct iovec iov = {&byte, sizeof(byte)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct sockaddr_storage to;
	union {
		struct cmsghdr align;
		uint8_t bytes[WIRE_CONTROL_MAX];
	} control;

	if (!port || port->foreign)
		return;
	(void)wire_address(&msg, &to, &control, &dest);
	(void)sendmsg(port->fd, &msg, MSG_DONTWAIT); /* lost is lost: the next one follows */
}

void encap_ports_free(struct encap_ports *p)
{
	struct entry *e;

	if (!p)
		return;
	while (p->relays)
		forget_relay(p, p->relays);
	while ((e = p->entries)) {
		p->entries = e->next;
		encap_port_close(e->port);
		free(e);
	}
	free(atomic_load_explicit(&p->table, memory_order_relaxed));
	free(p);
}
