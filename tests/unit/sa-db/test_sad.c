/*
 * test_sad.c: the SAD keeps XFRM's contract: identities, duplicates, marks, counts; and the table
 * packet threads use finds exactly what is there, while it grows, shrinks and fills with graves.
 */
#include "entries.h"

#include <check.h>
#include <errno.h>
#include <linux/xfrm.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static const struct xfrm_mark_value no_mark = {0, 0};
static struct shelf shelf;
static struct sadb *db;

static void setup(void)
{
	db = sadb_new(shelf_retire(&shelf));
	ck_assert_ptr_nonnull(db);
}

static void teardown(void)
{
	sadb_free(db);
	shelf_empty(&shelf);
}

START_TEST(test_add_finds_and_copies)
{
	struct sa_config c = sa_config_of("192.0.2.1", "192.0.2.2", 0x1000, 7);
	struct sa *sa = sa_added(db, &c);

	ck_assert_ptr_eq(sadb_sa_find(db, &c.id, &no_mark), sa);
	ck_assert_ptr_eq(sad_lookup(db, 0x1000, &c.id.dst), sa);
	ck_assert_uint_eq(sa->add_time, 1000);
	ck_assert_uint_eq(sadb_sa_count(db), 1);
	memset(&c.keys, 0, sizeof(c.keys)); /* the database has its own copy */
	ck_assert_uint_eq(sa->config.keys.integ[0], 0x5a);
	ck_assert_ptr_nonnull(sa->in);
	ck_assert_ptr_nonnull(sa->out);
}
END_TEST

/* Each part of the key tells SAs apart. */
START_TEST(test_lookup_minds_each_part_of_the_key)
{
	const struct sa_config c = sa_config_of("192.0.2.1", "192.0.2.2", 0x1000, 0);
	struct sa_config six = sa_config_of("2001:db8::1", "2001:db8::2", 0x1000, 0);
	const struct ip_addr other = addr_of("192.0.2.3"), zero = addr_of("c000:202::");
	struct sa *sa = sa_added(db, &c);

	ck_assert_ptr_null(sad_lookup(db, 0x1001, &c.id.dst));
	ck_assert_ptr_null(sad_lookup(db, 0x1000, &other));
	/* The IPv6 address whose first bytes are those of 192.0.2.2. */
	ck_assert_ptr_null(sad_lookup(db, 0x1000, &zero));
	six.id.dst = zero;
	ck_assert_ptr_ne(sa_added(db, &six), sa);
	ck_assert_ptr_eq(sad_lookup(db, 0x1000, &c.id.dst), sa);
	ck_assert_int_eq(
		sadb_sa_delete(db, &(struct sa_id){c.id.dst, 0x1000, IPPROTO_AH}, &no_mark),
		-ESRCH);
}
END_TEST

START_TEST(test_add_leaves_the_first_untouched)
{
	const struct sa_config c = sa_config_of("192.0.2.1", "192.0.2.2", 0x1000, 7);
	struct sa_config again = sa_config_of("192.0.2.9", "192.0.2.2", 0x1000, 8);
	const struct sa_grant grant = grant_of(SA_IN);
	struct sa *sa = sa_added(db, &c), *untouched = (struct sa *)&shelf;

	ck_assert_int_eq(sadb_sa_add(db, &again, &grant, 2000, &untouched), -EEXIST);
	ck_assert_ptr_eq(untouched, (struct sa *)&shelf);
	ck_assert_ptr_eq(sadb_sa_find(db, &c.id, &no_mark), sa);
	ck_assert_uint_eq(sa->config.reqid, 7);
	ck_assert_uint_eq(sa->add_time, 1000);
	ck_assert_uint_eq(sadb_sa_count(db), 1);
}
END_TEST

START_TEST(test_add_refuses_what_esp_refuses)
{
	struct sa_config c = sa_config_of("192.0.2.1", "192.0.2.2", 0, 0);
	const struct sa_grant both = grant_of(SA_IN | SA_OUT);
	struct sa_grant empty = grant_of(SA_IN | SA_OUT);
	struct sa *sa = NULL;

	ck_assert_int_eq(sadb_sa_add(db, &c, &both, 1, &sa), -EINVAL); /* SPI 0 */
	c.id.spi = 0x1000;
	empty.seq = (struct esp_grant){2, 1};
	ck_assert_int_eq(sadb_sa_add(db, &c, &empty, 1, &sa), -EINVAL); /* inbound end was made */
	ck_assert_ptr_null(sa);
	ck_assert_uint_eq(sadb_sa_count(db), 0);
	ck_assert_ptr_null(sad_lookup(db, 0x1000, &c.id.dst));
	ck_assert_ptr_null(sadb_sa_next_between(db, &c.src, &c.id.dst, NULL));
}
END_TEST

