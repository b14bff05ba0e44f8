/*
 * test_turns.c: packet threads' wishes to the scheduler: what an administrator chose stays, a thread inherits, and
 * a turn is over when the thread has worked for long enough, not when time has passed.
 */
#include "gateway/dataplane/turns.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static void *policy_of_thread(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)sched_getscheduler(0);
}

START_TEST(test_turns_keep_policy_and_niceness)
{
	static const int policies[] = {SCHED_OTHER, SCHED_BATCH, SCHED_IDLE};
	const struct sched_param none = {0};
	pthread_t thread;
	void *policy;

	ck_assert_int_eq(sched_setscheduler(0, policies[_i], &none), 0);
	ck_assert_int_eq(setpriority(PRIO_PROCESS, 0, 3), 0);
	turns_short();
	ck_assert_int_eq(sched_getscheduler(0), policies[_i]);
	ck_assert_int_eq(getpriority(PRIO_PROCESS, 0), 3);
	ck_assert_int_eq(pthread_create(&thread, NULL, policy_of_thread, NULL), 0);
	ck_assert_int_eq(pthread_join(thread, &policy), 0);
	ck_assert_int_eq((intptr_t)policy, policies[_i]);
}
END_TEST

START_TEST(test_turns_end_by_work)
{
	const struct timespec sleep = {.tv_nsec = 5000000};
	struct turn turn = {0};
	unsigned tries = 0;
	uint64_t began;

	do /* whatever the test has used so far */
		turns_give_way(&turn);
	while (turn.began == 0);
	/* 25 turns, had it worked. Going to sleep is work, too, and at times, on a busy machine, a turn of it. */
	do {
		began = turn.began;
		nanosleep(&sleep, NULL);
		turns_give_way(&turn);
	} while (turn.began != began && ++tries < 100);
	ck_assert_uint_eq(turn.began, began);
	while (turn.began == began)
		turns_give_way(&turn);
	ck_assert_uint_ge(turn.began - began, 200000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("turns");
	TCase *tc = tcase_create("turns");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tc, test_turns_keep_policy_and_niceness, 0, 3);
	tcase_add_test(tc, test_turns_end_by_work);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
