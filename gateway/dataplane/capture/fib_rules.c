/*
 * fib_rules.c: RTM_NEWRULE and RTM_DELRULE, see fib_rules.h. All our rules carry FRA_PROTOCOL 219
 * and are deleted by their full contents, so a rule an administrator put at one of our preferences
 * is never touched.
 */
#include "gateway/dataplane/capture/fib_rules.h"

#include "gateway/dataplane/capture/plan_rules.h"
#include "gateway/dataplane/capture/rtnl.h"
#include "gateway/dataplane/log.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DUMP_TRIES = 5 };

/* ---- messages ------------------------------------------------------------------------------ */

static struct nlmsghdr *begin(struct fib_rules *f, uint16_t type, uint32_t pref,
			      struct fib_rule_hdr **header)
{
	uint16_t flags = type == RTM_NEWRULE ? NLM_F_CREATE | NLM_F_EXCL : 0;
	struct nlmsghdr *nlh = rtnl_begin(f->rtnl, type, flags);

	*header = mnl_nlmsg_put_extra_header(nlh, sizeof(**header));
	(*header)->family = f->family;
	mnl_attr_put_u32(nlh, FRA_PRIORITY, pref);
	mnl_attr_put_u8(nlh, FRA_PROTOCOL, CAPTURE_PROTOCOL);
	return nlh;
}

static void put_lookup(struct fib_rule_hdr *header, uint8_t table)
{
	header->action = FR_ACT_TO_TBL;
	header->table = table;
}

static void put_goto(struct nlmsghdr *nlh, struct fib_rule_hdr *header, uint32_t pref)
{
	header->action = FR_ACT_GOTO;
	mnl_attr_put_u32(nlh, FRA_GOTO, pref);
}

/* New: an equal one that is there already is as good. Deleted: one that is gone is gone. */
static int ask(struct fib_rules *f, uint16_t type)
{
	int err = rtnl_ask(f->rtnl);

	if (type == RTM_NEWRULE)
		return err == -EEXIST ? 0 : err;
	return err == -ENOENT || err == -ESRCH ? 0 : err;
}

static int change_base(struct fib_rules *f, uint16_t type)
{
	struct fib_rule_hdr *header;
	struct nlmsghdr *nlh = begin(f, type, CAPTURE_PREF, &header);

	put_lookup(header, CAPTURE_TABLE);
	header->flags = FIB_RULE_INVERT;
	mnl_attr_put_u32(nlh, FRA_FWMARK, CAPTURE_MARK);
	return ask(f, type);
}

static int change_marked(struct fib_rules *f, uint16_t type)
{
	struct fib_rule_hdr *header;
	struct nlmsghdr *nlh = begin(f, type, FIB_PREF_MARKED, &header);

	put_goto(nlh, header, CAPTURE_PREF);
	mnl_attr_put_u32(nlh, FRA_FWMARK, CAPTURE_MARK);
	return ask(f, type);
}

static int change_mark(struct fib_rules *f, uint16_t type, const struct fib_mark *m)
{
	const struct fib_rule_uid_range user = {m->uid, m->uid};
	struct fib_rule_hdr *header;
	struct nlmsghdr *nlh = begin(f, type, FIB_PREF_MARKED, &header);

	put_goto(nlh, header, FIB_PREF_LANDING);
	mnl_attr_put_u32(nlh, FRA_FWMARK, m->mark);
	mnl_attr_put_strz(nlh, FRA_IIFNAME, "lo"); /* not forwarded */
	mnl_attr_put(nlh, FRA_UID_RANGE, sizeof(user), &user);
	return ask(f, type);
}

static int change_landing(struct fib_rules *f, uint16_t type)
{
	struct fib_rule_hdr *header;

	(void)begin(f, type, FIB_PREF_LANDING, &header);
	header->action = FR_ACT_NOP;
	return ask(f, type);
}

static void put_ports(struct nlmsghdr *nlh, uint16_t type, const struct plan_ports *ports)
{
	const struct fib_rule_port_range range = {ports->first, ports->last};

	if (ports->first)
		mnl_attr_put(nlh, type, sizeof(range), &range);
}

