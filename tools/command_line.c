/*
 * command_line.c: setkey's options. They may be grouped and repeated; of -c, -e, -f, -D, -F and -x
 * the last one counts. The dialect is found first, since it says what -h is.
 */
#include "tools/command_line.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum long_option { OPTION_SOCKET = 256, OPTION_KERNEL, OPTION_DIALECT, OPTION_HELP };

static const char short_options[] = "acDe:f:FgHhklNnPprtVvx";

static const struct option long_options[] = {
	{"socket", required_argument, NULL, OPTION_SOCKET},
	{"kernel", no_argument, NULL, OPTION_KERNEL},
	{"dialect", required_argument, NULL, OPTION_DIALECT},
	{"help", no_argument, NULL, OPTION_HELP},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

static bool take_dialect(struct command_line *cl, const char *where, const char *name)
{
	if (dialect_lookup(name, &cl->session.dialect))
		return true;
	fprintf(stderr, "setkey: %s: linux or bsd is expected, not `%s'\n", where, name);
	return false;
}

/* The environment, and then the last --dialect. */
static bool find_dialect(struct command_line *cl, int argc, char **argv)
{
	const char *named = getenv(SETKEY_DIALECT_ENV);
	int option;

	if (named && named[0] && !take_dialect(cl, SETKEY_DIALECT_ENV, named))
		return false;
	while ((option = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
		if (option == OPTION_DIALECT && !take_dialect(cl, "--dialect", optarg))
			return false;
	}
	optind = 0; /* and again from the start */
	return true;
}

static bool open_script(struct command_line *cl, const char *file)
{
	if (cl->fd > STDIN_FILENO)
		close(cl->fd);
	cl->fd = strcmp(file, "-") == 0 ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
	if (cl->fd < 0) {
		fprintf(stderr, "setkey: Can't open `%s': %s\n", file, strerror(errno));
		return false;
	}
	cl->mode = MODE_SCRIPT;
	cl->session.file = file;
	return true;
}

static void set_mode(struct command_line *cl, enum mode mode)
{
	cl->mode = mode;
	cl->session.file = NULL;
	if (mode == MODE_STDIN)
		cl->fd = STDIN_FILENO;
}

/* -k and -r, where there are twins at all. */
static void take_twins(struct command_line *cl, int option)
{
	if (cl->session.dialect == DIALECT_BSD)
		printf("setkey: -%c is not supported here and ignored\n", option);
	else
		cl->session.no_twins = option == 'k';
}

/* Letters that mean one thing in one dialect only. */
static int take_dialects_own(struct command_line *cl, int option)
{
	if (cl->session.dialect != DIALECT_BSD)
		return command_line_usage(cl->session.dialect);
	if (option == 'h')
		cl->session.trace.hex = true;
	else
		cl->session.interface_only = option == 't';
	return -1;
}

/* -1 to go on, else the exit status. */
static int take_flag(struct command_line *cl, int option)
{
	switch (option) {
	case 'P':
		cl->policies = true;
		return -1;
	case 'a': /* XFRM never hands out dead SAs: there are none to add */
		return -1;
	case 'n':
		cl->session.dry_run = true;
		return -1;
	case 'p':
		cl->session.ports = true;
		return -1;
	case 'N':
		cl->session.sockets = true;
		return -1;
	case 'k':
	case 'r':
		take_twins(cl, option);
		return -1;
	case 'g':
	case 't':
	case 'h':
		return take_dialects_own(cl, option);
	case 'H':
		cl->session.trace.hex = true;
		return -1;
	case 'l':
		cl->session.forever = true;
		return -1;
	case 'v':
		cl->session.trace.on = true;
		return -1;
	case 'V':
		return command_line_version();
	default:
		return command_line_usage(cl->session.dialect);
	}
}

static int take_option(struct command_line *cl, int option)
{
	switch (option) {
	case 'c':
		set_mode(cl, MODE_STDIN);
		return -1;
	case 'e':
		set_mode(cl, MODE_ARGUMENT);
		cl->script = optarg;
		return -1;
	case 'f':
		return open_script(cl, optarg) ? -1 : EXIT_FAILURE;
	case 'D':
		set_mode(cl, MODE_DUMP);
		return -1;
	case 'F':
		set_mode(cl, MODE_FLUSH);
		return -1;
	case 'x':
		set_mode(cl, MODE_MONITOR);
		cl->x++;
		return -1;
	case OPTION_SOCKET:
		cl->session.socket_path = optarg;
		return -1;
	case OPTION_KERNEL:
		cl->session.kernel = true;
		return -1;
	case OPTION_DIALECT: /* known already */
		return -1;
	default:
		return take_flag(cl, option);
	}
}

/* setkey never wrote such a file, and PF_KEY is not what is spoken here. */
static int refuse_operand(const char *operand)
{
	fprintf(stderr,
		"setkey: %s: files of binary PF_KEY messages are not read; statements are read "
		"with -f\n",
		operand);
	return EXIT_FAILURE;
}

int command_line_parse(struct command_line *cl, int argc, char **argv)
{
	int option, rc;

	/* A script passes its own name: what is unknown gets the usage, not getopt's line. */
	opterr = 0;
	if (!find_dialect(cl, argc, argv))
		return EXIT_FAILURE;
	cl->session.no_twins = cl->session.dialect == DIALECT_BSD;
	while ((option = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
		rc = take_option(cl, option);
		if (rc >= 0)
			return rc;
	}
	/* -l is of -D: a dump statement in a script comes to an end. */
	cl->session.forever &= cl->mode == MODE_DUMP;
	if (optind < argc)
		return refuse_operand(argv[optind]);
	return cl->mode == MODE_NONE ? command_line_usage(cl->session.dialect) : -1;
}