/* XFRM's look-up: (key & sa.mask) == sa.value. */
START_TEST(test_marks_tell_sas_apart)
{
	struct sa_config marked[3], plain = sa_config_of("192.0.2.1", "192.0.2.2", 0x1000, 0);
	const struct sa_grant grant = grant_of(SA_IN);
	struct sa *sas[3], *sa;

	for (unsigned i = 0; i < 3; i++) {
		marked[i] = plain;
		marked[i].mark = (struct xfrm_mark_value){i + 1, 0xff};
		sas[i] = sa_added(db, &marked[i]);
	}
	/* No packet has a mark: none of them is for one. */
	ck_assert_ptr_null(sad_lookup(db, 0x1000, &plain.id.dst));
	ck_assert_ptr_null(sadb_sa_find(db, &plain.id, &no_mark));
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_ptr_eq(sadb_sa_find(db, &plain.id, &marked[i].mark), sas[i]);
		ck_assert_int_eq(sadb_sa_add(db, &marked[i], &grant, 1, &sa), -EEXIST);
	}
	sa = sa_added(db, &plain);
	ck_assert_ptr_eq(sad_lookup(db, 0x1000, &plain.id.dst), sa);
	ck_assert_int_eq(sadb_sa_delete(db, &plain.id, &no_mark), 0);
	ck_assert_ptr_null(sad_lookup(db, 0x1000, &plain.id.dst));
	ck_assert_int_eq(sadb_sa_delete(db, &plain.id, &marked[1].mark), 0);
	ck_assert_int_eq(sadb_sa_delete(db, &plain.id, &marked[1].mark), -ESRCH);
	ck_assert_ptr_eq(sadb_sa_find(db, &plain.id, &marked[0].mark), sas[0]);
	ck_assert_ptr_eq(sadb_sa_find(db, &plain.id, &marked[2].mark), sas[2]);
}
END_TEST

/* The kernel: an SA without mark is found by every mark, so nothing can be added beside it. */
START_TEST(test_an_unmarked_sa_is_found_by_every_mark)
{
	struct sa_config c = sa_config_of("192.0.2.1", "192.0.2.2", 0x1000, 0);
	const struct sa_grant grant = grant_of(SA_IN);
	struct sa *sa = sa_added(db, &c), *other;

	c.mark = (struct xfrm_mark_value){5, 0xff};
	ck_assert_ptr_eq(sadb_sa_find(db, &c.id, &c.mark), sa);
	ck_assert_int_eq(sadb_sa_add(db, &c, &grant, 1, &other), -EEXIST);
}
END_TEST

/* An SA whose destination is another host is no answer for a packet. */
START_TEST(test_lookup_wants_an_inbound_end)
{
	const struct sa_config c = sa_config_of("192.0.2.1", "192.0.2.2", 0x1000, 0);
	const struct sa_grant out = grant_of(SA_OUT);
	struct sa *sa;

	ck_assert_int_eq(sadb_sa_add(db, &c, &out, 1, &sa), 0);
	ck_assert_ptr_null(sad_lookup(db, 0x1000, &c.id.dst));
	ck_assert_ptr_eq(sadb_sa_find(db, &c.id, &no_mark), sa);
	ck_assert_uint_eq(sa_status(sa).directions, SA_OUT);
}
END_TEST

/* What an ICMP error quotes is found by the end that sent it, whatever its mark. */
START_TEST(test_lookup_of_what_was_sent_wants_an_outbound_end)
{
	struct sa_config c = sa_config_of("192.0.2.1", "192.0.2.2", 0x1000, 0);
	const struct ip_addr other = addr_of("192.0.2.3");
	const struct sa_grant out = grant_of(SA_OUT), in = grant_of(SA_IN);
	struct sa *sa;

	ck_assert_int_eq(sadb_sa_add(db, &c, &out, 1, &sa), 0);
	ck_assert_ptr_eq(sad_lookup_sent(db, 0x1000, &c.id.dst), sa);
	ck_assert_ptr_null(sad_lookup_sent(db, 0x1001, &c.id.dst));
	ck_assert_ptr_null(sad_lookup_sent(db, 0x1000, &other));
	ck_assert_int_eq(sadb_sa_delete(db, &c.id, &no_mark), 0);
	ck_assert_ptr_null(sad_lookup_sent(db, 0x1000, &c.id.dst));
	ck_assert_int_eq(sadb_sa_add(db, &c, &in, 1, &sa), 0);
	ck_assert_ptr_null(sad_lookup_sent(db, 0x1000, &c.id.dst));
	c.id.spi = 0x2000;
	c.mark = (struct xfrm_mark_value){7, UINT32_MAX};
	ck_assert_int_eq(sadb_sa_add(db, &c, &out, 1, &sa), 0);
	ck_assert_ptr_eq(sad_lookup_sent(db, 0x2000, &c.id.dst), sa);
}
END_TEST