static int change_rule(struct fib_rules *f, uint16_t type, unsigned generation,
		       const struct plan_rule *rule)
{
	struct fib_rule_hdr *header;
	struct nlmsghdr *nlh = begin(f, type, FIB_PREF_FIRST + generation, &header);

	header->src_len = rule->src.len;
	header->dst_len = rule->dst.len;
	if (rule->src.len)
		rtnl_put_addr(nlh, FRA_SRC, &rule->src.addr);
	if (rule->dst.len)
		rtnl_put_addr(nlh, FRA_DST, &rule->dst.addr);
	if (rule->proto)
		mnl_attr_put_u8(nlh, FRA_IP_PROTO, rule->proto);
	put_ports(nlh, FRA_SPORT_RANGE, &rule->sport);
	put_ports(nlh, FRA_DPORT_RANGE, &rule->dport);
	if (rule->unbound && f->family == AF_INET6)
		header->flags |= FIB_RULE_FIND_SADDR;
	if (rule->action == PLAN_CAPTURE)
		put_lookup(header, CAPTURE_RULE_TABLE);
	else
		put_goto(nlh, header, CAPTURE_PREF);
	return ask(f, type);
}

/* ---- reading ------------------------------------------------------------------------------- */

static void clear(struct plan_rule_list *list)
{
	free(list->rules);
	*list = (struct plan_rule_list){0};
}

static uint8_t attr_u8(const struct nlattr *attr)
{
	return attr && mnl_attr_get_payload_len(attr) >= 1 ? mnl_attr_get_u8(attr) : 0;
}

static struct plan_ports attr_ports(const struct nlattr *attr)
{
	struct fib_rule_port_range range = {0};

	if (attr && mnl_attr_get_payload_len(attr) >= sizeof(range))
		memcpy(&range, mnl_attr_get_payload(attr), sizeof(range));
	return (struct plan_ports){range.start, range.end};
}

static struct ip_prefix attr_prefix(const struct nlattr *attr, uint8_t family, uint8_t len)
{
	struct ip_prefix prefix = {.addr = rtnl_addr(attr, family), .len = len};

	prefix.addr.family = family;
	return prefix;
}

static int append_mark(struct fib_marks *marks, const struct fib_mark *m)
{
	struct fib_mark *grown = reallocarray(marks->all, marks->count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	marks->all = grown;
	marks->all[marks->count++] = *m;
	return 0;
}

void fib_marks_fini(struct fib_marks *m)
{
	free(m->all);
	*m = (struct fib_marks){0};
}

static struct fib_mark *find_mark(const struct fib_marks *m, uint32_t mark, uint32_t uid)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->all[i].mark == mark && m->all[i].uid == uid)
			return &m->all[i];
	return NULL;
}

int fib_marks_count(struct fib_marks *m, uint32_t mark, bool on)
{
	const struct fib_mark first = {.mark = mark, .uid = getuid(), .users = 1};
	struct fib_mark *found = find_mark(m, mark, first.uid);

	if (!found && on) {
		int rc = append_mark(m, &first);

		return rc ? rc : 1;
	}
	if (!found)
		return 0;
	found->users += on ? 1 : -1U;
	if (found->users)
		return 0;
	*found = m->all[--m->count];
	return 1;
}

struct dump {
	struct fib_rules *found;
	int err;
};

static void take(void *ctx, const struct nlmsghdr *nlh)
{
	struct dump *dump = ctx;
	struct fib_rules *f = dump->found;
	const struct fib_rule_hdr *header = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[FRA_DPORT_RANGE + 1];
	struct fib_rule_uid_range user;
	struct plan_rule rule;
	uint32_t pref;

	if (nlh->nlmsg_type != RTM_NEWRULE || mnl_nlmsg_get_payload_len(nlh) < sizeof(*header) ||
	    header->family != f->family)
		return;
	rtnl_attrs(nlh, sizeof(*header), tb, FRA_DPORT_RANGE);
	if (attr_u8(tb[FRA_PROTOCOL]) != CAPTURE_PROTOCOL)
		return;
	pref = rtnl_u32(tb[FRA_PRIORITY], 0);
	f->base = f->base || pref == CAPTURE_PREF;
	f->landing = f->landing || pref == FIB_PREF_LANDING;
	if (pref == FIB_PREF_MARKED && tb[FRA_UID_RANGE] &&
	    mnl_attr_get_payload_len(tb[FRA_UID_RANGE]) >= sizeof(user)) {
		memcpy(&user, mnl_attr_get_payload(tb[FRA_UID_RANGE]), sizeof(user));
		if (append_mark(&f->marks, &(struct fib_mark){.mark = rtnl_u32(tb[FRA_FWMARK], 0),
							      .uid = user.start}) < 0)
			dump->err = -ENOMEM;
		return;
	}
	f->marked = f->marked || pref == FIB_PREF_MARKED;
	if (pref - FIB_PREF_FIRST >= FIB_GENERATIONS)
		return;
	rule = (struct plan_rule){
		.src = attr_prefix(tb[FRA_SRC], f->family, header->src_len),
		.dst = attr_prefix(tb[FRA_DST], f->family, header->dst_len),
		.sport = attr_ports(tb[FRA_SPORT_RANGE]),
		.dport = attr_ports(tb[FRA_DPORT_RANGE]),
		.proto = attr_u8(tb[FRA_IP_PROTO]),
		.action = header->action == FR_ACT_TO_TBL ? PLAN_CAPTURE : PLAN_SKIP,
	};
	rule.unbound = header->flags & FIB_RULE_FIND_SADDR ||
		       (rule.src.len == 32 && ip_addr_is_any(&rule.src.addr));
	if (plan_rules_append(&f->generation[pref - FIB_PREF_FIRST].list, &rule) < 0)
		dump->err = -ENOMEM;
}

