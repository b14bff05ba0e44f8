/*
 * options.c: see options.h. Every value is checked whole; what this version cannot do is refused
 * rather than ignored.
 */
#include "gateway/dataplane/options.h"

#include "xfrm/xfrm.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"usage: cygnetd [options]\n"
	"Carries private packets between offices inside IPsec ESP (RFC 4303), in user space.\n"
	"SAs and policies come from setkey, or any NETLINK_XFRM client, over its socket.\n"
	"\n"
	"  --socket PATH      where clients connect (" CYGNET_SOCKET_DEFAULT
	", or $" CYGNET_SOCKET_ENV ")\n"
	"  --tun NAME         the TUN device to create (cygnet0)\n"
	"  --wire WAY         protocol 50: auto or raw, which are raw sockets, or fast: AF_XDP "
	"where\n"
	"                     it can be, past netfilter and queueing (auto)\n"
	"  --crypto BACKEND   auto, openssl or ipsec-mb; auto: IPSec-MB if it is there (auto)\n"
	"  --workers N        packet threads: 1, or 2, one for each direction (1)\n"
	"  --fragment WHEN    what may be fragmented, and is too big: before or after ESP "
	"(before)\n"
	"  --dummies SECONDS  SAs that send dummy packets do so every so often, on average (10)\n"
	"  --state-dir DIR    where sequence numbers outlive a restart (/var/lib/cygnet)\n"
	"  --user USER        whom to become after start (cygnet)\n"
	"  --log-level LEVEL  error, warn, info or debug (info)\n"
	"  --help, --version\n"
	"\n"
	"Runs in the foreground until SIGTERM or SIGINT, and removes its routes then.\n";

/* What an option with a fixed set of words takes. */
struct choice {
	const char *option;
	const char *allowed[4]; /* NULL-terminated */
};

static const struct choice wire_choice = {"--wire", {"auto", "raw", "fast"}};
static const struct choice crypto_choice = {"--crypto", {"auto", "openssl", "ipsec-mb"}};
static const struct choice workers_choice = {"--workers", {"1", "2"}};
static const struct choice fragment_choice = {"--fragment", {"before", "after"}};

/* Which of the words it is; -1 if none, and said. */
static int find_choice(const struct choice *c, const char *value)
{
	for (int i = 0; c->allowed[i]; i++) {
		if (strcmp(c->allowed[i], value) == 0)
			return i;
	}
	fprintf(stderr, "cygnetd: %s \"%s\": expected %s", c->option, value, c->allowed[0]);
	for (unsigned i = 1; c->allowed[i]; i++)
		fprintf(stderr, "%s%s", c->allowed[i + 1] ? ", " : " or ", c->allowed[i]);
	fputc('\n', stderr);
	return -1;
}

static bool check_choice(const struct choice *c, const char *value)
{
	return find_choice(c, value) >= 0;
}

static bool check_path(const char *option, const char *value)
{
	if (value[0] == '/')
		return true;
	fprintf(stderr, "cygnetd: %s \"%s\": expected an absolute path\n", option, value);
	return false;
}

/* A whole number from 1 to a day's seconds. */
static bool parse_seconds(const char *option, const char *value, unsigned *out)
{
	enum { DAY_S = 24 * 60 * 60 };
	char *end;
	unsigned long seconds = strtoul(value, &end, 10);

	if (value[0] < '0' || value[0] > '9' || *end || seconds < 1 || seconds > DAY_S) {
		fprintf(stderr, "cygnetd: %s \"%s\": expected seconds from 1 to %d\n", option,
			value, DAY_S);
		return false;
	}
	*out = (unsigned)seconds;
	return true;
}

enum {
	OPT_SOCKET = 256,
	OPT_TUN,
	OPT_WIRE,
	OPT_CRYPTO,
	OPT_WORKERS,
	OPT_FRAGMENT,
	OPT_DUMMIES,
	OPT_STATE_DIR,
	OPT_USER,
	OPT_LOG_LEVEL,
	OPT_HELP,
	OPT_VERSION
};

static const struct option longopts[] = {
	{"socket", required_argument, NULL, OPT_SOCKET},
	{"tun", required_argument, NULL, OPT_TUN},
	{"wire", required_argument, NULL, OPT_WIRE},
	{"crypto", required_argument, NULL, OPT_CRYPTO},
	{"workers", required_argument, NULL, OPT_WORKERS},
	{"fragment", required_argument, NULL, OPT_FRAGMENT},
	{"dummies", required_argument, NULL, OPT_DUMMIES},
	{"state-dir", required_argument, NULL, OPT_STATE_DIR},
	{"user", required_argument, NULL, OPT_USER},
	{"log-level", required_argument, NULL, OPT_LOG_LEVEL},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{NULL, 0, NULL, 0},
};

static enum options_result parse_one(int opt, const char *value, struct options *o)
{
	bool right = true;
	int choice;

	switch (opt) {
	case OPT_SOCKET:
		o->socket_path = value;
		right = check_path("--socket", value);
		break;
	case OPT_TUN:
		o->tun_name = value;
		break;
	case OPT_WIRE:
		choice = find_choice(&wire_choice, value);
		right = choice >= 0;
		o->wire = (enum wire_choice)choice;
		break;
	case OPT_CRYPTO:
		choice = find_choice(&crypto_choice, value);
		right = choice >= 0;
		o->crypto = (enum crypto_choice)choice;
		break;
	case OPT_WORKERS:
		choice = find_choice(&workers_choice, value);
		right = choice >= 0;
		o->workers = (unsigned)choice + 1;
		break;
	case OPT_FRAGMENT:
		right = check_choice(&fragment_choice, value);
		o->fragment_after = strcmp(value, "after") == 0;
		break;
	case OPT_DUMMIES:
		right = parse_seconds("--dummies", value, &o->dummies_s);
		break;
	case OPT_STATE_DIR:
		o->state_dir = value;
		right = check_path("--state-dir", value);
		break;
	case OPT_USER:
		o->user = value;
		break;
	case OPT_LOG_LEVEL:
		right = log_level_parse(value, &o->log_level);
		if (!right)
			fprintf(stderr,
				"cygnetd: --log-level \"%s\": expected error, warn, info or "
				"debug\n",
				value);
		break;
	case OPT_HELP:
		fputs(usage, stdout);
		return OPTIONS_DONE;
	case OPT_VERSION:
		puts("cygnetd " CYGNET_VERSION);
		return OPTIONS_DONE;
	default:
		right = false; /* getopt_long has said why */
		fputs("cygnetd: --help lists the options\n", stderr);
		break;
	}
	return right ? OPTIONS_RUN : OPTIONS_WRONG;
}

enum options_result options_parse(int argc, char **argv, struct options *out)
{
	const char *env = getenv(CYGNET_SOCKET_ENV);
	enum options_result result;
	int opt;

	*out = (struct options){
		.socket_path = env && *env ? env : CYGNET_SOCKET_DEFAULT,
		.tun_name = "cygnet0",
		.state_dir = "/var/lib/cygnet",
		.user = "cygnet",
		.log_level = LOG_LEVEL_INFO,
		.workers = 1,
		.dummies_s = 10,
	};
	while ((opt = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		result = parse_one(opt, optarg, out);
		if (result != OPTIONS_RUN)
			return result;
	}
	if (optind < argc) {
		fprintf(stderr, "cygnetd: \"%s\": expected no operand; --help lists the options\n",
			argv[optind]);
		return OPTIONS_WRONG;
	}
	return check_path(CYGNET_SOCKET_ENV, out->socket_path) ? OPTIONS_RUN : OPTIONS_WRONG;
}
