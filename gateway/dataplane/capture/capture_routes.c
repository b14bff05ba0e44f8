/*
 * capture_routes.c: makes the kernel's routes in our two tables agree with a plan, through
 * RTM_NEWROUTE and RTM_DELROUTE, changing only what differs. The order of the changes matters:
 * at no moment may protected traffic find another way out, nor a LAN lose its own.
 */
#include "gateway/dataplane/capture/capture_routes.h"

#include "gateway/dataplane/capture/rtnl.h"
#include "gateway/dataplane/log.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

/* 1024 is what IPv6 makes of "no metric"; named for both families it makes them alike. */
enum { METRIC = 1024, DUMP_TRIES = 5 };
#define METRIC_GUARD UINT32_MAX

/* ---- messages ------------------------------------------------------------------------------ */

static uint8_t type_of(uint8_t kind)
{
	switch (kind) {
	case PLAN_TUN:
		return RTN_UNICAST;
	case PLAN_GUARD:
		return RTN_UNREACHABLE;
	default:
		return RTN_THROW;
	}
}

static struct nlmsghdr *route_message(struct capture_routes *c, uint16_t type, uint16_t flags,
				      const struct plan_route *route)
{
	struct nlmsghdr *nlh = rtnl_begin(c->rtnl, type, flags);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));

	rtm->rtm_family = route->dst.addr.family;
	rtm->rtm_dst_len = route->dst.len;
	rtm->rtm_table = route->table;
	rtm->rtm_protocol = CAPTURE_PROTOCOL;
	rtm->rtm_type = type_of(route->kind);
	rtm->rtm_scope = RT_SCOPE_UNIVERSE;
	rtnl_put_addr(nlh, RTA_DST, &route->dst.addr);
	mnl_attr_put_u32(nlh, RTA_PRIORITY, route->kind == PLAN_GUARD ? METRIC_GUARD : METRIC);
	if (route->kind == PLAN_TUN) {
		if (route->dst.addr.family == AF_INET)
			rtm->rtm_scope = RT_SCOPE_LINK;
		mnl_attr_put_u32(nlh, RTA_OIF, (uint32_t)c->tun_ifindex);
	}
	return nlh;
}

static int install(struct capture_routes *c, const struct plan_route *route)
{
	struct nlmsghdr *nlh = route_message(c, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route);

	if (route->prefsrc.family != AF_UNSPEC)
		rtnl_put_addr(nlh, RTA_PREFSRC, &route->prefsrc);
	if (route->mtu) {
		struct nlattr *metrics = mnl_attr_nest_start(nlh, RTA_METRICS);

		mnl_attr_put_u32(nlh, RTAX_MTU, route->mtu);
		mnl_attr_nest_end(nlh, metrics);
	}
	return rtnl_ask(c->rtnl);
}

static int uninstall(struct capture_routes *c, const struct plan_route *route)
{
	struct nlmsghdr *nlh = route_message(c, RTM_DELROUTE, 0, route);
	struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	int err;

	rtm->rtm_scope = RT_SCOPE_NOWHERE; /* any */
	err = rtnl_ask(c->rtnl);
	/* The kernel was there first: the link or the preferred source is gone. */
	return err == -ESRCH || err == -ENODEV ? 0 : err;
}