START_TEST(test_delete_retires_but_does_not_free)
{
	const struct sa_config c = sa_config_of("192.0.2.1", "192.0.2.2", 0x1000, 0);
	struct sa *sa = sa_added(db, &c);

	ck_assert_int_eq(sadb_sa_delete(db, &c.id, &no_mark), 0);
	ck_assert_ptr_null(sad_lookup(db, 0x1000, &c.id.dst));
	ck_assert_uint_eq(sadb_sa_count(db), 0);
	ck_assert(shelf_has(&shelf, sa));
	/* A reader that has it may still seal, open and book. */
	sa_on_packet(sa, 100, 5);
	ck_assert_uint_eq(sa_status(sa).bytes, 100);
	ck_assert_uint_eq(esp_in_seq(sa->in), 0);
	ck_assert_int_eq(sadb_sa_delete(db, &c.id, &no_mark), -ESRCH);
}
END_TEST

START_TEST(test_next_between_goes_by_age)
{
	struct sa_config c = sa_config_of("192.0.2.1", "192.0.2.2", 0, 0);
	const struct sa_config far = sa_config_of("192.0.2.1", "192.0.2.3", 0x9000, 5);
	struct sa *sas[5], *sa = NULL;

	(void)sa_added(db, &far);
	for (uint32_t i = 0; i < 5; i++) {
		c.id.spi = 0x1000 + i;
		c.reqid = i % 3; /* whatever the reqid */
		sas[i] = sa_added(db, &c);
	}
	for (unsigned i = 0; i < 5; i++) {
		sa = sadb_sa_next_between(db, &c.src, &c.id.dst, sa);
		ck_assert_ptr_eq(sa, sas[i]);
	}
	ck_assert_ptr_null(sadb_sa_next_between(db, &c.src, &c.id.dst, sa));
	ck_assert_ptr_null(sadb_sa_next_between(db, &c.id.dst, &c.src, NULL));
}
END_TEST

START_TEST(test_flush_takes_the_protocol_named)
{
	struct sa_config c = sa_config_of("192.0.2.1", "192.0.2.2", 0, 0);

	for (c.id.spi = 1; c.id.spi <= 50; c.id.spi++)
		(void)sa_added(db, &c);
	ck_assert_uint_eq(sadb_sa_flush(db, IPPROTO_AH), 0);
	ck_assert_uint_eq(sadb_sa_count(db), 50);
	ck_assert_uint_eq(sadb_sa_flush(db, IPPROTO_ESP), 50);
	ck_assert_uint_eq(sadb_sa_flush(db, 0), 0);
	ck_assert_uint_eq(sadb_sa_count(db), 0);
}
END_TEST

/* Against a plain array: SPIs come and go at random, so that the table grows, collects graves, cuts
 * chains and is rebuilt; after each step a few are looked up, at the end all. */
START_TEST(test_table_finds_exactly_what_is_there)
{
	enum { SPIS = 700, STEPS = 20000 };
	struct sa_config c = sa_config_of("192.0.2.1", "192.0.2.2", 0, 0);
	static struct sa *model[SPIS];
	uint64_t rng = seed_of_run(0x5ad);
	uint32_t spi;

	for (unsigned step = 0; step < STEPS; step++) {
		/* Waves of filling and emptying. */
		const bool fill = random_next(&rng) % 100 < ((step / 2500) % 2 ? 30 : 70);

		spi = (uint32_t)(random_next(&rng) % SPIS);
		c.id.spi = spi + 1;
		if (fill && !model[spi]) {
			model[spi] = sa_added(db, &c);
		} else if (!fill && model[spi]) {
			ck_assert_int_eq(sadb_sa_delete(db, &c.id, &no_mark), 0);
			model[spi] = NULL;
		}
		for (unsigned i = 0; i < 3; i++) {
			spi = (uint32_t)(random_next(&rng) % SPIS);
			ck_assert_ptr_eq(sad_lookup(db, spi + 1, &c.id.dst), model[spi]);
		}
		if (step % 1000 == 0)
			shelf_empty(&shelf);
	}
	for (spi = 0; spi < SPIS; spi++)
		ck_assert_ptr_eq(sad_lookup(db, spi + 1, &c.id.dst), model[spi]);
	memset(model, 0, sizeof(model));
}
END_TEST

