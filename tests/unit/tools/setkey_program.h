/*
 * setkey_program.h: setkey as a child process against a server without packets, for tests of what
 * it says and does. One server and one result at a time.
 */
#ifndef CYGNET_TEST_SETKEY_PROGRAM_H
#define CYGNET_TEST_SETKEY_PROGRAM_H

#include "program.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define GCM	      " -E aes-gcm-16 \"12345678901234567890\";"

extern struct program_result r; /* of the last run */

/* Fixtures. */
void setkey_server_start(void);
void setkey_server_stop(void);

/* setkey OPTIONS.. with text as its standard input. */
void setkey(const char *options, const char *text);
/* The same until piece stood so often in its output. */
void setkey_until(const char *options, const char *piece, unsigned times);
/* As setkey -F, without the process. */
void setkey_flush_sas(void);
/* The last run's exit status and all it said. */
void expect(int status, const char *out, const char *err);
/* A script that says nothing and succeeds. */
void script(const char *text);
/* How often piece stands in text. */
unsigned count(const char *text, const char *piece);

#endif