/* False if the message is no route of ours. */
static bool parse(const struct capture_routes *c, const struct nlmsghdr *nlh,
		  struct installed_route *out)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[RTA_TABLE + 1], *metrics[RTAX_MTU + 1];
	struct plan_route *route = &out->route;
	uint32_t table, metric;

	if (nlh->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(nlh) < sizeof(*rtm) ||
	    rtm->rtm_protocol != CAPTURE_PROTOCOL || rtm->rtm_flags & RTM_F_CLONED)
		return false;
	rtnl_attrs(nlh, sizeof(*rtm), tb, RTA_TABLE);
	rtnl_nested_attrs(tb[RTA_METRICS], metrics, RTAX_MTU);
	table = rtnl_u32(tb[RTA_TABLE], rtm->rtm_table);
	metric = rtnl_u32(tb[RTA_PRIORITY], 0);
	*out = (struct installed_route){0};
	if (rtm->rtm_type == RTN_UNREACHABLE && metric == METRIC_GUARD)
		route->kind = PLAN_GUARD;
	else if (rtm->rtm_type == RTN_THROW && metric == METRIC)
		route->kind = PLAN_THROW;
	else if (rtm->rtm_type == RTN_UNICAST && metric == METRIC)
		route->kind = PLAN_TUN;
	else
		return false;
	if (table != CAPTURE_TABLE && table != CAPTURE_RULE_TABLE)
		return false;
	route->table = (uint8_t)table;
	route->dst.addr = rtnl_addr(tb[RTA_DST], rtm->rtm_family);
	route->dst.addr.family = rtm->rtm_family; /* 0/0 has no RTA_DST */
	route->dst.len = rtm->rtm_dst_len;
	route->prefsrc = rtnl_addr(tb[RTA_PREFSRC], rtm->rtm_family);
	route->mtu = rtnl_u32(metrics[RTAX_MTU], 0);
	out->stale =
		route->kind == PLAN_TUN && rtnl_u32(tb[RTA_OIF], 0) != (uint32_t)c->tun_ifindex;
	return true;
}

/* ---- what is installed --------------------------------------------------------------------- */

static struct installed_route *find(const struct capture_routes *c, const struct plan_route *route)
{
	return c->count ? bsearch(route, c->list, c->count, sizeof(*c->list), plan_route_compare)
			: NULL;
}

static bool is_planned(const struct plan *plan, const struct plan_route *route)
{
	return plan->route_count && bsearch(route, plan->routes, plan->route_count,
					    sizeof(*plan->routes), plan_route_compare);
}

static bool routes_equal(const struct plan_route *a, const struct plan_route *b)
{
	return a->kind == b->kind && a->mtu == b->mtu && ip_addr_equal(&a->prefsrc, &b->prefsrc);
}

