/*
 * tests/unit/esp/test_replay.c: the replay window at its edges, and the inference of extended
 * sequence numbers where subspaces meet. tests/model/model_replay.c asks the same at random.
 */
#include "esp/replay.h"
#include "tests/unit/esp/pair.h"

#include <errno.h>
#include <pthread.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static const uint32_t windows[] = {1, 31, 32, 33, 63, 64, 65, 66, 128, 1000, 4096, 5000};

static struct esp_replay at(uint32_t window, bool esn, uint64_t top)
{
	struct esp_replay r;

	ck_assert_int_eq(esp_replay_init(&r, window, esn), 0);
	if (top)
		esp_replay_commit(&r, top);
	return r;
}

START_TEST(test_init_refuses_impossible_windows)
{
	struct esp_replay r;

	ck_assert_int_eq(esp_replay_init(&r, 0, true), -EINVAL);
	ck_assert_int_eq(esp_replay_init(&r, ESP_WINDOW_MAX + 1, false), -EINVAL);
	ck_assert_int_eq(esp_replay_init(&r, UINT32_MAX, true), -EINVAL);
	ck_assert_int_eq(esp_replay_init(&r, ESP_WINDOW_MAX, true), 0);
	esp_replay_fini(&r);
}
END_TEST

START_TEST(test_check_knows_the_edges)
{
	static const uint64_t tops[] = {5000,
					8192,
					UINT32_MAX,
					1ull << 32,
					(1ull << 32) + 63,
					UINT64_MAX - 1,
					UINT64_MAX - 64,
					UINT64_MAX};

	for (size_t i = 0; i < ARRAY_LEN(windows); i++) {
		for (size_t k = 0; k < ARRAY_LEN(tops); k++) {
			uint64_t top = tops[k], w = windows[i];
			struct esp_replay r = at(windows[i], true, top);

			ck_assert_int_eq(esp_replay_check(&r, 0), V_REPLAY_OLD);
			ck_assert_int_eq(esp_replay_check(&r, top), V_REPLAY_DUP);
			ck_assert_int_eq(esp_replay_check(&r, top - w), V_REPLAY_OLD);
			if (w > 1)
				ck_assert_int_eq(esp_replay_check(&r, top - w + 1), V_OK);
			if (top != UINT64_MAX) {
				ck_assert_int_eq(esp_replay_check(&r, top + 1), V_OK);
				ck_assert_int_eq(esp_replay_check(&r, UINT64_MAX), V_OK);
			}
			esp_replay_fini(&r);
		}
	}
}
END_TEST

START_TEST(test_commit_takes_each_number_once)
{
	for (size_t i = 0; i < ARRAY_LEN(windows); i++) {
		uint32_t w = windows[i];
		struct esp_replay r = at(w, false, 20000);

		/* Backwards through the whole window, then everything again. */
		for (uint32_t n = 1; n < w; n++) {
			ck_assert_int_eq(esp_replay_check(&r, 20000 - n), V_OK);
			esp_replay_commit(&r, 20000 - n);
			ck_assert_uint_eq(esp_replay_top(&r), 20000);
		}
		for (uint32_t n = 0; n < w; n++)
			ck_assert_int_eq(esp_replay_check(&r, 20000 - n), V_REPLAY_DUP);
		/* One step on: exactly the lowest falls out. */
		esp_replay_commit(&r, 20001);
		ck_assert_int_eq(esp_replay_check(&r, 20001 - w), V_REPLAY_OLD);
		if (w > 1)
			ck_assert_int_eq(esp_replay_check(&r, 20002 - w), V_REPLAY_DUP);
		/* A jump over everything leaves an empty window behind the new top. */
		esp_replay_commit(&r, 90000);
		for (uint32_t n = 1; n < w; n++)
			ck_assert_int_eq(esp_replay_check(&r, 90000 - n), V_OK);
		esp_replay_fini(&r);
	}
}
END_TEST

START_TEST(test_fresh_window_begins_at_one)
{
	for (size_t i = 0; i < ARRAY_LEN(windows); i++) {
		struct esp_replay r = at(windows[i], false, 0);

		ck_assert_uint_eq(esp_replay_top(&r), 0);
		ck_assert_int_eq(esp_replay_check(&r, 0), V_REPLAY_OLD);
		ck_assert_int_eq(esp_replay_check(&r, 1), V_OK);
		esp_replay_commit(&r, 1);
		ck_assert_int_eq(esp_replay_check(&r, 0), V_REPLAY_OLD);
		ck_assert_int_eq(esp_replay_check(&r, 1), V_REPLAY_DUP);
		ck_assert_int_eq(esp_replay_check(&r, 2), V_OK);
		esp_replay_fini(&r);
	}
}
END_TEST

