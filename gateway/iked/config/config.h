/*
 * config.h: cygnet.conf, which is swanctl.conf, as what ike-lite wants to know. Read by cygnet-iked at
 * start and by its --check and --load; keys.c has the one table of what is understood, warned about
 * and refused, which cygnet.conf(5) lists.
 */
#ifndef CYGNET_IKED_CONFIG_H
#define CYGNET_IKED_CONFIG_H

#include "gateway/iked/config/tree.h"
#include "ike-lite/ike.h"

/* A name in local_addrs or remote_addrs, which only a resolver knows more about. */
struct iked_host {
	unsigned connection; /* index in ike.connections */
	bool local;
	char name[CONFIG_NAME_MAX + 1];
};

enum { IKED_HOSTS_MAX = 256 };

struct iked_config {
	/* Connections have the addresses that are written as such; without any and with hosts they
	 * must not be given to the machine before one is resolved, or they would be for everybody. */
	struct ike_config ike; /* owned; secrets are cleansed */
	unsigned host_count;
	struct iked_host *hosts; /* owned */
};

/* Makes sense of the tree. 0 and *out (owned); -EINVAL: every problem was reported; -ENOMEM. */
int iked_config_interpret(const struct config_tree *tree, struct config_report *report,
			  struct iked_config **out) __attribute__((warn_unused_result));
void iked_config_free(struct iked_config *config); /* NULL is fine */

#endif
