/*
 * setkey.c: setkey(8), manual keying: the command line. Statements come from a file, standard input
 * or an argument; -D and -F ask without a script. Talks NETLINK_XFRM, to cygnetd or to a kernel.
 */
#include "tools/execute.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum mode { MODE_NONE, MODE_SCRIPT, MODE_STDIN, MODE_ARGUMENT, MODE_DUMP, MODE_FLUSH };

enum long_option { OPTION_SOCKET = 256, OPTION_KERNEL, OPTION_DIALECT };

struct command_line {
	enum mode mode;
	int fd;		    /* of the script; -1: none */
	const char *script; /* of -e; what is left of it */
	bool policies;	    /* -P */
	struct session session;
};

static const struct option long_options[] = {
	{"socket", required_argument, NULL, OPTION_SOCKET},
	{"kernel", no_argument, NULL, OPTION_KERNEL},
	{"dialect", required_argument, NULL, OPTION_DIALECT},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

/* setkey has always ended so, with 1, on standard output. */
static int usage(void)
{
	fputs("usage: setkey [-knr] [--socket PATH | --kernel] -f FILE   statements from a file, - "
	      "is stdin\n"
	      "       setkey [-knr] [--socket PATH | --kernel] -c        statements from stdin, "
	      "going on after errors\n"
	      "       setkey [-knr] [--socket PATH | --kernel] -e TEXT   statements from the "
	      "argument\n"
	      "       setkey [-aNpP] [--socket PATH | --kernel] -D       show SAs; with -P "
	      "policies\n"
	      "       setkey [-P] [--socket PATH | --kernel] -F          remove SAs; with -P "
	      "policies\n"
	      "       setkey -V | -h\n"
	      "\n"
	      "  -n  check only: parse everything, send nothing\n"
	      "  -k  leave in policies alone; -r (default) give each a copy for forwarded packets\n"
	      "  -a  show dead SAs too       -p  show ports with addresses\n"
	      "  -N  leave out per-socket policies\n"
	      "  --socket PATH  cygnetd's socket (else $CYGNET_SOCKET, " CYGNET_SOCKET_DEFAULT ")\n"
	      "  --kernel       talk to the kernel's own IPsec\n",
	      stdout);
	return EXIT_FAILURE;
}

static int version(void)
{
	printf("setkey @(#) cygnet %s\n", CYGNET_VERSION);
	return EXIT_FAILURE;
}

static int not_yet(const char *what)
{
	fprintf(stderr, "setkey: %s is not supported yet\n", what);
	return EXIT_FAILURE;
}

/* ---- reading ------------------------------------------------------------------------------- */

static ssize_t read_fd(void *ctx, char *buf, size_t size)
{
	const struct command_line *cl = ctx;
	ssize_t got;

	do
		got = read(cl->fd, buf, size);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

static ssize_t read_argument(void *ctx, char *buf, size_t size)
{
	struct command_line *cl = ctx;
	size_t len = strnlen(cl->script, size);

	memcpy(buf, cl->script, len);
	cl->script += len;
	return (ssize_t)len;
}

static enum statement_result on_statement(void *ctx, const struct statement *st)
{
	return execute(&((struct command_line *)ctx)->session, st);
}

static void on_error(void *ctx, unsigned line, const char *text, const char *token)
{
	session_report_parse(&((struct command_line *)ctx)->session, line, text, token);
}

static void on_policy_syntax(void *ctx, const char *token)
{
	(void)ctx;
	fprintf(stderr, "libipsec: syntax error while parsing \"%s\"\n", token);
}

static int run_script(struct command_line *cl)
{
	const struct setkey_source source = {
		.read = cl->mode == MODE_ARGUMENT ? read_argument : read_fd,
		.ctx = cl,
	};
	const struct setkey_handlers handlers = {
		.statement = on_statement,
		.error = on_error,
		.policy_syntax = on_policy_syntax,
		.ctx = cl,
		.go_on = cl->mode == MODE_STDIN,
	};
	int rc = setkey_parse(&source, &handlers);

	if (rc < 0 && rc != -EINVAL)
		fprintf(stderr, "setkey: %s: %s\n", cl->session.file ? cl->session.file : "-",
			strerror(-rc));
	return rc;
}

/* ---- options ------------------------------------------------------------------------------- */

/* Opened while options are read: a file that is not there ends the program at once. */
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

/* -1 to go on, else the exit status. */
static int take_flag(struct command_line *cl, int option)
{
	const char later[] = {'-', (char)option, '\0'};

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
		cl->session.no_twins = true;
		return -1;
	case 'r':
		cl->session.no_twins = false;
		return -1;
	case 'H':
	case 'l':
	case 'v':
	case 'x':
		return not_yet(later);
	case 'V':
		return version();
	default:
		return usage();
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
	case OPTION_SOCKET:
		cl->session.socket_path = optarg;
		return -1;
	case OPTION_KERNEL:
		cl->session.kernel = true;
		return -1;
	case OPTION_DIALECT:
		return not_yet("--dialect");
	default:
		return take_flag(cl, option);
	}
}

static int parse_options(struct command_line *cl, int argc, char **argv)
{
	int option, rc;

	/* A script passes its own name: what is unknown gets the usage, not getopt's line. */
	opterr = 0;
	while ((option = getopt_long(argc, argv, "acDe:f:FHhklNnPprVvx", long_options, NULL)) !=
	       -1) {
		rc = take_option(cl, option);
		if (rc >= 0)
			return rc;
	}
	if (optind < argc)
		return not_yet("reading binary message files");
	return cl->mode == MODE_NONE ? usage() : -1;
}

static int run(struct command_line *cl)
{
	switch (cl->mode) {
	case MODE_DUMP:
		return cl->policies ? execute_dump_policies(&cl->session, 0)
				    : execute_dump(&cl->session, 0, SPROTO_NONE);
	case MODE_FLUSH:
		return cl->policies ? execute_flush_policies(&cl->session, 0)
				    : execute_flush(&cl->session, 0, SPROTO_NONE);
	default:
		return run_script(cl);
	}
}

int main(int argc, char **argv)
{
	struct command_line cl = {.fd = -1};
	int rc = parse_options(&cl, argc, argv);

	if (rc >= 0)
		return rc;
	rc = run(&cl);
	session_close(&cl.session);
	/* What was printed and could not be written was not shown. */
	if (fflush(stdout) != 0)
		rc = -errno;
	if (rc < 0 || cl.session.refused || cl.session.broken)
		return EXIT_FAILURE;
	return EXIT_SUCCESS;
}