/* Taken over from elsewhere: nothing up to the top is taken again, all above it is, once. */
START_TEST(test_resumed_window_has_seen_it_all)
{
	static const uint64_t tops[] = {1, 63, 64, 65, 5000, UINT32_MAX, UINT64_MAX - 70};

	for (size_t i = 0; i < ARRAY_LEN(windows); i++) {
		for (size_t k = 0; k < ARRAY_LEN(tops); k++) {
			struct esp_replay r = at(windows[i], true, 0);
			struct esp_seen none = {{~1U, UINT32_MAX}}; /* not the highest one */
			uint64_t top = tops[k];

			esp_replay_resume(&r, top, &none);
			ck_assert_uint_eq(esp_replay_top(&r), top);
			for (uint64_t n = 0; n < windows[i] && n < top; n++)
				ck_assert_int_eq(esp_replay_check(&r, top - n), V_REPLAY_DUP);
			/* Ahead, and then what was left out on the way. */
			esp_replay_commit(&r, top + 3);
			ck_assert_int_eq(esp_replay_check(&r, top + 3), V_REPLAY_DUP);
			ck_assert_int_eq(esp_replay_check(&r, top + 4), V_OK);
			for (uint64_t n = 1; n < 3; n++)
				ck_assert_int_eq(esp_replay_check(&r, top + n),
						 3 - n < windows[i] ? V_OK : V_REPLAY_OLD);
			esp_replay_fini(&r);
		}
	}
}
END_TEST

/* The window had gone on when it was told what was seen elsewhere. */
START_TEST(test_a_window_raised_late_forgets_nothing)
{
	static const uint32_t backs[] = {0, 1, 2, 31, 63, 64, 65, 99, 4999, 20000};
	enum { TOP = 20000 };

	for (size_t i = 0; i < ARRAY_LEN(windows); i++) {
		const uint32_t w = windows[i];

		for (size_t k = 0; k < ARRAY_LEN(backs); k++) {
			const uint32_t back = backs[k];
			struct esp_replay r = at(w, true, TOP);

			esp_replay_raise(&r, TOP - back);
			esp_replay_raise(&r, 0);
			ck_assert_uint_eq(esp_replay_top(&r), TOP);
			ck_assert_int_eq(esp_replay_check(&r, TOP), V_REPLAY_DUP);
			ck_assert_int_eq(esp_replay_check(&r, TOP + 1), V_OK);
			ck_assert_int_eq(esp_replay_check(&r, TOP - w), V_REPLAY_OLD);
			for (uint32_t n = 1; n < w; n++)
				ck_assert_int_eq(esp_replay_check(&r, TOP - n),
						 n < back ? V_OK : V_REPLAY_DUP);
			esp_replay_raise(&r, TOP + 7);
			for (uint32_t n = 0; n < w; n++)
				ck_assert_int_eq(esp_replay_check(&r, TOP + 7 - n), V_REPLAY_DUP);
			ck_assert_int_eq(esp_replay_check(&r, TOP + 8), V_OK);
			esp_replay_fini(&r);
		}
	}
}
END_TEST

struct mover {
	struct esp_replay r;
	_Atomic uint64_t done; /* all up to it are committed */
	_Atomic bool stop;
};

static void *move_on(void *arg)
{
	struct mover *m = arg;

	for (uint64_t n = 1; !atomic_load_explicit(&m->stop, memory_order_relaxed); n++) {
		esp_replay_commit(&m->r, n);
		atomic_store_explicit(&m->done, n, memory_order_release);
	}
	return NULL;
}

/* A window that moves while it is read: what had been seen before is in the record, always. */
START_TEST(test_a_record_beside_traffic_forgets_nothing)
{
	struct mover m = {.r = at(windows[_i], true, 0)};
	const unsigned rounds = windows[_i] > 1000 ? 1000 : 20000;
	const uint64_t len = windows[_i] < ESP_SEEN_MAX ? windows[_i] : ESP_SEEN_MAX;
	uint64_t before, top, moved = 0, forgotten = 0;
	struct esp_seen seen;
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, move_on, &m), 0);
	for (unsigned i = 0; i < rounds || moved == 0; i++) {
		before = atomic_load_explicit(&m.done, memory_order_acquire);
		top = esp_replay_seen(&m.r, &seen);
		moved += top > before;
		forgotten += top < before;
		for (uint64_t n = top - before; n < len && n < top; n++)
			forgotten += !esp_was_seen(&seen, (uint32_t)n);
	}
	atomic_store_explicit(&m.stop, true, memory_order_relaxed);
	pthread_join(thread, NULL);
	esp_replay_fini(&m.r);
	ck_assert_uint_eq(forgotten, 0);
}
END_TEST

/* What one window has seen is what the next one refuses, and nothing else in it. */
START_TEST(test_resumed_window_is_as_recorded)
{
	static const uint64_t tops[] = {1, 40, 64, 65, 129, 5000, UINT32_MAX + 5ULL};

	for (size_t i = 0; i < ARRAY_LEN(windows); i++) {
		for (size_t k = 0; k < ARRAY_LEN(tops); k++) {
			struct esp_replay r = at(windows[i], true, 0),
					  next = at(windows[i], true, 0);
			uint64_t reach = windows[i] < ESP_SEEN_MAX ? windows[i] : ESP_SEEN_MAX;
			uint64_t top = tops[k];
			struct esp_seen seen;

			esp_replay_commit(&r, top);
			for (uint64_t n = 0; n < windows[i] && n < top; n += 1 + n % 3)
				esp_replay_commit(&r, top - n);
			esp_replay_seen(&r, &seen);
			ck_assert(esp_was_seen(&seen, 0));
			esp_replay_resume(&next, top, &seen);
			ck_assert_uint_eq(esp_replay_top(&next), top);
			for (uint64_t n = 0; n < reach + 3 && n <= top; n++)
				ck_assert_int_eq(esp_replay_check(&next, top - n),
						 n < reach || windows[i] == reach
							 ? esp_replay_check(&r, top - n)
							 : V_REPLAY_DUP);
			ck_assert_int_eq(esp_replay_check(&next, top + 1), V_OK);
			esp_replay_fini(&r);
			esp_replay_fini(&next);
		}
	}
}
END_TEST

