/*
 * test_threads.c: two packet threads look up, with and without a cache, and seal and book on what
 * they find, while the control thread adds, replaces, updates and deletes. What they check: an SA
 * that is never deleted is always found; an answer is an answer to the question; nothing found was
 * freed (ASan) and nothing is read that is being written (TSan); that an SA which is told meanwhile what
 * was seen elsewhere takes no packet twice. How many rounds: CYGNET_ROUNDS.
 */
#include "entries.h"
#include "epochs.h"

#include <check.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { STEADY = 8, CHANGING = 40, ROUNDS = 25000 };

static const struct xfrm_mark_value no_mark = {0, 0};
static struct sadb *db;
static struct epochs epochs;
static _Atomic bool done;

/* What one reader found out; checked by the main thread, for Check's asserts belong there. */
struct reader {
	pthread_t thread;
	unsigned number;
	uint64_t rng;
	uint64_t lookups, hits, sealed;
	uint64_t wrong_sa, lost_sa, wrong_policy, lost_policy, wrong_tie;
	uint64_t twice, wrong_verdict;
};

static const struct ip_addr far = {{192, 0, 2, 2}, AF_INET};

/* SPI 1..STEADY always exist (in changing versions), those above come and go. The odd ones are the
 * first reader's, the even ones the second's. */
static void look_up_sa(struct reader *r)
{
	const uint32_t spi = (uint32_t)(random_next(&r->rng) % (STEADY + CHANGING)) + 1;
	struct sa *sa = sad_lookup(db, spi, &far);

	r->lookups++;
	if (!sa) {
		r->lost_sa += spi <= STEADY;
		return;
	}
	r->wrong_sa += sa->config.id.spi != spi || !ip_addr_equal(&sa->config.id.dst, &far);
	r->wrong_sa += esp_in_window(sa->in) != sa->config.replay_window;
	r->hits++;
	if (spi % EPOCH_READERS == r->number)
		sa_on_packet(sa, 100, r->hits);
}

/* An outbound SA belongs to one data thread: the first reader seals. */
static void seal_with(struct reader *r, struct sa *sa)
{
	uint8_t buf[256] = {0};
	struct packet p = {.buf = buf, .size = sizeof(buf), .off = 64, .len = 40};

	if (r->number == 0 && sa->out)
		r->sealed += esp_seal(sa->out, &p, IPPROTO_IPIP) == V_OK;
}

/* Third octet n belongs to policy n, the last policy takes all that is left. */
static void look_up_policy(struct reader *r, struct spd_cache *cache)
{
	const uint8_t n = (uint8_t)(random_next(&r->rng) % (STEADY + CHANGING));
	struct ip_view v = {.version = 4, .proto = IPPROTO_ICMP};
	struct policy *p;
	struct sa *sa;

	v.src = ip_addr_v4((uint8_t[]){10, 1, 0, 1});
	v.dst = ip_addr_v4((uint8_t[]){10, 2, n, 1});
	p = random_next(&r->rng) % 4 ? spd_lookup_cached(db, cache, POLICY_OUT, &v)
				     : spd_lookup(db, POLICY_OUT, &v);
	if (!p) {
		r->lost_policy++;
		return;
	}
	r->wrong_policy += !selector_matches(&p->config.sel, &v);
	r->lost_policy += n < STEADY && p->config.tmpl.reqid != n + 1u;
	sa = atomic_load_explicit(&p->sa, memory_order_acquire);
	if (!sa)
		return;
	r->wrong_tie += !template_accepts(&p->config.tmpl, &sa->config);
	seal_with(r, sa);
}

static void *read_on(void *arg)
{
	struct reader *r = arg;
	struct spd_cache *cache = spd_cache_new();

	while (cache && !atomic_load_explicit(&done, memory_order_relaxed)) {
		for (unsigned i = 0; i < 16; i++) {
			look_up_sa(r);
			look_up_policy(r, cache);
		}
		epochs_quiescent(&epochs, r->number);
	}
	epochs_leave(&epochs, r->number);
	spd_cache_free(cache);
	return NULL;
}

static struct policy_config policy_of(uint32_t n)
{
	const struct selector any = selector_of("10.1.0.0/16", "10.2.0.0/16", 0);
	struct selector sel = any;
	struct policy_config c;

	sel.dst.addr.bytes[2] = (uint8_t)n;
	sel.dst.len = 24;
	c = protect_of(n < STEADY + CHANGING ? &sel : &any, "192.0.2.1", "192.0.2.2",
		       n < STEADY + CHANGING ? n + 1 : 0);
	c.priority = n < STEADY + CHANGING ? 100 : UINT32_MAX;
	return c;
}

static void add_or_replace_policy(uint32_t n, uint64_t *rng)
{
	struct policy_config c = policy_of(n);
	struct policy *p;

	if (n < STEADY + CHANGING)
		c.priority = (uint32_t)(random_next(rng) % 50);
	ck_assert_int_eq(sadb_policy_add(db, &c, true, 1, &p), 0);
}

