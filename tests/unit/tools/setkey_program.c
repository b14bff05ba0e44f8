/* setkey_program.c: see setkey_program.h. */
#include "setkey_program.h"

#include "fake_xfrmd.h"

#include "xfrm/xfrm.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static char socket_path[256];
static pid_t server;
struct program_result r;

void setkey_server_start(void)
{
	server = fake_xfrmd_start(socket_path, sizeof(socket_path));
}

void setkey_server_stop(void)
{
	fake_xfrmd_stop(server, socket_path);
}

enum { WORDS_MAX = 15 };

/* setkey and the words of options, which stand in copy afterwards. */
static void split(const char *options, char copy[static 256], const char *argv[WORDS_MAX + 1])
{
	unsigned argc = 0;

	argv[argc++] = SETKEY;
	snprintf(copy, 256, "%s", options);
	for (char *word = strtok(copy, " "); word && argc < WORDS_MAX; word = strtok(NULL, " "))
		argv[argc++] = word;
	argv[argc] = NULL;
}

void setkey(const char *options, const char *text)
{
	const char *argv[WORDS_MAX + 1];
	char copy[256];

	split(options, copy, argv);
	program_run(argv, socket_path, text, &r);
}

void setkey_until(const char *options, const char *piece, unsigned times)
{
	const char *argv[WORDS_MAX + 1];
	char copy[256];

	split(options, copy, argv);
	program_run_until(argv, socket_path, piece, times, &r);
}

void setkey_flush_sas(void)
{
	struct xfrm_message msg = {.type = XFRM_MSG_FLUSHSA, .proto = 0};
	struct xfrm_client *client;
	struct xfrm_error err;
	int rc;

	ck_assert_int_eq(xfrm_client_open(socket_path, false, &client, &err), 0);
	rc = xfrm_client_request(client, &msg, &err);
	ck_assert(rc == 0 || rc == -ESRCH); /* there was none */
	xfrm_client_close(client);
}

void expect(int status, const char *out, const char *err)
{
	ck_assert_msg(r.status == status && !strcmp(r.out, out) && !strcmp(r.err, err),
		      "exit %d (want %d)\n-- out\n%s-- want\n%s-- err\n%s-- want\n%s", r.status,
		      status, r.out, out, r.err, err);
}

void script(const char *text)
{
	setkey("-f -", text);
	expect(0, "", "");
}

unsigned count(const char *text, const char *piece)
{
	unsigned n = 0;

	for (const char *at = text; (at = strstr(at, piece)); at += strlen(piece))
		n++;
	return n;
}