int fib_rules_read(struct fib_rules *f, bool leftover)
{
	struct fib_rules found;
	int err = -EINTR;

	for (int i = 0; i < DUMP_TRIES && err == -EINTR; i++) {
		struct dump dump = {.found = &found};
		struct nlmsghdr *nlh = rtnl_begin(f->rtnl, RTM_GETRULE, NLM_F_DUMP);
		struct fib_rule_hdr *header = mnl_nlmsg_put_extra_header(nlh, sizeof(*header));

		header->family = f->family;
		fib_rules_init(&found, f->rtnl, f->family);
		err = rtnl_read(f->rtnl, take, &dump);
		if (!err)
			err = dump.err;
		if (err)
			fib_rules_fini(&found);
	}
	if (err)
		return err;
	for (unsigned i = 0; i < FIB_GENERATIONS; i++)
		if (found.generation[i].list.count)
			found.generation[i].leftover = leftover || f->generation[i].leftover;
	if (!leftover && f->present < FIB_GENERATIONS && found.generation[f->present].list.count)
		found.present = f->present;
	fib_rules_fini(f);
	*f = found;
	return 0;
}

/* ---- changes ------------------------------------------------------------------------------- */

static void log_refused(const struct fib_rules *f, const char *what, int err)
{
	log_warnx("cannot %s an IPv%s routing rule: %s", what, f->family == AF_INET ? "4" : "6",
		  strerror(-err));
}

static void drop_generation(struct fib_rules *f, unsigned generation)
{
	struct fib_generation *g = &f->generation[generation];

	for (size_t i = 0; i < g->list.count; i++) {
		int err = change_rule(f, RTM_DELRULE, generation, &g->list.rules[i]);

		if (err)
			log_refused(f, "delete", err);
	}
	clear(&g->list);
	g->leftover = false;
	if (f->present == generation)
		f->present = FIB_GENERATIONS;
}

/* True if plan sends something of dst to the TUN. */
static bool captures_some(const struct plan *plan, const struct ip_prefix *dst)
{
	for (size_t i = 0; i < plan->route_count; i++)
		if (plan->routes[i].kind == PLAN_TUN &&
		    (ip_prefix_covers(&plan->routes[i].dst, dst) ||
		     ip_prefix_covers(dst, &plan->routes[i].dst)))
			return true;
	return false;
}

/* A leftover rule that skips must not make a hole in what is protected now. */
static void close_holes(struct fib_rules *f, unsigned generation, const struct plan *plan)
{
	struct plan_rule_list *list = &f->generation[generation].list;
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (list->rules[i].action == PLAN_SKIP &&
		    captures_some(plan, &list->rules[i].dst) &&
		    change_rule(f, RTM_DELRULE, generation, &list->rules[i]) == 0)
			continue;
		list->rules[kept++] = list->rules[i];
	}
	list->count = kept;
	if (kept == 0)
		drop_generation(f, generation);
}

static unsigned free_generation(struct fib_rules *f)
{
	unsigned i;

	for (i = 0; i < FIB_GENERATIONS; i++)
		if (f->generation[i].list.count == 0)
			return i;
	/* A process that died between the two halves of a change left two. */
	for (i = 0; i < FIB_GENERATIONS - 1; i++)
		if (i != f->present)
			break;
	drop_generation(f, i);
	return i;
}

static void write_generation(struct fib_rules *f, const struct plan_rule_list *list)
{
	unsigned next = free_generation(f);
	struct fib_generation *g = &f->generation[next];
	bool whole = true;

	for (size_t i = 0; i < list->count; i++) {
		int err = change_rule(f, RTM_NEWRULE, next, &list->rules[i]);

		if (!err)
			err = plan_rules_append(&g->list, &list->rules[i]);
		if (err)
			log_refused(f, "add", err);
		whole = whole && !err;
	}
	/* A list with a hole lets out what an old one still captures. It differs from the plan, so the
	 * next refresh tries again. */
	if (!whole && f->present < FIB_GENERATIONS) {
		drop_generation(f, next);
		return;
	}
	if (f->present < FIB_GENERATIONS)
		drop_generation(f, f->present);
	if (g->list.count)
		f->present = (uint8_t)next;
}

