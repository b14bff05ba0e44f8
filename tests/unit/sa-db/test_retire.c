/*
 * test_retire.c: what is retired can no longer be found, at the moment it is retired: the promise
 * everything with RCU rests on, and the order written in sad.c. The retire callback here frees at
 * once and then asks everything a packet thread can ask; no answer may be the thing retired, nor
 * lead over freed memory (ASan watches). So a step out of order fails every time and not once in a
 * million.
 */
#include "entries.h"

#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

enum { SAS = 40, STEPS = 1500 };

static const struct xfrm_mark_value no_mark = {0, 0};
static const struct ip_addr far = {{192, 0, 2, 2}, AF_INET};
static struct sadb *db;
static struct spd_cache *cache;
static unsigned long retired, found;

static void check_sa(const struct sa *sa, const void *gone)
{
	if (!sa)
		return;
	found++;
	/* Not ck_assert for each: Check notes every one, and there are millions. */
	if (gone && (sa == gone || sa->in == gone || sa->out == gone))
		ck_abort_msg("SPI %u leads to what was retired", sa->config.id.spi);
	(void)sa_status(sa); /* reads ends and counters */
}

static void check_policy(struct policy *p, const void *gone)
{
	if (!p)
		return;
	found++;
	if (p == gone)
		ck_abort_msg("policy %u was retired", p->config.index);
	check_sa(atomic_load(&p->sa), gone);
}

static void ask_everything(const void *gone)
{
	struct ip_view v = view_of("10.1.0.1", "10.2.0.1", IPPROTO_ICMP, 0, 0);

	for (uint32_t spi = 1; spi <= SAS; spi++)
		check_sa(sad_lookup(db, spi, &far), gone);
	for (enum policy_dir dir = POLICY_IN; dir < POLICY_DIRS; dir++) {
		for (uint8_t n = 0; n < 12; n++) {
			v.dst.bytes[2] = n;
			check_policy(spd_lookup(db, dir, &v), gone);
			check_policy(spd_lookup_cached(db, cache, dir, &v), gone);
		}
	}
}

static void retire_and_ask(void *ctx, void *ptr, void (*free_fn)(void *ptr))
{
	(void)ctx;
	retired++;
	free_fn(ptr);
	ask_everything(ptr);
}

static void step_policy(uint64_t *rng)
{
	struct selector sel = selector_of("10.1.0.0/16", "10.2.0.0/24", 0);
	struct policy_config c;
	struct policy *p;

	sel.dst.addr.bytes[2] = (uint8_t)(random_next(rng) % 12);
	c = protect_of(&sel, "192.0.2.1", "192.0.2.2", (uint32_t)(random_next(rng) % 4));
	c.dir = (uint8_t)(random_next(rng) % POLICY_DIRS);
	c.priority = (uint32_t)(random_next(rng) % 3);
	if (random_next(rng) % 3 == 0)
		(void)sadb_policy_delete(db, &c); /* may not be there */
	else
		ck_assert_int_eq(sadb_policy_add(db, &c, true, 1, &p), 0);
}

static void step_sa(uint64_t *rng)
{
	const struct sa_config c =
		sa_config_of("192.0.2.1", "192.0.2.2", (uint32_t)(random_next(rng) % SAS) + 1,
			     (uint32_t)(random_next(rng) % 4));
	const struct sa_grant grant = grant_of((unsigned)(random_next(rng) % 4));
	struct sa *sa = sadb_sa_find(db, &c.id, &no_mark);

	if (!sa)
		ck_assert_int_eq(sadb_sa_add(db, &c, &grant, 1, &sa), 0);
	else if (random_next(rng) % 3 == 0)
		ck_assert_int_eq(sadb_sa_set_directions(db, sa, &grant, &sa), 0);
	else if (random_next(rng) % 2 == 0)
		ck_assert_int_eq(sadb_sa_update(db, &c, &sa), 0);
	else
		ck_assert_int_eq(sadb_sa_delete(db, &c.id, &no_mark), 0);
}

START_TEST(test_retired_things_cannot_be_found)
{
	uint64_t rng = seed_of_run(0x4e711e);

	db = sadb_new((struct sadb_retire){retire_and_ask, NULL});
	cache = spd_cache_new();
	ck_assert(db && cache);
	for (unsigned step = 0; step < STEPS; step++) {
		ask_everything(NULL); /* fills the cache with what may go now */
		if (step % 400 == 399) {
			(void)sadb_sa_flush(db, 0);
			(void)sadb_policy_flush(db);
		} else if (random_next(&rng) % 2) {
			step_policy(&rng);
		} else {
			step_sa(&rng);
		}
	}
	printf("%lu retired, %lu answers\n", retired, found);
	ck_assert_uint_gt(retired, STEPS / 2);
	ck_assert_uint_gt(found, STEPS);
	spd_cache_free(cache);
	sadb_free(db);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("retire");
	TCase *t = tcase_create("retire");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 100);
	tcase_add_test(t, test_retired_things_cannot_be_found);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