START_TEST(test_window_zero_checks_nothing)
{
	struct esp_replay r = at(0, false, 0);

	for (int again = 0; again < 2; again++) {
		ck_assert_int_eq(esp_replay_check(&r, 7), V_OK);
		esp_replay_commit(&r, 7);
		ck_assert_int_eq(esp_replay_check(&r, 3), V_OK);
		esp_replay_commit(&r, 3);
		ck_assert_int_eq(esp_replay_check(&r, 0), V_OK);
	}
	ck_assert_uint_eq(esp_replay_top(&r), 7);
	esp_replay_fini(&r);
}
END_TEST

START_TEST(test_32_bit_numbers_are_taken_as_they_are)
{
	struct esp_replay r = at(64, false, 100);

	ck_assert_uint_eq(esp_replay_infer(&r, UINT32_MAX), UINT32_MAX);
	ck_assert_int_eq(esp_replay_check(&r, UINT32_MAX), V_OK);
	esp_replay_commit(&r, UINT32_MAX);
	ck_assert_uint_eq(esp_replay_infer(&r, 0), 0);
	ck_assert_uint_eq(esp_replay_infer(&r, 5), 5); /* no wrap: it is old */
	ck_assert_int_eq(esp_replay_check(&r, 5), V_REPLAY_OLD);
	esp_replay_fini(&r);
}
END_TEST

/* RFC 4303 Appendix A2: window 64 throughout. */
static const struct {
	uint64_t top;
	uint32_t seq_lo;
	uint64_t inferred;
} inferences[] = {
	/* Before the first packet, and early: there is no subspace below 0. */
	{0, 1, 1},
	{0, UINT32_MAX, UINT32_MAX},
	{10, 0xffffffff, 0xffffffff},
	/* Case A: the window within one subspace. */
	{1000, 937, 937},
	{1000, 936, 0x1000003a8},
	{1000, 0, 0x100000000},
	{1000, 1001, 1001},
	{1000, UINT32_MAX, UINT32_MAX},
	{0x5ffffffff, 0xffffffff, 0x5ffffffff},
	{0x5ffffffff, 0, 0x600000000},
	{0x5ffffffff, 0xffffffc0, 0x5ffffffc0},
	{0x5ffffffff, 0xffffffbf, 0x6ffffffbf},
	{0x50000003f, 0, 0x500000000},
	{0x50000003f, 0xffffffff, 0x5ffffffff},
	/* Case B: the window reaches into the subspace below. */
	{0x500000000, 0xffffffff, 0x4ffffffff},
	{0x500000000, 0xffffffc1, 0x4ffffffc1},
	{0x500000000, 0xffffffc0, 0x5ffffffc0},
	{0x50000003e, 0xffffffff, 0x4ffffffff},
	{0x50000003e, 0xfffffffe, 0x5fffffffe},
	{0x50000003e, 0x3f, 0x50000003f},
	/* The last subspace: nothing above it. */
	{UINT64_MAX, 0, 0xffffffff00000000},
	{UINT64_MAX - 1, 0xffffffff, UINT64_MAX},
};

START_TEST(test_infer_follows_appendix_a)
{
	for (size_t i = 0; i < ARRAY_LEN(inferences); i++) {
		struct esp_replay r = at(64, true, inferences[i].top);

		ck_assert_msg(esp_replay_infer(&r, inferences[i].seq_lo) == inferences[i].inferred,
			      "row %zu", i);
		esp_replay_fini(&r);
	}
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("replay");

	tcase_add_test(tc, test_init_refuses_impossible_windows);
	tcase_add_test(tc, test_check_knows_the_edges);
	tcase_add_test(tc, test_commit_takes_each_number_once);
	tcase_add_test(tc, test_fresh_window_begins_at_one);
	tcase_add_test(tc, test_resumed_window_has_seen_it_all);
	tcase_add_test(tc, test_resumed_window_is_as_recorded);
	tcase_add_test(tc, test_a_window_raised_late_forgets_nothing);
	tcase_add_loop_test(tc, test_a_record_beside_traffic_forgets_nothing, 0,
			    ARRAY_LEN(windows));
	tcase_add_test(tc, test_window_zero_checks_nothing);
	tcase_add_test(tc, test_32_bit_numbers_are_taken_as_they_are);
	tcase_add_test(tc, test_infer_follows_appendix_a);
	return pair_run(tc, "esp replay");
}