static void change_sa(uint32_t n, uint64_t *rng)
{
	const struct sa_config c = sa_config_of("192.0.2.1", "192.0.2.2", n + 1, n + 1);
	struct sa_grant grant = grant_of(SA_IN | SA_OUT);
	struct sa *sa = sadb_sa_find(db, &c.id, &no_mark);

	if (!sa)
		(void)sa_added(db, &c);
	else if (random_next(rng) % 3 == 0)
		ck_assert_int_eq(sadb_sa_update(db, &c, &sa), 0);
	else if (random_next(rng) % 2 == 0) {
		/* Drops and gains the outbound end; the inbound one stays. */
		grant.directions = sa->out ? SA_IN : SA_IN | SA_OUT;
		ck_assert_int_eq(sadb_sa_set_directions(db, sa, &grant, &sa), 0);
	} else if (n >= STEADY)
		ck_assert_int_eq(sadb_sa_delete(db, &c.id, &no_mark), 0);
}

static void change(uint64_t *rng)
{
	const uint32_t n = (uint32_t)(random_next(rng) % (STEADY + CHANGING + 1));
	const struct policy_config c = policy_of(n);

	if (random_next(rng) % 2 && n < STEADY + CHANGING)
		change_sa(n, rng);
	else if (n >= STEADY && n < STEADY + CHANGING && random_next(rng) % 3 == 0)
		(void)sadb_policy_delete(db, &c); /* may not be there */
	else
		add_or_replace_policy(n, rng);
}

/* What is steady is there before the readers. */
static void prepare(uint64_t *rng)
{
	for (uint32_t n = 0; n < STEADY; n++) {
		change_sa(n, rng);
		add_or_replace_policy(n, rng);
	}
	add_or_replace_policy(STEADY + CHANGING, rng);
	epochs_collect(&epochs);
}

static void start_readers(struct reader readers[static EPOCH_READERS], void *(*fn)(void *))
{
	atomic_store(&done, false);
	for (unsigned i = 0; i < EPOCH_READERS; i++) {
		readers[i] = (struct reader){.number = i, .rng = 0x1234 + i};
		ck_assert_int_eq(pthread_create(&readers[i].thread, NULL, fn, &readers[i]), 0);
	}
}

static void join_readers(struct reader readers[static EPOCH_READERS])
{
	atomic_store(&done, true);
	for (unsigned i = 0; i < EPOCH_READERS; i++)
		ck_assert_int_eq(pthread_join(readers[i].thread, NULL), 0);
}

static unsigned rounds_of_run(void)
{
	const char *text = getenv("CYGNET_ROUNDS");

	return text ? (unsigned)atoi(text) : ROUNDS;
}

START_TEST(test_readers_against_a_writer)
{
	struct reader readers[EPOCH_READERS];
	const unsigned rounds = rounds_of_run();
	uint64_t rng = seed_of_run(0x7ead);

	epochs_init(&epochs);
	db = sadb_new(epochs_retire(&epochs));
	ck_assert_ptr_nonnull(db);
	prepare(&rng);
	start_readers(readers, read_on);
	for (unsigned i = 0; i < rounds; i++) {
		change(&rng);
		epochs_collect(&epochs);
	}
	join_readers(readers);
	for (unsigned i = 0; i < EPOCH_READERS; i++) {
		const struct reader *r = &readers[i];

		ck_assert_uint_gt(r->hits, 0);
		ck_assert_uint_eq(r->wrong_sa, 0);
		ck_assert_uint_eq(r->lost_sa, 0);
		ck_assert_uint_eq(r->wrong_policy, 0);
		ck_assert_uint_eq(r->lost_policy, 0);
		ck_assert_uint_eq(r->wrong_tie, 0);
	}
	ck_assert_uint_gt(readers[0].sealed, 0);
	printf("%u changes, %" PRIu64 " look-ups, %" PRIu64 " sealed, %" PRIu64
	       " freed meanwhile\n",
	       rounds, readers[0].lookups + readers[1].lookups, readers[0].sealed, epochs.freed);
	epochs_collect(&epochs);
	ck_assert_ptr_null(epochs.first);
	sadb_free(db);
}
END_TEST

/* Everything found must match; whether anything is found depends on the moment. */
static void *read_between_flushes(void *arg)
{
	struct reader *r = arg;
	struct spd_cache *cache = spd_cache_new();
	struct ip_view v = {.version = 4, .proto = IPPROTO_ICMP};
	struct policy *p, *q;

	v.src = ip_addr_v4((uint8_t[]){10, 1, 0, 1});
	while (cache && !atomic_load_explicit(&done, memory_order_relaxed)) {
		v.dst = ip_addr_v4((uint8_t[]){10, 2, (uint8_t)(r->lookups++ % 8), 1});
		p = spd_lookup(db, POLICY_OUT, &v);
		q = spd_lookup_cached(db, cache, POLICY_OUT, &v);
		r->hits += p != NULL;
		r->wrong_policy += p && !selector_matches(&p->config.sel, &v);
		r->wrong_policy += q && !selector_matches(&q->config.sel, &v);
		epochs_quiescent(&epochs, r->number);
	}
	epochs_leave(&epochs, r->number);
	spd_cache_free(cache);
	return NULL;
}

