/*
 * test_update.c: versions of an SA. What changes and what goes on, who owns the ends, and that a
 * reader who still holds an older version can use all of it until the end of its section.
 */
#include "entries.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static const struct xfrm_mark_value no_mark = {0, 0};
static struct shelf shelf;
static struct sadb *db;
static struct sa_config config;

static void setup(void)
{
	db = sadb_new(shelf_retire(&shelf));
	ck_assert_ptr_nonnull(db);
	config = sa_config_of("192.0.2.1", "192.0.2.2", 0x1000, 7);
}

static void teardown(void)
{
	sadb_free(db);
	shelf_empty(&shelf);
}

/* Seals a packet with one version and opens it with another, or the same. */
static enum verdict carry(const struct sa *from, const struct sa *to)
{
	uint8_t buf[256] = {0};
	struct packet p = {.buf = buf, .size = sizeof(buf), .off = 64, .len = 40};
	uint8_t next_header;
	uint64_t seq;
	enum verdict v;

	memset(buf + 64, 0x42, 40);
	v = esp_seal(from->out, &p, IPPROTO_IPIP);
	if (v == V_OK)
		v = esp_open(to->in, &p, &next_header, &seq);
	return v;
}

START_TEST(test_update_changes_limits_only)
{
	struct sa *sa = sa_added(db, &config), *newer;
	struct sa_config c = config;

	c.limits = (struct sadb_limits){.hard_bytes = 1, .soft_use_s = 2};
	c.sel = selector_of("10.1.0.0/16", "10.2.0.0/16", 0);
	c.flags = 3;
	c.extra_flags = 4;
	c.reqid = 99;
	c.src = addr_of("192.0.2.99");
	c.replay_window = 4096;
	c.esn = true;
	memset(&c.keys, 0, sizeof(c.keys));
	ck_assert_int_eq(sadb_sa_update(db, &c, &newer), 0);
	ck_assert_ptr_ne(newer, sa);
	ck_assert_uint_eq(newer->config.limits.hard_bytes, 1);
	ck_assert_uint_eq(newer->config.limits.soft_use_s, 2);
	/* As the kernel: "ip xfrm state update" leaves these alone. */
	ck_assert(!selector_equal(&newer->config.sel, &c.sel));
	ck_assert_uint_ne(newer->config.flags, 3);
	ck_assert_uint_ne(newer->config.extra_flags, 4);
	ck_assert_uint_eq(newer->config.reqid, 7);
	ck_assert(ip_addr_equal(&newer->config.src, &config.src));
	ck_assert_uint_eq(newer->config.replay_window, 64);
	ck_assert(!newer->config.esn);
	ck_assert_mem_eq(&newer->config.keys, &config.keys, sizeof(config.keys));
	ck_assert_uint_eq(newer->serial, sa->serial);
	ck_assert_uint_eq(newer->add_time, sa->add_time);
	ck_assert_uint_eq(sa->config.limits.hard_bytes, 0); /* the old one stays as it was */
	ck_assert_uint_eq(sadb_sa_count(db), 1);
}
END_TEST

/* As the kernel: an encapsulation's ports may change, that there is one may not. */
START_TEST(test_update_moves_ports_and_nothing_else)
{
	struct sa_config c = config;
	struct sa *newer = NULL;

	(void)sa_added(db, &config);
	c.encap = (struct sa_encap){.sport = 4500, .dport = 4500};
	ck_assert_int_eq(sadb_sa_update(db, &c, &newer), -EINVAL);
	ck_assert_ptr_null(newer);
	c.id.spi++;
	(void)sa_added(db, &c);
	c.encap.dport = 61000;
	ck_assert_int_eq(sadb_sa_update(db, &c, &newer), 0);
	ck_assert_uint_eq(newer->config.encap.sport, 4500);
	ck_assert_uint_eq(newer->config.encap.dport, 61000);
	c.encap = (struct sa_encap){0};
	ck_assert_int_eq(sadb_sa_update(db, &c, &newer), -EINVAL);
}
END_TEST

