/*
 * test_hostnet.c: rtnetlink messages into a snapshot, the set of addresses, and what hostnet says
 * about the host the test runs on. Reading and following need no rights.
 */
#include "gateway/dataplane/capture/addr_set.h"
#include "gateway/dataplane/capture/hostnet.h"
#include "gateway/dataplane/capture/hostnet_snapshot.h"
#include "gateway/dataplane/capture/rtnl.h"

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

enum { LAN = 2, PUB = 3, DOWN = 4, TUN = 9 };

static uint32_t buf[256];

static struct ip_addr addr_from(const char *text)
{
	struct ip_addr addr;

	ck_assert_msg(ip_addr_parse(text, &addr), "%s", text);
	return addr;
}

static struct ip_prefix prefix_from(const char *text, uint8_t len)
{
	return (struct ip_prefix){.addr = addr_from(text), .len = len};
}

static struct nlmsghdr *begin(uint16_t type)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(memset(buf, 0, sizeof(buf)));

	nlh->nlmsg_type = type;
	return nlh;
}

static void give_link(struct host_snapshot *s, int ifindex, unsigned flags, uint32_t mtu)
{
	struct nlmsghdr *nlh = begin(RTM_NEWLINK);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));

	info->ifi_index = ifindex;
	info->ifi_flags = flags;
	mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	host_snapshot_take_link(s, nlh);
}

static void give_addr(struct host_snapshot *s, int ifindex, const char *text, uint8_t scope,
		      uint32_t flags)
{
	struct ip_addr addr = addr_from(text);
	struct nlmsghdr *nlh = begin(RTM_NEWADDR);
	struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));

	info->ifa_family = addr.family;
	info->ifa_index = (uint32_t)ifindex;
	info->ifa_scope = scope;
	rtnl_put_addr(nlh, IFA_ADDRESS, &addr);
	mnl_attr_put_u32(nlh, IFA_FLAGS, flags);
	host_snapshot_take_addr(s, nlh);
}

/* What the connected route of a LAN looks like, for tests to spoil one field each. */
struct route {
	const char *what, *dst;
	uint8_t len, scope, protocol, type;
	uint32_t table;
	int oif;
	bool gateway;
	bool connected; /* expected */
};

static void give_route(struct host_snapshot *s, const struct route *r)
{
	struct ip_addr dst = addr_from(r->dst);
	struct nlmsghdr *nlh = begin(RTM_NEWROUTE);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));

	rtm->rtm_family = dst.family;
	rtm->rtm_dst_len = r->len;
	rtm->rtm_scope = r->scope;
	rtm->rtm_protocol = r->protocol;
	rtm->rtm_type = r->type;
	rtm->rtm_table = RT_TABLE_UNSPEC;
	mnl_attr_put_u32(nlh, RTA_TABLE, r->table);
	mnl_attr_put_u32(nlh, RTA_OIF, (uint32_t)r->oif);
	rtnl_put_addr(nlh, RTA_DST, &dst);
	if (r->gateway)
		rtnl_put_addr(nlh, RTA_GATEWAY, &dst);
	host_snapshot_take_route(s, nlh);
}

static const struct route routes[] = {
	{"LAN", "10.1.0.0", 24, RT_SCOPE_LINK, RTPROT_KERNEL, RTN_UNICAST, 254, LAN, false, true},
	{"IPv6 LAN", "fd01::", 64, 0, RTPROT_KERNEL, RTN_UNICAST, 254, LAN, false, true},
	{"IPv6 by router", "fd02::", 64, 0, RTPROT_RA, RTN_UNICAST, 254, LAN, false, true},
	{"static", "10.1.0.0", 24, RT_SCOPE_LINK, RTPROT_STATIC, RTN_UNICAST, 254, LAN, false,
	 false},
	{"wide scope", "10.1.0.0", 24, 0, RTPROT_KERNEL, RTN_UNICAST, 254, LAN, false, false},
	{"gateway", "fd01::", 64, 0, RTPROT_KERNEL, RTN_UNICAST, 254, LAN, true, false},
	{"other table", "10.1.0.0", 24, RT_SCOPE_LINK, RTPROT_KERNEL, RTN_UNICAST, 255, LAN, false,
	 false},
	{"broadcast", "10.1.0.255", 32, RT_SCOPE_LINK, RTPROT_KERNEL, RTN_BROADCAST, 254, LAN,
	 false, false},
	{"our TUN", "10.1.0.0", 24, RT_SCOPE_LINK, RTPROT_KERNEL, RTN_UNICAST, 254, TUN, false,
	 false},
	{"loopback", "10.1.0.0", 24, RT_SCOPE_LINK, RTPROT_KERNEL, RTN_UNICAST, 254, 1, false,
	 false},
	{"lying length", "10.1.0.0", 33, RT_SCOPE_LINK, RTPROT_KERNEL, RTN_UNICAST, 254, LAN, false,
	 false},
};

