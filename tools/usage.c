/*
 * usage.c: what setkey says about itself. setkey.8 is held against it by a test.
 */
#include "tools/command_line.h"

#include <stdlib.h>

static const char forms[] =
	"usage: setkey [OPTIONS] -f FILE      statements from a file, - is stdin\n"
	"       setkey [OPTIONS] -c           statements from stdin\n"
	"       setkey [OPTIONS] -e TEXT      statements from the argument\n"
	"       setkey [OPTIONS] -D           show SAs; with -P policies\n"
	"       setkey [OPTIONS] -F           remove SAs; with -P policies\n"
	"       setkey [OPTIONS] -x | -xx     show events as they come, with clock or seconds\n"
	"       setkey -V | -?\n"
	"\n"
	"  -n  check only: parse everything, send nothing\n"
	"  -a  show dead SAs too        -p  show ports with addresses\n"
	"  -l  with -D: one line an SA, again every second\n"
	"  -N  leave out per-socket policies\n"
	"  -v  show every message       -H  and its bytes, keys blanked\n";

static const char linux_options[] =
	"  -k  leave in policies alone  -r  (default) give each a copy for forwarded packets\n"
	"  -h  this text\n";

static const char bsd_options[] =
	"  -k, -r  nothing: policies have no copies here\n"
	"  -h  as -H\n"
	"  -g  show policies of all interfaces only  -t  those of one interface only\n";

static const char long_options[] =
	"  --socket PATH        cygnetd's socket (else $CYGNET_SOCKET, " CYGNET_SOCKET_DEFAULT ")\n"
	"  --kernel             talk to the kernel's own IPsec\n"
	"  --dialect linux|bsd  which setkey to be (else $" SETKEY_DIALECT_ENV ", linux)\n"
	"  --help, --version\n"
	"\n"
	"setkey(8) describes the statements.\n";

int command_line_usage(enum setkey_dialect dialect)
{
	fputs(forms, stdout);
	fputs(dialect == DIALECT_BSD ? bsd_options : linux_options, stdout);
	fputs(long_options, stdout);
	return EXIT_FAILURE;
}

int command_line_version(void)
{
	printf("setkey @(#) cygnet %s\n", CYGNET_VERSION);
	return EXIT_FAILURE;
}