START_TEST(test_update_is_seen_everywhere_at_once)
{
	const struct selector sel = selector_of("10.1.0.0/16", "10.2.0.0/16", 0);
	const struct policy_config pc = protect_of(&sel, "192.0.2.1", "192.0.2.2", 7);
	struct policy *p = policy_added(db, &pc);
	struct sa *sa = sa_added(db, &config), *newer;

	ck_assert_ptr_eq(atomic_load(&p->sa), sa);
	ck_assert_int_eq(sadb_sa_update(db, &config, &newer), 0);
	ck_assert_ptr_eq(atomic_load(&p->sa), newer);
	ck_assert_ptr_eq(sad_lookup(db, 0x1000, &config.id.dst), newer);
	ck_assert_ptr_eq(sadb_sa_find(db, &config.id, &no_mark), newer);
	ck_assert_ptr_eq(sadb_sa_next_between(db, &config.src, &config.id.dst, NULL), newer);
	ck_assert_ptr_null(sadb_sa_next_between(db, &config.src, &config.id.dst, newer));
	ck_assert(shelf_has(&shelf, sa));
}
END_TEST

/* Sequence numbers, window and counters go on; the old version works on the same ones, also while
 * and after it waits for its end (ASan watches). */
START_TEST(test_ends_and_counters_are_taken_over)
{
	struct sa *sa = sa_added(db, &config), *newer, *newest;

	for (unsigned i = 0; i < 5; i++)
		ck_assert_int_eq(carry(sa, sa), V_OK);
	sa_on_packet(sa, 100, 2000);
	ck_assert_int_eq(sadb_sa_update(db, &config, &newer), 0);
	ck_assert_int_eq(sadb_sa_update(db, &config, &newest), 0);
	ck_assert_ptr_eq(newest->in, sa->in);
	ck_assert_ptr_eq(newest->out, sa->out);
	ck_assert_int_eq(carry(sa, newest), V_OK);
	ck_assert_int_eq(carry(newest, newer), V_OK);
	sa_on_packet(sa, 11, 2001);
	ck_assert_uint_eq(sa_status(newest).bytes, 111);
	ck_assert_uint_eq(sa_status(newest).use_time, 2000);
	ck_assert_uint_eq(sa_status(newest).out_seq, 7);
	ck_assert_uint_eq(sa_status(newest).in_seq, 7);
	shelf_empty(&shelf); /* both older ones end; ends and counters must not */
	ck_assert_int_eq(carry(newest, newest), V_OK);
	ck_assert_uint_eq(sa_status(newest).out_seq, 8);
	ck_assert_int_eq(sadb_sa_delete(db, &config.id, &no_mark), 0);
	ck_assert_int_eq(carry(newest, newest), V_OK); /* and now until the shelf is emptied */
}
END_TEST

/* Between other addresses it is the same SA: ends, counters, number. Whichever of the two versions is
 * dropped, the other carries on, and the policies that name its addresses have it. */