static void give_links(struct host_snapshot *s)
{
	host_snapshot_init(s, TUN);
	give_link(s, 1, IFF_UP | IFF_LOOPBACK, 65536);
	give_link(s, LAN, IFF_UP, 1500);
	give_link(s, PUB, IFF_UP, 1400);
	give_link(s, DOWN, 0, 1500);
	give_link(s, TUN, IFF_UP, 1500);
}

START_TEST(test_snapshot_knows_connected_routes)
{
	const struct route *r = &routes[_i];
	struct host_snapshot s;

	give_links(&s);
	give_route(&s, r);
	ck_assert_msg(s.connected_count == r->connected, "%s", r->what);
	if (r->connected) {
		struct ip_prefix expected = prefix_from(r->dst, r->len);

		ck_assert(ip_addr_equal(&s.connected[0].prefix.addr, &expected.addr));
		ck_assert_uint_eq(s.connected[0].prefix.len, expected.len);
	}
	host_snapshot_fini(&s);
}
END_TEST

START_TEST(test_snapshot_chooses_source)
{
	static const struct {
		const char *prefix;
		uint8_t len;
		const char *expected; /* NULL: none */
	} table[] = {
		{"0.0.0.0", 0, "10.1.0.1"},	{"127.0.0.0", 8, NULL},
		{"192.0.2.0", 24, "192.0.2.1"}, {"10.4.0.0", 16, NULL}, /* its link is down */
		{"10.9.0.0", 16, NULL},					/* the TUN's own */
		{"::", 0, "fd01::1"},		{"fe80::", 10, "fe80::1"},
		{"fd04::", 64, NULL}, /* tentative */
		{"fd05::", 64, NULL}, /* deprecated */
		{"fd06::", 64, NULL}, /* somebody else's */
	};
	struct host_snapshot s;

	give_links(&s);
	ck_assert_uint_eq(s.link_count, 4);
	ck_assert(s.tun_up);
	give_addr(&s, 1, "127.0.0.1", RT_SCOPE_HOST, IFA_F_PERMANENT);
	give_addr(&s, LAN, "fe80::1", RT_SCOPE_LINK, IFA_F_PERMANENT);
	give_addr(&s, DOWN, "10.4.0.1", 0, IFA_F_PERMANENT);
	give_addr(&s, TUN, "10.9.0.1", 0, IFA_F_PERMANENT);
	give_addr(&s, LAN, "10.1.0.1", 0, IFA_F_PERMANENT);
	give_addr(&s, PUB, "192.0.2.1", 0, IFA_F_PERMANENT);
	give_addr(&s, LAN, "fd04::1", 0, IFA_F_TENTATIVE);
	give_addr(&s, LAN, "fd05::1", 0, IFA_F_DEPRECATED);
	give_addr(&s, LAN, "fd06::1", 0, IFA_F_DADFAILED);
	give_addr(&s, LAN, "fd01::1", 0, IFA_F_PERMANENT);
	ck_assert_uint_eq(s.addr_count, 8); /* not the TUN's, not the failed one */
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct ip_prefix prefix = prefix_from(table[i].prefix, table[i].len);
		struct ip_addr got;
		bool found = host_snapshot_addr_in(&s, &prefix, &got);

		ck_assert_msg(found == (table[i].expected != NULL), "%s", table[i].prefix);
		if (found) {
			struct ip_addr expected = addr_from(table[i].expected);

			ck_assert_msg(ip_addr_equal(&got, &expected), "%s", table[i].prefix);
		}
	}
	host_snapshot_fini(&s);
}
END_TEST

START_TEST(test_snapshot_passes_over_the_malformed)
{
	struct host_snapshot s;
	struct nlmsghdr *nlh;

	host_snapshot_init(&s, TUN);
	for (uint16_t type = RTM_NEWLINK; type <= RTM_NEWROUTE; type++) {
		nlh = begin(type); /* no header behind it */
		host_snapshot_take_link(&s, nlh);
		host_snapshot_take_addr(&s, nlh);
		host_snapshot_take_route(&s, nlh);
	}
	nlh = begin(RTM_NEWADDR); /* a header, and an address of the wrong size */
	((struct ifaddrmsg *)mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifaddrmsg)))
		->ifa_family = AF_INET6;
	mnl_attr_put_u32(nlh, IFA_ADDRESS, 1);
	host_snapshot_take_addr(&s, nlh);
	ck_assert_uint_eq(s.link_count + s.addr_count + s.connected_count, 0);
	host_snapshot_fini(&s);
}
END_TEST

