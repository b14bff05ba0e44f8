/*
 * options.c: see options.h.
 */
#include "gateway/iked/options.h"

#include "xfrm/xfrm.h"

#include <assert.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"usage: cygnet-iked [--config FILE] [--socket PATH | --kernel] [options]\n"
	"Makes, renews and ends IPsec tunnels by IKEv2 (RFC 7296) with pre-shared keys.\n"
	"\n"
	"  --config FILE      cygnet.conf(5), swanctl.conf's language (/etc/cygnet/cygnet.conf)\n"
	"  --socket PATH      cygnetd's socket (" CYGNET_SOCKET_DEFAULT ", or $" CYGNET_SOCKET_ENV
	")\n"
	"  --kernel           the kernel's own IPsec instead of cygnetd\n"
	"  --no-invalid-selectors\n"
	"                     peers are not told of packets that do not fit their SA\n"
	"  --control PATH     where cygnet(8) finds us (" CYGNET_IKED_SOCKET_DEFAULT
	", or $" CYGNET_IKED_SOCKET_ENV ")\n"
	"  --state-dir DIR    what outlives a restart (/var/lib/cygnet)\n"
	"  --user USER        whom to become after start (cygnet)\n"
	"  --log-level LEVEL  error, warn, info or debug (info)\n"
	"  --check            only says whether the file is right, and what it will do\n"
	"  --load             hands the file to the cygnet-iked that runs\n"
	"  --help, --version\n"
	"\n"
	"Runs in the foreground until SIGTERM or SIGINT, and takes its tunnels down then.\n";

enum {
	OPT_CONFIG = 256,
	OPT_SOCKET,
	OPT_KERNEL,
	OPT_NO_INVALID_SELECTORS,
	OPT_CONTROL,
	OPT_STATE_DIR,
	OPT_USER,
	OPT_LOG_LEVEL,
	OPT_CHECK,
	OPT_LOAD,
	OPT_HELP,
	OPT_VERSION
};

static const struct option longopts[] = {
	{"config", required_argument, NULL, OPT_CONFIG},
	{"socket", required_argument, NULL, OPT_SOCKET},
	{"kernel", no_argument, NULL, OPT_KERNEL},
	{"no-invalid-selectors", no_argument, NULL, OPT_NO_INVALID_SELECTORS},
	{"control", required_argument, NULL, OPT_CONTROL},
	{"state-dir", required_argument, NULL, OPT_STATE_DIR},
	{"user", required_argument, NULL, OPT_USER},
	{"log-level", required_argument, NULL, OPT_LOG_LEVEL},
	{"check", no_argument, NULL, OPT_CHECK},
	{"load", no_argument, NULL, OPT_LOAD},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{NULL, 0, NULL, 0},
};

static enum iked_parsed wrong(const char *what, const char *value, const char *expected)
{
	fprintf(stderr, "cygnet-iked: %s \"%s\": expected %s\n", what, value, expected);
	return IKED_WRONG;
}

static enum iked_parsed parse_one(int opt, const char *value, struct iked_options *o)
{
	switch (opt) {
	case OPT_CONFIG:
		o->config_path = value;
		o->config_given = true;
		break;
	case OPT_SOCKET:
		o->socket_path = value;
		break;
	case OPT_KERNEL:
		o->kernel = true;
		break;
	case OPT_NO_INVALID_SELECTORS:
		o->no_invalid_selectors = true;
		break;
	case OPT_CONTROL:
		o->control_path = value;
		break;
	case OPT_STATE_DIR:
		o->state_dir = value;
		break;
	case OPT_USER:
		o->user = value;
		break;
	case OPT_LOG_LEVEL:
		if (!log_level_parse(value, &o->log_level))
			return wrong("--log-level", value, "error, warn, info or debug");
		break;
	case OPT_CHECK:
		o->task = IKED_CHECK;
		break;
	case OPT_LOAD:
		o->task = IKED_LOAD;
		break;
	case OPT_HELP:
		fputs(usage, stdout);
		return IKED_DONE;
	case OPT_VERSION:
		puts("cygnet-iked " CYGNET_VERSION);
		return IKED_DONE;
	default: /* getopt_long has said why */
		fputs("cygnet-iked: --help lists the options\n", stderr);
		return IKED_WRONG;
	}
	return IKED_PARSED;
}

static enum iked_parsed check(const struct iked_options *o)
{
	assert(o->control_path && o->state_dir); /* getopt gives no option without its word */
	if (o->kernel && o->socket_path) {
		fputs("cygnet-iked: --socket and --kernel: expected one of them\n", stderr);
		return IKED_WRONG;
	}
	if (o->control_path[0] != '/')
		return wrong("--control", o->control_path, "an absolute path");
	if (o->state_dir[0] != '/')
		return wrong("--state-dir", o->state_dir, "an absolute path");
	return IKED_PARSED;
}

enum iked_parsed iked_options_parse(int argc, char **argv, struct iked_options *out)
{
	const char *env = getenv(CYGNET_IKED_SOCKET_ENV);
	enum iked_parsed result;
	int opt;

	*out = (struct iked_options){
		.config_path = "/etc/cygnet/cygnet.conf",
		.control_path = env && *env ? env : CYGNET_IKED_SOCKET_DEFAULT,
		.state_dir = "/var/lib/cygnet",
		.user = "cygnet",
		.log_level = LOG_LEVEL_INFO,
	};
	while ((opt = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		result = parse_one(opt, optarg, out);
		if (result != IKED_PARSED)
			return result;
	}
	if (optind < argc)
		return wrong("operand", argv[optind], "none; --help lists the options");
	return check(out);
}
