/*
 * apply.c: a configuration on its way to the machine: names become addresses, connections whose peer
 * has none yet wait.
 */
#include "gateway/iked/check.h"
#include "gateway/iked/iked.h"
#include "gateway/iked/resolve.h"

#include "gateway/dataplane/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void add_addresses(const struct resolve *resolve, const struct iked_host *host,
			  struct ike_connection *conn)
{
	struct ip_prefix *list = host->local ? conn->local : conn->remote;
	unsigned *count = host->local ? &conn->local_count : &conn->remote_count;
	struct ip_addr addrs[IKE_ADDRS_MAX];
	unsigned found = resolve_lookup(resolve, host->name, addrs, IKE_ADDRS_MAX - *count);

	for (unsigned i = 0; i < found; i++)
		list[(*count)++] =
			(struct ip_prefix){.addr = addrs[i], .len = ip_addr_bits(&addrs[i])};
}

/* False: it has names only, and none is resolved: without addresses it would be for everybody. */
static bool resolve_connection(const struct iked *d, const struct iked_config *config, unsigned i,
			       struct ike_connection *conn)
{
	bool local = false, remote = false;

	for (unsigned h = 0; h < config->host_count; h++) {
		const struct iked_host *host = &config->hosts[h];

		if (host->connection != i)
			continue;
		local |= host->local;
		remote |= !host->local;
		add_addresses(d->resolve, host, conn);
	}
	return (!local || conn->local_count) && (!remote || conn->remote_count);
}

static int configure(struct iked *d, const struct iked_config *config, char why[static 160])
{
	struct ike_config ready = config->ike;
	int rc;

	ready.connections = calloc(config->ike.connection_count + 1, sizeof(*ready.connections));
	if (!ready.connections)
		return -ENOMEM;
	ready.connection_count = 0;
	for (unsigned i = 0; i < config->ike.connection_count; i++) {
		struct ike_connection *conn = &ready.connections[ready.connection_count];

		*conn = config->ike.connections[i];
		if (resolve_connection(d, config, i, conn))
			ready.connection_count++;
	}
	rc = ike_configure(d->ike, iked_now_ms(), &ready, why);
	free(ready.connections);
	return rc;
}

int iked_apply(struct iked *d, const struct config_tree *tree, struct config_report *report)
{
	struct iked_config *config = NULL;
	char why[160] = "out of memory";
	int rc = iked_config_interpret(tree, report, &config);

	if (rc)
		return rc;
	if (d->options->kernel && iked_check_for_kernel(config, report) < 0) {
		iked_config_free(config);
		return -EINVAL;
	}
	rc = resolve_watch(d->resolve, config);
	if (!rc)
		rc = configure(d, config, why);
	if (rc) {
		config_error(report, NULL, "%s", why);
		if (d->config)
			(void)resolve_watch(d->resolve, d->config);
		iked_config_free(config);
		return rc;
	}
	iked_config_free(d->config);
	d->config = config;
	iked_pump(d);
	return 0;
}

const char *iked_missing_address(const struct iked *d, const char *connection)
{
	for (unsigned h = 0; d->config && h < d->config->host_count; h++) {
		const struct iked_host *host = &d->config->hosts[h];
		struct ike_connection conn = d->config->ike.connections[host->connection];
		struct ip_addr addr;

		if (strcmp(conn.name, connection) == 0 &&
		    !resolve_connection(d, d->config, host->connection, &conn) &&
		    resolve_lookup(d->resolve, host->name, &addr, 1) == 0)
			return host->name;
	}
	return NULL;
}

void iked_on_resolved(void *ctx)
{
	struct iked *d = ctx;
	char why[160];

	if (!d->config)
		return;
	if (configure(d, d->config, why) < 0)
		log_err("new addresses of peers: %s", why);
	iked_pump(d);
}
