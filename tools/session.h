/*
 * session.h: one run of setkey: what the command line said, the connection, and the shapes its
 * messages have. On Linux -f speaks to standard error with file and line, everything else to
 * standard output without; BSD's setkey always speaks to standard output. Scripts of old read all
 * of them. Shared by setkey.c and the executor.
 */
#ifndef CYGNET_TOOLS_SESSION_H
#define CYGNET_TOOLS_SESSION_H

#include "tools/dump.h"
#include "tools/parse.h"
#include "tools/trace.h"

struct session {
	/* Set by the command line. */
	const char *file;	 /* the operand of -f as typed; NULL: not a script */
	const char *socket_path; /* NULL: the default */
	bool kernel;		 /* --kernel */
	enum setkey_dialect dialect;
	bool dry_run;		    /* -n: send nothing */
	bool no_twins;		    /* -k: do not shadow in policies with fwd ones */
	bool ports, sockets;	    /* -p, -N: of dumps */
	bool interface_only;	    /* -t: of policy dumps */
	bool forever;		    /* -l: of SA dumps */
	struct trace_options trace; /* -v, -H */
	/* Of the run. */
	struct xfrm_client *client; /* owned; NULL until the first message */
	bool refused;		    /* something that was to be added was not: exit 1 */
	bool broken;		    /* no connection: stop */
};

void session_close(struct session *s);
/* Connects, if that has not happened. False, and reported, if it cannot. */
bool session_connect(struct session *s);
/* "FILE,LINE: TEXT", "TEXT." or "line LINE: TEXT." */
void session_report(const struct session *s, unsigned line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same, of what the server refused: setkey's words for it, and the server's where they say
 * more. */
void session_report_refusal(const struct session *s, unsigned line, const struct xfrm_error *err);
/* What could not be parsed: "TEXT at `TOKEN'" (bsd: [TOKEN]), and that it is over. */
void session_report_parse(const struct session *s, unsigned line, const char *text,
			  const char *token);
/* A key that does not fit: its length and the two it should lie between, then as above. */
void session_report_key(const struct session *s, unsigned line, const struct key_fault *fault);
/* Something worth knowing that changes nothing; standard error. */
void session_notice(const struct session *s, unsigned line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* ---- requests (exchange.c) ----------------------------------------------------------------- */

/* xfrm_client_request and xfrm_client_get, shown under -v. */
int session_request(struct session *s, struct xfrm_message *msg, struct xfrm_error *err)
	__attribute__((warn_unused_result));
int session_get(struct session *s, struct xfrm_message *msg, struct xfrm_message *reply,
		struct xfrm_error *err) __attribute__((warn_unused_result));
/* A flush, connecting first; that there was nothing is no failure. 0, or -errno, and reported. */
int session_flush(struct session *s, unsigned line, struct xfrm_message *msg);

struct dump_options session_dump_options(const struct session *s);

#endif