START_TEST(test_readdressed_sa_keeps_its_ends)
{
	static const struct {
		const char *src, *dst;
		bool back; /* the newer one goes */
	} rows[] = {{"192.0.2.1", "192.0.2.3", false}, {"192.0.2.9", "192.0.2.2", false},
		    {"192.0.2.1", "192.0.2.3", true},  {"192.0.2.9", "192.0.2.2", true},
		    {"192.0.2.1", "192.0.2.2", false}, {"192.0.2.1", "192.0.2.2", true}};
	const struct selector here = selector_of("10.1.0.0/16", "10.2.0.0/16", 0);
	const struct selector there = selector_of("10.1.0.0/16", "10.3.0.0/16", 0);
	const struct policy_config old_pc = protect_of(&here, "192.0.2.1", "192.0.2.2", 7);
	const struct policy_config new_pc = protect_of(&there, rows[_i].src, rows[_i].dst, 7);
	struct policy *old_policy = policy_added(db, &old_pc);
	struct policy *new_policy = policy_added(db, &new_pc);
	struct sa *sa = sa_added(db, &config), *newer, *stays, *goes;
	struct sa_config c = config;
	bool moves;

	c.src = addr_of(rows[_i].src);
	c.id.dst = addr_of(rows[_i].dst);
	c.encap = (struct sa_encap){.sport = 4500, .dport = 4501};
	moves = !ip_addr_equal(&c.src, &config.src) || !ip_addr_equal(&c.id.dst, &config.id.dst);
	ck_assert_int_eq(carry(sa, sa), V_OK);
	ck_assert_int_eq(sadb_sa_readdress(db, sa, &c, &newer), 0);
	ck_assert_uint_eq(sadb_sa_count(db), 2);
	ck_assert_uint_eq(newer->serial, sa->serial);
	ck_assert_uint_eq(newer->config.encap.dport, 4501);
	ck_assert_ptr_eq(atomic_load(&new_policy->sa), moves ? newer : sa);
	ck_assert_int_eq(carry(sa, newer), V_OK);
	stays = rows[_i].back ? sa : newer;
	goes = rows[_i].back ? newer : sa;
	sadb_sa_drop_version(db, goes);
	ck_assert(shelf_has(&shelf, goes));
	ck_assert_int_eq(carry(goes, stays), V_OK); /* who held it may use it until the end */
	shelf_empty(&shelf);
	ck_assert_uint_eq(sadb_sa_count(db), 1);
	ck_assert_ptr_eq(sad_lookup(db, 0x1000, &stays->config.id.dst), stays);
	ck_assert_ptr_eq(sadb_sa_find(db, &stays->config.id, &no_mark), stays);
	ck_assert_ptr_eq(atomic_load(&(rows[_i].back ? old_policy : new_policy)->sa), stays);
	if (moves)
		ck_assert_ptr_null(atomic_load(&(rows[_i].back ? new_policy : old_policy)->sa));
	ck_assert_int_eq(carry(stays, stays), V_OK);
	ck_assert_uint_eq(sa_status(stays).out_seq, 4);
	ck_assert_int_eq(sadb_sa_delete(db, &stays->config.id, &no_mark), 0);
	ck_assert_ptr_null(atomic_load(&new_policy->sa));
}
END_TEST

START_TEST(test_readdress_needs_a_free_name)
{
	struct sa *sa = sa_added(db, &config), *newer = NULL;
	struct sa_config c = config;

	c.id.dst = addr_of("192.0.2.3");
	(void)sa_added(db, &c);
	ck_assert_int_eq(sadb_sa_readdress(db, sa, &c, &newer), -EEXIST);
	ck_assert_ptr_null(newer);
	ck_assert_uint_eq(sadb_sa_count(db), 2);
	ck_assert_ptr_eq(sadb_sa_find(db, &config.id, &no_mark), sa);
}
END_TEST