/* A flush takes out in place what readers are going over, and the next additions must not write
 * there. */
START_TEST(test_readers_against_flushes)
{
	struct reader readers[EPOCH_READERS];
	const unsigned rounds = rounds_of_run() / 10;
	struct policy_config c;

	epochs_init(&epochs);
	db = sadb_new(epochs_retire(&epochs));
	ck_assert_ptr_nonnull(db);
	start_readers(readers, read_between_flushes);
	for (unsigned i = 0; i < rounds; i++) {
		for (uint32_t n = 0; n < 8; n++) {
			c = policy_of((n + i) % 8);
			(void)policy_added(db, &c);
		}
		ck_assert_uint_eq(sadb_policy_flush(db), 8);
		epochs_collect(&epochs);
	}
	join_readers(readers);
	for (unsigned i = 0; i < EPOCH_READERS; i++) {
		ck_assert_uint_gt(readers[i].lookups, 0);
		ck_assert_uint_eq(readers[i].wrong_policy, 0);
	}
	epochs_collect(&epochs);
	sadb_free(db);
}
END_TEST

/* Seals a packet with the SA it finds, opens it, and then its copy with what it finds by then. */
static void opens_once(struct reader *r)
{
	struct sa *sa = sad_lookup(db, 1, &far);
	uint8_t buf[256] = {0}, again[256];
	struct packet p = {.buf = buf, .size = sizeof(buf), .off = 64, .len = 40}, copy;
	uint8_t next_header;
	enum verdict first;
	uint64_t seq;

	r->lost_sa += !sa;
	if (!sa || esp_seal(sa->out, &p, IPPROTO_IPIP) != V_OK)
		return;
	memcpy(again, buf, sizeof(again));
	copy = p;
	copy.buf = again;
	first = esp_open(sa->in, &p, &next_header, &seq);
	r->hits += first == V_OK;
	r->lookups++;
	sa = sad_lookup(db, 1, &far);
	r->twice += !sa || esp_open(sa->in, &copy, &next_header, &seq) == V_OK;
	/* Told of a number that it had not sent then. */
	r->wrong_verdict += first != V_OK && first != V_REPLAY_DUP && first != V_REPLAY_OLD;
}

static void *open_on(void *arg)
{
	struct reader *r = arg;

	while (r->number == 0 && !atomic_load_explicit(&done, memory_order_relaxed)) {
		for (unsigned i = 0; i < 16; i++)
			opens_once(r);
		epochs_quiescent(&epochs, r->number);
	}
	epochs_leave(&epochs, r->number);
	return NULL;
}

/* The window is the packet thread's, whatever control knows of numbers. */
START_TEST(test_a_reader_against_resumptions)
{
	struct sa_grant grant = {.directions = SA_IN};
	struct sa_config c = sa_config_of("192.0.2.1", "192.0.2.2", 1, 1);
	struct reader readers[EPOCH_READERS];
	const unsigned rounds = rounds_of_run();
	uint64_t last = 0;
	struct sa *sa;

	epochs_init(&epochs);
	db = sadb_new(epochs_retire(&epochs));
	ck_assert_ptr_nonnull(db);
	sa = sa_added(db, &c);
	start_readers(readers, open_on);
	for (unsigned i = 0; i < rounds; i++) {
		/* Now ahead of what was sent, now behind what was seen. */
		grant.past.in_seq = sa_status(sa).in_seq + i % 4;
		ck_assert_int_eq(sadb_sa_resume(db, sa, &grant, &sa), 0);
		ck_assert_uint_ge(sa_status(sa).in_seq, last);
		last = sa_status(sa).in_seq;
		if (i % 16 == 0)
			ck_assert_int_eq(sadb_sa_update(db, &c, &sa), 0);
		epochs_collect(&epochs);
	}
	join_readers(readers);
	printf("%" PRIu64 " of %" PRIu64 " packets opened beside resumptions\n", readers[0].hits,
	       readers[0].lookups);
	ck_assert_uint_gt(readers[0].lookups, 0);
	ck_assert_uint_eq(readers[0].twice, 0);
	ck_assert_uint_eq(readers[0].lost_sa, 0);
	ck_assert_uint_eq(readers[0].wrong_verdict, 0);
	epochs_collect(&epochs);
	sadb_free(db);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("threads");
	TCase *t = tcase_create("threads");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 100);
	tcase_add_test(t, test_readers_against_a_writer);
	tcase_add_test(t, test_readers_against_flushes);
	tcase_add_test(t, test_a_reader_against_resumptions);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