START_TEST(test_counters_book_packets)
{
	const struct sa_config c = sa_config_of("192.0.2.1", "192.0.2.2", 0x1000, 0);
	struct sa *both = sa_added(db, &c), *one;
	struct sa_config d = sa_config_of("192.0.2.1", "192.0.2.2", 0x1001, 0);
	const struct sa_grant in = grant_of(SA_IN);
	struct sa_status status;

	ck_assert_int_eq(sadb_sa_add(db, &d, &in, 77, &one), 0);
	struct sa *sas[] = {both, one};

	for (unsigned i = 0; i < 2; i++) {
		status = sa_status(sas[i]);
		ck_assert_uint_eq(status.use_time, 0);
		sa_on_packet(sas[i], 100, 2000);
		sa_on_packet(sas[i], 28, 2005);
		status = sa_status(sas[i]);
		ck_assert_uint_eq(status.bytes, 128);
		ck_assert_uint_eq(status.packets, 2);
		ck_assert_uint_eq(status.use_time, 2000);
		ck_assert_uint_eq(status.last_use, 2005);
	}
	ck_assert_uint_eq(sa_status(one).add_time, 77);
	ck_assert_uint_eq(sa_status(one).directions, SA_IN);
	ck_assert_uint_eq(sa_status(both).directions, SA_IN | SA_OUT);
}
END_TEST

START_TEST(test_cleanse_leaves_no_key)
{
	struct sa_config c = sa_config_of("192.0.2.1", "192.0.2.2", 0x1000, 0);
	const struct sa_keys zero = {0};

	memset(&c.keys, 0xaa, sizeof(c.keys));
	sa_config_cleanse(&c);
	ck_assert_mem_eq(&c.keys, &zero, sizeof(zero));
	ck_assert_uint_eq(c.id.spi, 0x1000);
}
END_TEST

/* Each flag, XFRM's and ours, says one thing about the outer header, and no flag says nothing. */
START_TEST(test_flags_choose_the_outer_header)
{
	static const struct {
		uint8_t flags;
		uint32_t extra_flags;
		struct outer_options want;
	} rows[] = {
		{0, 0, {0}},
		{XFRM_STATE_ESN, XFRM_SA_XFLAG_OSEQ_MAY_WRAP, {0}},
		{0, XFRM_SA_XFLAG_DONT_ENCAP_DSCP, {.hide_dscp = true}},
		{XFRM_STATE_DECAP_DSCP, 0, {.take_dscp = true}},
		{XFRM_STATE_NOECN, 0, {.no_ecn = true}},
		{XFRM_STATE_NOPMTUDISC, 0, {.clear_df = true}},
		{0, SA_XFLAG_DF_SET, {.set_df = true}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sa_config c = sa_config_of("192.0.2.1", "192.0.2.2", 0x1000, 0);
		struct outer_options o;

		c.flags = rows[i].flags;
		c.extra_flags = rows[i].extra_flags;
		o = sa_outer_options(&c);
		ck_assert_int_eq(o.hide_dscp, rows[i].want.hide_dscp);
		ck_assert_int_eq(o.take_dscp, rows[i].want.take_dscp);
		ck_assert_int_eq(o.no_ecn, rows[i].want.no_ecn);
		ck_assert_int_eq(o.clear_df, rows[i].want.clear_df);
		ck_assert_int_eq(o.set_df, rows[i].want.set_df);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sad");
	TCase *t = tcase_create("sad");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_add_finds_and_copies);
	tcase_add_test(t, test_lookup_minds_each_part_of_the_key);
	tcase_add_test(t, test_add_leaves_the_first_untouched);
	tcase_add_test(t, test_add_refuses_what_esp_refuses);
	tcase_add_test(t, test_marks_tell_sas_apart);
	tcase_add_test(t, test_an_unmarked_sa_is_found_by_every_mark);
	tcase_add_test(t, test_lookup_wants_an_inbound_end);
	tcase_add_test(t, test_lookup_of_what_was_sent_wants_an_outbound_end);
	tcase_add_test(t, test_delete_retires_but_does_not_free);
	tcase_add_test(t, test_next_between_goes_by_age);
	tcase_add_test(t, test_flush_takes_the_protocol_named);
	tcase_add_test(t, test_table_finds_exactly_what_is_there);
	tcase_add_test(t, test_counters_book_packets);
	tcase_add_test(t, test_cleanse_leaves_no_key);
	tcase_add_test(t, test_flags_choose_the_outer_header);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