/* An SA that is taken over goes on after its past; what it is told later is as good. */
START_TEST(test_past_is_where_an_sa_begins)
{
	struct sa_grant grant = grant_of(SA_IN | SA_OUT);
	struct sa *sa, *newer;

	grant.seq = (struct esp_grant){101, 1000};
	grant.past = (struct sa_status){.bytes = 500,
					.packets = 5,
					.add_time = 1111,
					.use_time = 2222,
					.out_seq = 100,
					.in_seq = 100};
	ck_assert_int_eq(sadb_sa_add(db, &config, &grant, 3333, &sa), 0);
	ck_assert_uint_eq(sa->add_time, 1111);
	ck_assert_uint_eq(sa_status(sa).bytes, 500);
	ck_assert_uint_eq(sa_status(sa).packets, 5);
	ck_assert_uint_eq(sa_status(sa).use_time, 2222);
	ck_assert_uint_eq(sa_status(sa).out_seq, 100);
	ck_assert_uint_eq(sa_status(sa).in_seq, 100);
	ck_assert_int_eq(carry(sa, sa), V_OK);
	ck_assert_uint_eq(sa_status(sa).out_seq, 101);
	grant = (struct sa_grant){.directions = SA_OUT, .seq = {5000, 6000}, .past.out_seq = 4999};
	ck_assert_int_eq(sadb_sa_resume(db, sa, &grant, &newer), 0);
	ck_assert_ptr_eq(newer->in, sa->in);
	ck_assert_ptr_ne(newer->out, sa->out);
	ck_assert_uint_eq(sa_status(newer).out_seq, 4999);
	ck_assert_int_eq(carry(newer, newer), V_OK);
	ck_assert_uint_eq(sa_status(newer).in_seq, 5000);
	grant = (struct sa_grant){.directions = SA_IN, .past.in_seq = 5500};
	sa = newer;
	ck_assert_int_eq(sadb_sa_resume(db, sa, &grant, &newer), 0);
	ck_assert_uint_eq(sa_status(newer).in_seq, 5500);
	ck_assert_int_eq(carry(newer, newer), V_REPLAY_OLD); /* 5001 */
	shelf_empty(&shelf);
	sadb_sa_set_counters(newer, &(struct sa_status){.bytes = 1, .packets = 2, .use_time = 3});
	ck_assert_uint_eq(sa_status(newer).bytes, 1);
	ck_assert_uint_eq(sa_status(newer).packets, 2);
	ck_assert_uint_eq(sa_status(newer).use_time, 3);
	/* A block of no numbers makes nothing anew. */
	grant = (struct sa_grant){.directions = SA_OUT, .seq = {2, 1}};
	sa = newer;
	ck_assert_int_eq(sadb_sa_resume(db, sa, &grant, &newer), -EINVAL);
	ck_assert_ptr_eq(sadb_sa_find(db, &config.id, &no_mark), sa);
}
END_TEST

/* A packet thread that found the SA before NEWAE opens the rest of its batch after it: what it sees then
 * is no less seen. */
START_TEST(test_a_batch_beside_a_resumption_is_remembered)
{
	const struct sa_grant grant = {.directions = SA_IN, .past.in_seq = 2};
	struct sa *batch = sa_added(db, &config), *newer;
	uint8_t buf[3][256], again[256];
	struct packet p[3], copy;
	uint8_t next_header;
	uint64_t seq;

	for (unsigned i = 0; i < 3; i++) {
		memset(buf[i], 0x42, sizeof(buf[i]));
		p[i] = (struct packet){.buf = buf[i], .size = sizeof(buf[i]), .off = 64, .len = 40};
		ck_assert_int_eq(esp_seal(batch->out, &p[i], IPPROTO_IPIP), V_OK);
	}
	memcpy(again, buf[2], sizeof(again));
	copy = p[2];
	copy.buf = again;
	ck_assert_int_eq(sadb_sa_resume(db, batch, &grant, &newer), 0);
	ck_assert_int_eq(esp_open(batch->in, &p[2], &next_header, &seq), V_OK);
	ck_assert_int_eq(esp_open(newer->in, &copy, &next_header, &seq), V_REPLAY_DUP);
	ck_assert_uint_eq(seq, 3);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(esp_open(newer->in, &p[i], &next_header, &seq), V_REPLAY_DUP);
	ck_assert_uint_eq(sa_status(newer).in_seq, 3);
}
END_TEST

START_TEST(test_update_of_nothing)
{
	struct sa *sa = NULL;
	struct sa_config marked = config;

	ck_assert_int_eq(sadb_sa_update(db, &config, &sa), -ESRCH);
	marked.mark = (struct xfrm_mark_value){1, 0xff};
	(void)sa_added(db, &marked);
	ck_assert_int_eq(sadb_sa_update(db, &config, &sa), -ESRCH);
	ck_assert_ptr_null(sa);
}
END_TEST

