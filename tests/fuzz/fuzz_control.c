/*
 * fuzz_control.c: requests to the control server, from two clients at once, without a socket. An
 * input is a row of datagrams, each behind three bytes: who sends it and how many answers are read
 * afterwards, and its length. Whatever comes in, what goes out is well-formed netlink, answers to
 * GET and dumps parse again, and nothing is left over.
 */
#include "gateway/dataplane/control/parts.h"
#include "tests/unit/gateway/control_double.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PREFIX = 3, CLIENTS = 2 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_control: %s\n", what);
	abort();
}

static void check_error(const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *body = NLMSG_DATA(nlh);

	must(nlh->nlmsg_len >= NLMSG_LENGTH(sizeof(*body)), "an acknowledgement is whole");
	must(body->error <= 0 && body->error > -4096, "an errno is an errno");
}

static void check_answer(const struct datagram *d)
{
	size_t off = 0;

	must(d->len > 0 && d->len <= XFRM_DATAGRAM_MAX, "a datagram has its size");
	while (off < d->len) {
		const struct nlmsghdr *nlh =
			(const struct nlmsghdr *)(const void *)(d->bytes + off);
		struct xfrm_message msg;
		struct xfrm_error err;

		must(d->len - off >= sizeof(*nlh) && nlh->nlmsg_len >= sizeof(*nlh) &&
			     nlh->nlmsg_len <= d->len - off,
		     "a message lies inside its datagram");
		if (nlh->nlmsg_type == NLMSG_ERROR) {
			check_error(nlh);
		} else if (nlh->nlmsg_type != NLMSG_DONE && nlh->nlmsg_type != NLMSG_OVERRUN) {
			must(xfrm_parse(nlh, d->len - off, &msg, &err) == 0,
			     "what we say we understand");
			xfrm_message_cleanse(&msg);
		}
		off += NLMSG_ALIGN((size_t)nlh->nlmsg_len);
	}
}

/* Reads at most n answers; false if there were fewer. */
static bool read_answers(struct session *s, unsigned n)
{
	while (n-- > 0) {
		struct datagram *d = session_pop(s);

		if (!d)
			return false;
		check_answer(d);
		datagram_free(d);
	}
	return true;
}

static void run(struct session *s)
{
	must(session_run(s) == 0, "there is memory");
	must(s->queued <= CONTROL_EVENT_BYTES + CONTROL_DUMP_BYTES, "what waits is bounded");
}

/* Until the session has nothing more to say. */
static void finish(struct session *s)
{
	do {
		run(s);
	} while (read_answers(s, 1) || s->dump.active || s->in_len);
}

static void feed(struct session *s, const uint8_t *bytes, size_t len)
{
	while (!session_wants_input(s)) {
		run(s);
		(void)read_answers(s, 1);
	}
	memcpy(s->in, bytes, len < sizeof(s->in) ? len : sizeof(s->in));
	if (len > 0)
		must(session_received(s, len) == 0, "there is memory");
	run(s);
}

/* A packet thread tells of one that did not fit the oldest SA there is. */
static void misfit(struct control *c)
{
	struct sadb_walk walk;
	const struct sa *sa;
	struct notice notice;

	sadb_walk_begin(c->deps.db, &walk, false);
	sa = sadb_walk_sa(&walk);
	sadb_walk_end(&walk);
	if (!sa)
		return;
	notice = notice_about(NOTICE_MISFIT, sa);
	notice.flow = (struct selector){.family = sa->config.id.dst.family,
					.src = {sa->config.src, 32},
					.dst = {sa->config.id.dst, 32}};
	notice.quote_len = NOTICE_QUOTE_MAX;
	control_on_notice(c, &notice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct session sessions[CLIENTS];
	struct control control = {.deps.db = sadb_new((struct sadb_retire){0})};

	must(control.deps.db, "there is memory");
	double_reset();
	for (unsigned i = 0; i < CLIENTS; i++)
		session_init(&sessions[i], &control);
	while (size >= PREFIX) {
		struct session *s = &sessions[data[0] % CLIENTS];
		unsigned answers = data[0] / CLIENTS;
		size_t len = (size_t)data[1] | (size_t)data[2] << 8;

		data += PREFIX;
		size -= PREFIX;
		if (len > size)
			len = size;
		feed(s, data, len);
		(void)read_answers(s, answers);
		/* The host's addresses come and go. */
		double_state.home = answers % 4 != 3;
		if (answers % 4 >= 2)
			control_addresses_changed(&control);
		/* Time passes: SAs and policies expire. */
		if (answers % 8 >= 6) {
			life_run(&control, UINT64_MAX / 2);
			policy_life_run(&control, UINT64_MAX / 2);
		}
		if (answers % 16 == 9)
			misfit(&control);
		data += len;
		size -= len;
	}
	for (unsigned i = 0; i < CLIENTS; i++) {
		finish(&sessions[i]);
		session_fini(&sessions[i]);
	}
	acquire_fini(&control);
	life_fini(&control);
	policy_life_fini(&control);
	grants_return_all(&control);
	must(double_state.returns <= double_state.takes, "nothing is given back twice");
	sadb_free(control.deps.db);
	return 0;
}
