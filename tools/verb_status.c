/*
 * verb_status.c: "cygnet status": asks cygnetd for its status, its tunnels and its SAs, and cygnet-iked,
 * if it runs, for its IKE SAs, and prints them. Keys that come with an SA are dropped on arrival.
 */
#include "tools/cygnet.h"
#include "tools/iked.h"
#include "tools/status.h"

#include <errno.h>
#include <getopt.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Makes room for one more of size bytes; entries grow by doubling. */
static void *one_more(void *array, size_t len, size_t size)
{
	if (len & (len - 1))
		return array; /* not a power of two: there is room */
	return reallocarray(array, len ? 2 * len : 1, size);
}

static int add_tunnel(void *ctx, const struct xfrm_message *entry)
{
	struct status_report *report = ctx;
	struct cygnet_tunnel *grown;

	grown = one_more(report->tunnels, report->tunnels_len, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	report->tunnels = grown;
	grown[report->tunnels_len++] = entry->tunnel;
	return 0;
}

static int add_sa(void *ctx, const struct xfrm_message *entry)
{
	struct status_report *report = ctx;
	struct status_sa *grown = one_more(report->sas, report->sas_len, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	report->sas = grown;
	grown += report->sas_len++;
	grown->config = entry->sa.config;
	explicit_bzero(&grown->config.keys, sizeof(grown->config.keys));
	grown->status = entry->sa.status;
	return 0;
}

void status_report_free(struct status_report *report)
{
	free(report->tunnels);
	free(report->sas);
	json_decref(report->ike);
}

/* ---- which end of an SA is this host? XFRM does not say ------------------------------------ */

static bool is_addr(const struct sockaddr *sa, const struct ip_addr *addr)
{
	struct ip_addr own;

	if (!sa || sa->sa_family != addr->family)
		return false;
	if (sa->sa_family == AF_INET)
		own = ip_addr_v4(&((const struct sockaddr_in *)(const void *)sa)->sin_addr);
	else if (sa->sa_family == AF_INET6)
		own = ip_addr_v6(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr);
	else
		return false;
	return ip_addr_equal(&own, addr);
}

static bool is_local(const struct ifaddrs *addrs, const struct ip_addr *addr)
{
	for (; addrs; addrs = addrs->ifa_next) {
		if (is_addr(addrs->ifa_addr, addr))
			return true;
	}
	return false;
}

static void find_directions(struct status_report *report)
{
	struct ifaddrs *addrs = NULL;

	if (getifaddrs(&addrs) < 0)
		addrs = NULL; /* what was used tells its direction all the same */
	for (size_t i = 0; i < report->sas_len; i++) {
		struct status_sa *sa = &report->sas[i];

		if (sa->status.out_seq || is_local(addrs, &sa->config.src))
			sa->status.directions |= SA_OUT;
		if (sa->status.in_seq || is_local(addrs, &sa->config.id.dst))
			sa->status.directions |= SA_IN;
	}
	freeifaddrs(addrs);
}

static int collect(struct xfrm_client *client, struct status_report *report, struct xfrm_error *err)
{
	struct xfrm_message msg = {.type = CYGNET_MSG_GETSTATUS}, reply = {0};
	int rc = xfrm_client_get(client, &msg, &reply, err);

	if (rc < 0)
		return rc;
	report->daemon = reply.status;
	msg = (struct xfrm_message){.type = CYGNET_MSG_GETTUNNEL, .dump = true};
	rc = xfrm_client_dump(client, &msg, add_tunnel, report, err);
	if (rc < 0)
		return rc;
	msg = (struct xfrm_message){.type = XFRM_MSG_GETSA, .dump = true};
	return xfrm_client_dump(client, &msg, add_sa, report, err);
}

/* 0 or -errno, reported. */
static int fetch(const struct cygnet_options *options, struct status_report *report)
{
	struct xfrm_client *client;
	struct xfrm_error err = {0};
	int rc = xfrm_client_open(options->socket_path, false, &client, &err);

	report->ike = iked_status();
	/* One of them runs: that is what there is to tell. */
	if ((rc == -ENOENT || rc == -ECONNREFUSED) && report->ike) {
		report->no_cygnetd = true;
		return 0;
	}
	if (rc == 0) {
		rc = collect(client, report, &err);
		xfrm_client_close(client);
	}
	if (rc < 0)
		fprintf(stderr, "cygnet: status: %s\n", err.text[0] ? err.text : strerror(-rc));
	return rc;
}

static int usage(FILE *out, int status)
{
	fputs("usage: cygnet status [--json] [-a | --all]\n\n"
	      "  --json     for machines: one JSON object\n"
	      "  -a, --all  counters that stand at 0 too\n",
	      out);
	return status;
}

int verb_status(const struct cygnet_options *options, int argc, char **argv)
{
	static const struct option long_options[] = {
		{"json", no_argument, NULL, 'j'},
		{"all", no_argument, NULL, 'a'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct status_report report = {.now = (uint64_t)time(NULL)};
	bool json = false, all = false;
	int option, rc;

	while ((option = getopt_long(argc, argv, "ah", long_options, NULL)) != -1) {
		if (option == 'j')
			json = true;
		else if (option == 'a')
			all = true;
		else
			return option == 'h' ? usage(stdout, EXIT_SUCCESS)
					     : usage(stderr, EXIT_FAILURE);
	}
	if (optind < argc)
		return usage(stderr, EXIT_FAILURE);
	rc = fetch(options, &report);
	report.same_version = !strcmp(report.daemon.version, CYGNET_VERSION);
	find_directions(&report);
	if (rc == 0 && json)
		rc = status_print_json(stdout, &report);
	else if (rc == 0 && !report.no_cygnetd)
		status_print(stdout, &report, all);
	if (rc == 0 && !json && report.ike)
		status_print_ike(stdout, report.ike);
	status_report_free(&report);
	if (fflush(stdout) != 0)
		rc = -errno;
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