static int append(struct capture_routes *c, const struct installed_route *route)
{
	if ((c->count & (c->count - 1)) == 0) {
		size_t room = c->count ? c->count * 2 : 1;
		struct installed_route *grown = reallocarray(c->list, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		c->list = grown;
	}
	c->list[c->count++] = *route;
	return 0;
}

static void sort(struct capture_routes *c)
{
	if (c->count)
		qsort(c->list, c->count, sizeof(*c->list), plan_route_compare);
}

struct dump {
	struct capture_routes found;
	int err;
};

static void take(void *ctx, const struct nlmsghdr *nlh)
{
	struct dump *dump = ctx;
	struct installed_route route;

	if (parse(&dump->found, nlh, &route) && append(&dump->found, &route) < 0)
		dump->err = -ENOMEM;
}

static int read_table(struct dump *dump, uint8_t family, uint8_t table)
{
	struct nlmsghdr *nlh = rtnl_begin(dump->found.rtnl, RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	int err;

	rtm->rtm_family = family;
	rtm->rtm_table = table;
	rtm->rtm_protocol = CAPTURE_PROTOCOL;
	err = rtnl_read(dump->found.rtnl, take, dump);
	if (err == -ENOENT) /* nobody has made the table yet */
		err = 0;
	return err ? err : dump->err;
}

static int read_tables(struct dump *dump)
{
	static const struct {
		uint8_t family, table;
	} all[] = {{AF_INET, CAPTURE_TABLE},
		   {AF_INET, CAPTURE_RULE_TABLE},
		   {AF_INET6, CAPTURE_TABLE},
		   {AF_INET6, CAPTURE_RULE_TABLE}};
	int err = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && !err; i++)
		err = read_table(dump, all[i].family, all[i].table);
	return err;
}

int capture_routes_read(struct capture_routes *c, bool leftover)
{
	struct dump dump;
	int err = -EINTR;

	for (int i = 0; i < DUMP_TRIES && err == -EINTR; i++) {
		dump = (struct dump){.found = {.rtnl = c->rtnl, .tun_ifindex = c->tun_ifindex}};
		err = read_tables(&dump);
		if (err)
			free(dump.found.list);
	}
	if (err)
		return err;
	sort(&dump.found);
	for (size_t i = 0; i < dump.found.count; i++) {
		const struct installed_route *before = find(c, &dump.found.list[i].route);

		dump.found.list[i].leftover = leftover || (before && before->leftover);
	}
	capture_routes_fini(c);
	*c = dump.found;
	return 0;
}

/* ---- changes ------------------------------------------------------------------------------- */

static void log_refused(const char *what, const struct plan_route *route, int err)
{
	char text[IP_ADDR_TEXT_MAX];

	log_warnx("cannot %s the route to %s/%u in table %u: %s", what,
		  ip_addr_format(&route->dst.addr, text), (unsigned)route->dst.len,
		  (unsigned)route->table, strerror(-err));
}

/* One route of the plan. Appended ones stand behind the first sorted, where find looks. */
static void add_route(struct capture_routes *c, size_t sorted, const struct plan_route *route)
{
	struct capture_routes known = *c;
	struct installed_route *old;
	int err;

	known.count = sorted;
	old = find(&known, route);
	if (old && !old->stale && routes_equal(&old->route, route)) {
		old->leftover = false;
		return;
	}
	err = install(c, route);
	if (!err && old)
		*old = (struct installed_route){.route = *route};
	else if (!err)
		err = append(c, &(struct installed_route){.route = *route});
	if (err)
		log_refused("add", route, err);
}

void capture_routes_add(struct capture_routes *c, const struct plan *plan)
{
	/* Exceptions before what they are excepted from: a wide capture must not take the LAN for
	 * a moment. The guard last: before the TUN's route it would refuse packets. */
	static const uint8_t order[] = {PLAN_THROW, PLAN_TUN, PLAN_GUARD};
	size_t sorted = c->count;

	for (size_t k = 0; k < sizeof(order); k++)
		for (size_t i = 0; i < plan->route_count; i++)
			if (plan->routes[i].kind == order[k])
				add_route(c, sorted, &plan->routes[i]);
	sort(c);
}

/* Whether something planned now captures around this throw. */
static bool is_captured(const struct plan *plan, const struct plan_route *route)
{
	for (size_t i = 0; i < plan->route_count; i++)
		if (plan->routes[i].kind == PLAN_TUN &&
		    ip_prefix_covers(&plan->routes[i].dst, &route->dst))
			return true;
	return false;
}

/* A leftover guard keeps its place, and a leftover exception too as long as only leftover guards
 * stand around it: an exception in what is protected now is a hole. */
static bool is_kept(const struct plan *plan, const struct installed_route *r)
{
	return r->leftover && (r->route.kind == PLAN_GUARD ||
			       (r->route.kind == PLAN_THROW && !is_captured(plan, &r->route)));
}

void capture_routes_trim(struct capture_routes *c, const struct plan *plan, bool keep_leftovers)
{
	/* The reverse of adding. */
	static const uint8_t order[] = {PLAN_GUARD, PLAN_TUN, PLAN_THROW};

	for (size_t k = 0; k < sizeof(order); k++) {
		size_t kept = 0;

		for (size_t i = 0; i < c->count; i++) {
			struct installed_route *r = &c->list[i];
			int err = 0;

			if (r->route.kind == order[k] && !is_planned(plan, &r->route) &&
			    !(keep_leftovers && is_kept(plan, r))) {
				err = uninstall(c, &r->route);
				if (!err)
					continue;
				log_refused("delete", &r->route, err);
			}
			c->list[kept++] = *r;
		}
		c->count = kept;
	}
}

bool capture_routes_have_leftovers(const struct capture_routes *c)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->list[i].leftover)
			return true;
	return false;
}

void capture_routes_fini(struct capture_routes *c)
{
	free(c->list);
	c->list = NULL;
	c->count = 0;
}