/* The generation that is list already, as after a crash when the same policies come again. */
static bool adopt(struct fib_rules *f, const struct plan_rule_list *list)
{
	for (unsigned i = 0; i < FIB_GENERATIONS; i++) {
		if (i == f->present || !plan_rules_equal(&f->generation[i].list, list))
			continue;
		if (f->present < FIB_GENERATIONS)
			drop_generation(f, f->present);
		f->generation[i].leftover = false;
		f->present = (uint8_t)i;
		return true;
	}
	return false;
}

static void want_marked(struct fib_rules *f, bool wanted)
{
	int err;

	if (wanted == f->marked)
		return;
	err = change_marked(f, wanted ? RTM_NEWRULE : RTM_DELRULE);
	if (err)
		log_refused(f, wanted ? "add" : "delete", err);
	else
		f->marked = wanted;
}

int fib_rules_marks(struct fib_rules *f, const struct fib_marks *marks)
{
	int missing, err = 0;

	if (marks->count && !f->landing) {
		err = change_landing(f, RTM_NEWRULE);
		f->landing = !err;
	}
	for (size_t i = 0; !err && i < marks->count; i++) {
		const struct fib_mark *m = &marks->all[i];

		if (find_mark(&f->marks, m->mark, m->uid))
			continue;
		err = change_mark(f, RTM_NEWRULE, m);
		if (!err)
			err = append_mark(&f->marks, m);
	}
	missing = err;
	if (missing)
		log_refused(f, "add", missing);
	for (size_t i = f->marks.count; i > 0; i--) {
		struct fib_mark *m = &f->marks.all[i - 1];

		if (find_mark(marks, m->mark, m->uid))
			continue;
		err = change_mark(f, RTM_DELRULE, m);
		if (err)
			log_refused(f, "delete", err);
		else
			*m = f->marks.all[--f->marks.count];
	}
	if (!f->marks.count && f->landing)
		f->landing = change_landing(f, RTM_DELRULE) != 0;
	return missing;
}

static bool any_generation(const struct fib_rules *f)
{
	for (unsigned i = 0; i < FIB_GENERATIONS; i++)
		if (f->generation[i].list.count)
			return true;
	return false;
}

void fib_rules_sync(struct fib_rules *f, const struct plan *plan, const struct fib_marks *marks,
		    bool keep_leftovers)
{
	const struct plan_rule_list *list = f->family == AF_INET ? &plan->ip4 : &plan->ip6;
	int err = fib_rules_base(f);

	if (err)
		log_refused(f, "add", err);
	(void)fib_rules_marks(f, marks); /* tried again at each refresh */
	if (list->count) {
		/* Before any ordered rule: our own packets must never meet one. */
		want_marked(f, true);
		if ((f->present == FIB_GENERATIONS ||
		     !plan_rules_equal(&f->generation[f->present].list, list)) &&
		    !adopt(f, list))
			write_generation(f, list);
	} else if (f->present < FIB_GENERATIONS) {
		drop_generation(f, f->present);
	}
	for (unsigned i = 0; i < FIB_GENERATIONS; i++) {
		if (i == f->present || !f->generation[i].list.count)
			continue;
		if (keep_leftovers && f->generation[i].leftover)
			close_holes(f, i, plan);
		else
			drop_generation(f, i);
	}
	want_marked(f, any_generation(f));
}

int fib_rules_base(struct fib_rules *f)
{
	int err = f->base ? 0 : change_base(f, RTM_NEWRULE);

	f->base = f->base || !err;
	return err;
}

bool fib_rules_have_leftovers(const struct fib_rules *f)
{
	for (unsigned i = 0; i < FIB_GENERATIONS; i++)
		if (f->generation[i].leftover && f->generation[i].list.count)
			return true;
	return false;
}

void fib_rules_remove(struct fib_rules *f)
{
	const struct fib_marks none = {0};

	for (unsigned i = 0; i < FIB_GENERATIONS; i++)
		drop_generation(f, i);
	want_marked(f, false);
	fib_rules_marks(f, &none);
	if (f->base && change_base(f, RTM_DELRULE) == 0)
		f->base = false;
}

void fib_rules_init(struct fib_rules *f, struct rtnl *rtnl, uint8_t family)
{
	*f = (struct fib_rules){.rtnl = rtnl, .family = family, .present = FIB_GENERATIONS};
}

void fib_rules_fini(struct fib_rules *f)
{
	for (unsigned i = 0; i < FIB_GENERATIONS; i++)
		clear(&f->generation[i].list);
	fib_marks_fini(&f->marks);
}