START_TEST(test_snapshot_compares)
{
	struct host_snapshot a, b;

	give_links(&a);
	give_links(&b);
	ck_assert(host_snapshot_equal(&a, &b));
	give_addr(&a, LAN, "10.1.0.1", 0, 0);
	ck_assert(!host_snapshot_equal(&a, &b));
	give_addr(&b, LAN, "10.1.0.1", 0, 0);
	ck_assert(host_snapshot_equal(&a, &b));
	give_route(&a, &routes[0]);
	ck_assert(!host_snapshot_equal(&a, &b));
	give_route(&b, &routes[0]);
	ck_assert(host_snapshot_equal(&a, &b));
	give_link(&b, TUN, 0, 1500);
	ck_assert(!host_snapshot_equal(&a, &b));
	host_snapshot_fini(&a);
	host_snapshot_fini(&b);
}
END_TEST

START_TEST(test_addr_set_holds_what_it_was_given)
{
	struct ip_addr list[] = {addr_from("10.0.0.2"), addr_from("::1"), addr_from("10.0.0.1"),
				 addr_from("10.0.0.2")};
	struct ip_addr other = addr_from("10.0.0.3");
	struct addr_set *set = addr_set_new(list, 4), *same = addr_set_new(list, 3);
	struct addr_set *fewer = addr_set_new(list, 2), *none = addr_set_new(NULL, 0);

	ck_assert(set && same && fewer && none);
	for (size_t i = 0; i < 4; i++)
		ck_assert(addr_set_has(set, &list[i]));
	ck_assert(!addr_set_has(set, &other));
	ck_assert(!addr_set_has(none, &list[0]));
	ck_assert(addr_set_equal(set, same));
	ck_assert(!addr_set_equal(set, fewer));
	ck_assert(!addr_set_equal(set, none));
	addr_set_free(set);
	addr_set_free(same);
	addr_set_free(fewer);
	addr_set_free(none);
}
END_TEST

START_TEST(test_rtnl_gives_back_the_kernels_error)
{
	struct rtnl *r = NULL;
	struct nlmsghdr *nlh;

	ck_assert_int_eq(rtnl_open(&r), 0);
	/* Two in a row: the answer to the first is not taken for that to the second. */
	for (int i = 0; i < 2; i++) {
		struct ifinfomsg *info;

		nlh = rtnl_begin(r, RTM_GETLINK, 0);
		info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));
		info->ifi_index = 0x7ffffff0;
		ck_assert_int_eq(rtnl_read(r, NULL, NULL), -ENODEV);
	}
	rtnl_close(r);
}
END_TEST

static void count_prefix(void *ctx, const struct ip_prefix *prefix, const char *link)
{
	ck_assert_str_ne(link, "");
	ck_assert_uint_le(prefix->len, ip_addr_bits(&prefix->addr));
	++*(unsigned *)ctx;
}

/* Whatever host this is: no rights needed, and its loopback addresses are its own. */
START_TEST(test_hostnet_reads_this_host)
{
	struct event_base *base = event_base_new();
	struct ip_addr loopback = addr_from("127.0.0.1"), stranger = addr_from("192.0.2.77");
	struct ip_prefix prefix = prefix_from("127.0.0.0", 8);
	struct ip_addr any = {0}, out;
	struct hostnet *h = NULL;
	unsigned connected = 0;
	bool loopback_up;

	ck_assert_int_eq(hostnet_open(&h, base, 0, (struct hostnet_listener){0}), 0);
	/* A fresh network namespace has lo down, without addresses. */
	loopback_up = hostnet_is_local(h, &loopback);
	ck_assert(!hostnet_is_local(h, &stranger));
	ck_assert(!hostnet_is_local(h, &any));
	ck_assert(!hostnet_addr_in(h, &prefix, &out));
	hostnet_each_connected(h, count_prefix, &connected);
	if (loopback_up)
		ck_assert_uint_ge(hostnet_path_mtu(h, &loopback, &any, 0), 1280);
	ck_assert_uint_eq(hostnet_path_mtu(h, &any, &any, 0), 0);
	ck_assert_uint_eq(hostnet_path_mtu(h, &loopback, &any, 0),
			  hostnet_path_mtu(h, &loopback, &any, 0));
	hostnet_close(h);
	event_base_free(base);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hostnet");
	TCase *tcase = tcase_create("hostnet");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tcase, test_snapshot_knows_connected_routes, 0,
			    (int)(sizeof(routes) / sizeof(routes[0])));
	tcase_add_test(tcase, test_snapshot_chooses_source);
	tcase_add_test(tcase, test_snapshot_passes_over_the_malformed);
	tcase_add_test(tcase, test_snapshot_compares);
	tcase_add_test(tcase, test_addr_set_holds_what_it_was_given);
	tcase_add_test(tcase, test_rtnl_gives_back_the_kernels_error);
	tcase_add_test(tcase, test_hostnet_reads_this_host);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
