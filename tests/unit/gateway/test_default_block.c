/*
 * test_default_block.c: the table behind a default that blocks, with nftables doubled: what it refuses is
 * as it was, is told, and comes again. tests/netns/default-block.sh has the real one.
 */
#include "gateway/dataplane/capture/capture_nft.h"
#include "gateway/dataplane/capture/default_block.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <nftables/libnftables.h>
#include <stdlib.h>
#include <string.h>

static struct default_block d;
static struct sadb *db;
static struct fib_marks marks;

/* ---- nftables' double ------------------------------------------------------------------------ */

static bool table;	/* of default_block.c */
static bool refuses;	/* whatever changes something */
static unsigned writes; /* of the whole table */
static char *last;	/* change that was taken */

int capture_nft_run(struct nft_ctx *nft, const char *text, bool quietly)
{
	(void)nft;
	(void)quietly;
	if (strncmp(text, "list ", 5) == 0)
		return table ? 0 : -EIO;
	if (refuses)
		return -EIO;
	free(last);
	last = strdup(text);
	table = strstr(text, "chain") != NULL || (table && !strstr(text, "delete table"));
	writes += strstr(text, "chain") != NULL;
	return 0;
}

const char *nft_ctx_get_output_buffer(struct nft_ctx *nft)
{
	(void)nft;
	return "packets 3 bytes 100";
}

/* ---- what is asked of it ---------------------------------------------------------------------- */

static void retire(void *ctx, void *ptr, void (*free_fn)(void *ptr))
{
	(void)ctx;
	free_fn(ptr);
}

static struct policy_config add_policy(const char *src, const char *dst)
{
	struct policy_config config = {.dir = POLICY_OUT, .action = POLICY_BYPASS};
	struct policy *policy;

	ck_assert(ip_addr_parse(src, &config.sel.src.addr));
	ck_assert(ip_addr_parse(dst, &config.sel.dst.addr));
	config.sel.family = config.sel.src.addr.family;
	config.sel.src.len = config.sel.dst.len = 32;
	ck_assert_int_eq(sadb_policy_add(db, &config, false, 1, &policy), 0);
	return config;
}

static int set_out(bool block)
{
	const bool all[POLICY_DIRS] = {[POLICY_OUT] = block};

	return default_block_set(&d, all);
}

static void setup(void)
{
	const struct sadb_retire how = {retire, NULL};

	table = refuses = false;
	writes = 0;
	last = NULL;
	db = sadb_new(how);
	ck_assert_ptr_nonnull(db);
	/* No more than an address to the double. */
	default_block_open(&d, (struct nft_ctx *)&table, "cyg0", db, &marks);
	ck_assert(!default_block_have_leftovers(&d));
}

static void teardown(void)
{
	default_block_fini(&d);
	fib_marks_fini(&marks);
	sadb_free(db);
	free(last);
}

START_TEST(test_default_that_is_refused_is_as_it_was)
{
	refuses = true;
	ck_assert_int_eq(set_out(true), -EIO);
	ck_assert(!d.block[POLICY_OUT]);
	refuses = false;
	ck_assert_int_eq(set_out(true), 0);
	ck_assert(d.block[POLICY_OUT]);
	refuses = true;
	ck_assert_int_eq(set_out(false), -EIO);
	ck_assert(d.block[POLICY_OUT] && table);
	refuses = false;
	ck_assert_int_eq(set_out(false), 0);
	ck_assert(!d.block[POLICY_OUT] && !table);
}
END_TEST

/* A policy that goes lets nothing pass for longer than nftables makes it. */
START_TEST(test_default_change_that_is_refused_is_told_and_tried_again)
{
	const struct policy_config key = add_policy("10.1.0.1", "10.2.0.1");

	ck_assert_int_eq(set_out(true), 0);
	ck_assert_ptr_nonnull(strstr(last, "10.1.0.1"));
	ck_assert_int_eq(sadb_policy_delete(db, &key), 0);
	refuses = true;
	ck_assert_int_eq(default_block_refresh(&d, false), -EIO);
	refuses = false;
	ck_assert_int_eq(default_block_refresh(&d, false), 0);
	ck_assert_ptr_null(d.plan.sets);
	free(last);
	last = NULL;
	ck_assert_int_eq(default_block_refresh(&d, false), 0);
	ck_assert_ptr_null(last); /* nothing changed */
}
END_TEST

START_TEST(test_default_forgets_a_mark_that_was_refused_to_go)
{
	ck_assert_int_eq(set_out(true), 0);
	ck_assert_int_eq(fib_marks_count(&marks, 0x77, true), 1);
	ck_assert_int_eq(default_block_marks(&d), 0);
	ck_assert_ptr_nonnull(strstr(last, "0x77"));
	ck_assert_int_eq(fib_marks_count(&marks, 0x77, false), 1);
	refuses = true;
	ck_assert_int_eq(default_block_marks(&d), -EIO);
	refuses = false;
	/* No policy has changed: what stands there is wrong all the same. */
	ck_assert_int_eq(default_block_refresh(&d, false), 0);
	ck_assert_ptr_null(strstr(last, "0x77"));
	ck_assert_uint_eq(writes, 3);
}
END_TEST

START_TEST(test_default_asks_for_no_table_while_out_is_open)
{
	ck_assert_int_eq(fib_marks_count(&marks, 0x77, true), 1);
	refuses = true;
	ck_assert_int_eq(default_block_marks(&d), 0);
	ck_assert_int_eq(default_block_refresh(&d, false), 0);
	ck_assert_ptr_null(last);
}
END_TEST

START_TEST(test_default_of_a_dead_process_stays_until_policies_had_time)
{
	struct default_block next;

	(void)add_policy("10.1.0.1", "10.2.0.1");
	ck_assert_int_eq(set_out(true), 0);
	default_block_open(&next, (struct nft_ctx *)&table, "cyg1", db, &marks);
	ck_assert(default_block_have_leftovers(&next));
	ck_assert(next.block[POLICY_IN] && next.block[POLICY_OUT]); /* as the double has it */
	ck_assert_ptr_nonnull(strstr(last, "\"cyg1\""));
	ck_assert_uint_eq(default_block_dropped(&next, POLICY_OUT), 0);
	ck_assert_int_eq(default_block_refresh(&next, true), 0);
	ck_assert_uint_eq(writes, 1);
	ck_assert_int_eq(default_block_refresh(&next, false), 0);
	ck_assert_uint_eq(writes, 2);
	ck_assert(!default_block_have_leftovers(&next));
	default_block_fini(&next);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("default_block");
	TCase *tc = tcase_create("default_block");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_default_that_is_refused_is_as_it_was);
	tcase_add_test(tc, test_default_change_that_is_refused_is_told_and_tried_again);
	tcase_add_test(tc, test_default_forgets_a_mark_that_was_refused_to_go);
	tcase_add_test(tc, test_default_asks_for_no_table_while_out_is_open);
	tcase_add_test(tc, test_default_of_a_dead_process_stays_until_policies_had_time);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