/* From every pair of ends to every other. */
START_TEST(test_directions_from_any_to_any)
{
	const unsigned from = (unsigned)_i & 3, to = (unsigned)_i >> 2;
	const struct sa_grant before = grant_of(from), after = grant_of(to);
	struct sa *sa, *newer;
	struct esp_in *in;
	struct esp_out *out;

	ck_assert_int_eq(sadb_sa_add(db, &config, &before, 1, &sa), 0);
	sa_on_packet(sa, 50, 3);
	in = sa->in;
	out = sa->out;
	ck_assert_int_eq(sadb_sa_set_directions(db, sa, &after, &newer), 0);
	ck_assert_uint_eq(sa_status(newer).directions, to);
	ck_assert_uint_eq(sa_status(newer).bytes, 50);
	if (from == to) {
		ck_assert_ptr_eq(newer, sa);
		ck_assert_uint_eq(shelf.count, 0);
		return;
	}
	ck_assert(shelf_has(&shelf, sa));
	ck_assert_ptr_eq(sa->in, in); /* the old version keeps what it had */
	ck_assert_ptr_eq(sa->out, out);
	if (from & to & SA_IN)
		ck_assert_ptr_eq(newer->in, in);
	if (from & to & SA_OUT)
		ck_assert_ptr_eq(newer->out, out);
	/* What is lost is retired; what stays is not. */
	ck_assert(shelf_has(&shelf, in) == (in && !(to & SA_IN)));
	ck_assert(shelf_has(&shelf, out) == (out && !(to & SA_OUT)));
	ck_assert(sad_lookup(db, 0x1000, &config.id.dst) == (to & SA_IN ? newer : NULL));
	if (sa->in && sa->out)
		ck_assert_int_eq(carry(sa, sa), V_OK); /* a reader's section is not over yet */
	shelf_empty(&shelf);
	if (newer->in && newer->out)
		ck_assert_int_eq(carry(newer, newer), V_OK);
}
END_TEST

/* A new outbound end starts where its grant says: numbers used before are not used again. */
START_TEST(test_gained_end_uses_its_grant)
{
	const struct sa_grant in = grant_of(SA_IN);
	struct sa_grant both = grant_of(SA_IN | SA_OUT), bad = both;
	struct sa *sa, *newer = NULL;

	ck_assert_int_eq(sadb_sa_add(db, &config, &in, 1, &sa), 0);
	bad.seq = (struct esp_grant){5, 4};
	ck_assert_int_eq(sadb_sa_set_directions(db, sa, &bad, &newer), -EINVAL);
	ck_assert_ptr_null(newer);
	ck_assert_ptr_eq(sad_lookup(db, 0x1000, &config.id.dst), sa);
	both.seq.first = 1000;
	ck_assert_int_eq(sadb_sa_set_directions(db, sa, &both, &newer), 0);
	ck_assert_int_eq(carry(newer, newer), V_OK);
	ck_assert_uint_eq(sa_status(newer).out_seq, 1000);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("update");
	TCase *t = tcase_create("update");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_update_changes_limits_only);
	tcase_add_test(t, test_update_moves_ports_and_nothing_else);
	tcase_add_test(t, test_update_is_seen_everywhere_at_once);
	tcase_add_test(t, test_ends_and_counters_are_taken_over);
	tcase_add_test(t, test_update_of_nothing);
	tcase_add_loop_test(t, test_readdressed_sa_keeps_its_ends, 0, 6);
	tcase_add_test(t, test_readdress_needs_a_free_name);
	tcase_add_test(t, test_past_is_where_an_sa_begins);
	tcase_add_test(t, test_a_batch_beside_a_resumption_is_remembered);
	tcase_add_loop_test(t, test_directions_from_any_to_any, 0, 16);
	tcase_add_test(t, test_gained_end_uses_its_grant);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
